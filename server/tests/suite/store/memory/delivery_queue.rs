//! Events owed to sinks.

use lamplight_server::store::tally::settlement_change;
use lamplight_server::store::{
    Answer, BackfillAsk, BackfillCount, DeliveryAsk, DeliveryQueue, DeliveryStep, DeliveryTicket,
    Lease, LeasedDelivery, RetryAsk, RetryCount, RowId, Settlement, SinkRow,
};
use tokio::sync::watch;

use super::events::MemoryEvents;
use super::tables::answer;

impl DeliveryQueue for MemoryEvents {
    fn lease(&self, ask: DeliveryAsk) -> Answer<'_, (Lease, Vec<LeasedDelivery>)> {
        let lease = Lease { token: ask.token, until_ms: ask.now_ms.saturating_add(ask.lease_ms) };
        answer(self.tables.write(|tables| {
            let tickets = tables.deliveries.lease(&ask, lease);
            let with_row = |ticket: DeliveryTicket| {
                let row = tables.row_to_deliver(ticket.event());
                LeasedDelivery { ticket, row }
            };
            Ok((lease, tickets.into_iter().map(with_row).collect()))
        }))
    }

    fn settle(&self, settlement: Settlement) -> Answer<'_, ()> {
        answer(self.tables.write(|tables| {
            tables.deliveries.settle(&settlement)?;
            tables.tallies.add(&settlement_change(&settlement));
            Ok(())
        }))
    }

    fn pause_sink(&self, sink: String, pause: bool, now_ms: i64) -> Answer<'_, bool> {
        let paused = self.tables.write(|tables| Ok(tables.deliveries.pause(&sink, pause, now_ms)));
        self.wake_lanes();
        answer(paused)
    }

    fn retry_dead(&self, ask: RetryAsk) -> Answer<'_, RetryCount> {
        let retried = self.tables.write(|tables| Ok(tables.deliveries.retry_dead(&ask)));
        self.wake_lanes();
        answer(retried)
    }

    fn backfill(&self, ask: BackfillAsk) -> Answer<'_, Option<BackfillCount>> {
        let filled = self.tables.write(|tables| Ok(tables.deliveries.backfill(&ask, &self.routes)));
        self.wake_lanes();
        answer(filled)
    }

    fn sinks(&self) -> Answer<'_, Vec<SinkRow>> {
        answer(self.tables.read(|tables| tables.deliveries.list()))
    }

    fn steps(&self, event: RowId) -> Answer<'_, Vec<DeliveryStep>> {
        answer(self.tables.read(|tables| tables.deliveries.steps(event)))
    }

    fn queued(&self) -> watch::Receiver<u64> {
        self.queued.subscribe()
    }
}

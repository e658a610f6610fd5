//! The real delivery queue, checked: every call passes a gate before and after, may fail, and is
//! recorded. Also the mutants that the laws must catch.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard};

use lamplight_server::store::{
    Answer, BackfillAsk, BackfillCount, DeadLetter, DeadLetterQuery, DeliveryAsk, DeliveryEnding,
    DeliveryQueue, DeliveryStep, DeliveryTicket, DiscardAsk, LeasedDelivery, RetryAsk, RetryCount,
    RowId, SettledDelivery, Settlement, SinkRow, StoreError,
};
use lamplight_server::store::{Lease, LeaseToken};
use tokio::sync::watch;
use uuid::Uuid;

use crate::deliver::event::SINKS;
use crate::deliver::gates::{Gates, wait};
use crate::deliver::recorder::Recorder;

/// What all parts of a simulation share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) gates: Gates,
    recorder: Mutex<Recorder>,
}

impl Shared {
    pub(crate) fn new(recorder: Recorder) -> Self {
        Self { gates: Gates::default(), recorder: Mutex::new(recorder) }
    }

    pub(crate) fn recorder(&self) -> MutexGuard<'_, Recorder> {
        self.recorder.lock().unwrap()
    }
}

/// A bug that the laws must catch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Mutant {
    #[default]
    None,
    /// A delivery is settled before it is sent.
    SettlesFirst,
    /// Settling is allowed with any lease.
    AnyLease,
    /// A retried event gets another id.
    FreshIds,
    /// A retried event gets another time.
    FreshTimes,
    /// Earlier attempts are forgotten.
    ForgetsAttempts,
    /// A paused sink gets its deliveries.
    IgnoresPause,
    /// A replay creates new rows.
    ReplaysAsNew,
}

/// The delivery queue, checked.
pub(crate) struct CheckedQueue {
    pub(crate) delivery_queue: Arc<dyn DeliveryQueue>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) mutant: Mutant,
    pub(crate) settled_first: Mutex<HashSet<LeaseToken>>,
}

fn name(sink: &str) -> &'static str {
    SINKS.into_iter().find(|known| *known == sink).unwrap()
}

impl CheckedQueue {
    /// Passes a gate. Sometimes gives an error, as a database would.
    async fn gate(&self) -> Result<(), StoreError> {
        self.shared.gates.pass().await;
        let mut recorder = self.shared.recorder();
        let fails = recorder.store_fails && recorder.random.percent(3);
        if fails { Err(StoreError::Down { retry_after_s: 1 }) } else { Ok(()) }
    }

    async fn checked_lease(
        &self,
        ask: DeliveryAsk,
    ) -> Result<(Lease, Vec<LeasedDelivery>), StoreError> {
        self.gate().await?;
        let (sink, now_ms) = (name(&ask.sink), ask.now_ms);
        if self.mutant == Mutant::IgnoresPause {
            wait(self.delivery_queue.pause_sink(sink.into(), false, now_ms))?;
        }
        let (lease, mut leased) = wait(self.delivery_queue.lease(ask))?;
        for delivery in &mut leased {
            let (owed, is_there) = ((sink, delivery.ticket.event()), delivery.row.is_some());
            self.shared.recorder().leased(owed, lease, now_ms, is_there);
            self.mutate(delivery);
        }
        if self.mutant == Mutant::SettlesFirst && !leased.is_empty() {
            let sent = |it: &LeasedDelivery| SettledDelivery {
                ticket: it.ticket,
                ending: DeliveryEnding::Sent,
            };
            let deliveries = leased.iter().map(sent).collect();
            let settlement =
                Settlement { sink: sink.into(), lease, deliveries, condition: None, now_ms };
            self.settle_now(&settlement)?;
            self.settled_first.lock().unwrap().insert(lease.token);
        }
        self.gate().await?;
        Ok((lease, leased))
    }

    fn mutate(&self, LeasedDelivery { ticket, row }: &mut LeasedDelivery) {
        let Some(row) = row else { return };
        match self.mutant {
            Mutant::FreshIds if ticket.attempts() > 1 => {
                row.id = RowId(Uuid::from_u128(row.id.0.as_u128() ^ u128::from(ticket.attempts())));
            }
            Mutant::FreshTimes => row.time_ms += i64::from(ticket.attempts()),
            Mutant::ForgetsAttempts => {
                let (event, queued_ms) = (ticket.event(), ticket.queued_ms());
                *ticket = DeliveryTicket::new(event, queued_ms, 1, ticket.steps(), ticket.bytes());
            }
            _ => {}
        }
    }

    async fn checked_settle(&self, settlement: Settlement) -> Result<(), StoreError> {
        self.gate().await?;
        if !self.settled_first.lock().unwrap().remove(&settlement.lease.token) {
            self.settle_now(&settlement)?;
        }
        self.gate().await
    }

    fn settle_now(&self, settlement: &Settlement) -> Result<(), StoreError> {
        let sink = name(&settlement.sink);
        let settled = match self.mutant {
            Mutant::AnyLease => self.settle_as_the_holder(settlement),
            _ => wait(self.delivery_queue.settle(settlement.clone())),
        };
        let mut recorder = self.shared.recorder();
        match &settled {
            Ok(()) => {
                for SettledDelivery { ticket, ending } in &settlement.deliveries {
                    let (owed, is_sent) =
                        ((sink, ticket.event()), matches!(ending, DeliveryEnding::Sent));
                    recorder.settled(owed, settlement.lease, settlement.now_ms, is_sent);
                }
            }
            Err(StoreError::LeaseLost) => recorder.late += 1,
            Err(_) => {}
        }
        settled
    }

    fn settle_as_the_holder(&self, settlement: &Settlement) -> Result<(), StoreError> {
        let sink = name(&settlement.sink);
        for delivery in &settlement.deliveries {
            let holder = self.shared.recorder().holder((sink, delivery.ticket.event()));
            let lease = holder.unwrap_or(settlement.lease);
            let deliveries = vec![delivery.clone()];
            wait(self.delivery_queue.settle(Settlement {
                lease,
                deliveries,
                ..settlement.clone()
            }))?;
        }
        Ok(())
    }
}

impl DeliveryQueue for CheckedQueue {
    fn lease(&self, ask: DeliveryAsk) -> Answer<'_, (Lease, Vec<LeasedDelivery>)> {
        Box::pin(self.checked_lease(ask))
    }
    fn settle(&self, settlement: Settlement) -> Answer<'_, ()> {
        Box::pin(self.checked_settle(settlement))
    }
    fn pause_sink(&self, sink: String, pause: bool, now_ms: i64) -> Answer<'_, bool> {
        self.delivery_queue.pause_sink(sink, pause, now_ms)
    }
    fn retry_dead(&self, ask: RetryAsk) -> Answer<'_, RetryCount> {
        self.delivery_queue.retry_dead(ask)
    }
    fn discard_dead(&self, ask: DiscardAsk) -> Answer<'_, RetryCount> {
        self.delivery_queue.discard_dead(ask)
    }
    fn dead_letters(&self, query: DeadLetterQuery) -> Answer<'_, Vec<DeadLetter>> {
        self.delivery_queue.dead_letters(query)
    }
    fn backfill(&self, ask: BackfillAsk) -> Answer<'_, Option<BackfillCount>> {
        self.delivery_queue.backfill(ask)
    }
    fn sinks(&self) -> Answer<'_, Vec<SinkRow>> {
        self.delivery_queue.sinks()
    }
    fn steps(&self, event: RowId) -> Answer<'_, Vec<DeliveryStep>> {
        self.delivery_queue.steps(event)
    }
    fn queued(&self) -> watch::Receiver<u64> {
        self.delivery_queue.queued()
    }
}

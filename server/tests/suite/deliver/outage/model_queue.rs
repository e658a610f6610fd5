//! A delivery queue that holds a million deliveries cheaply: those that were never tried are a
//! number.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use lamplight_server::store::{
    Answer, BackfillAsk, BackfillCount, DeadLetter, DeadLetterQuery, DeliveryAsk, DeliveryEnding,
    DeliveryQueue, DeliveryStep, DeliveryTicket, DiscardAsk, EventRow, Lease, LeasedDelivery,
    PayloadId, RetryAsk, RetryCount, RowId, Settlement, SinkRow,
};
use tokio::sync::watch;
use uuid::Uuid;

/// What is in the queue, and how many deliveries left it.
#[derive(Debug, Default)]
struct Model {
    /// Deliveries from this number on were never tried.
    next: u128,
    count: u128,
    retries: BTreeMap<(i64, RowId), DeliveryTicket>,
    sent: u64,
    dead: u64,
}

/// See the module.
pub(crate) struct ModelQueue {
    model: Mutex<Model>,
    queued: watch::Sender<u64>,
}

impl ModelQueue {
    pub(crate) fn new(count: u128) -> Self {
        let model = Mutex::new(Model { count, ..Model::default() });
        Self { model, queued: watch::Sender::new(0) }
    }

    /// How many deliveries were sent, and how many were given up.
    pub(crate) fn ended(&self) -> (u64, u64) {
        let model = self.model();
        (model.sent, model.dead)
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap()
    }
}

impl Model {
    fn lease(&mut self, ask: &DeliveryAsk) -> Vec<DeliveryTicket> {
        let places = ask.events_max as usize;
        let due = self.retries.iter().take_while(|((due_ms, _), _)| *due_ms <= ask.now_ms);
        let (isolated, again): (Vec<_>, Vec<_>) = due
            .take(places * 2)
            .map(|(key, ticket)| (Some(*key), *ticket))
            .partition(|(_, ticket)| ticket.failures().is_isolated());
        let fresh_max = ask.fresh_max(again.len()) as u128;
        let fresh = (self.next..self.count.min(self.next + fresh_max))
            .map(|number| (None, DeliveryTicket::new(RowId(Uuid::from_u128(number)), 0, 0, 1, 1)))
            .collect();
        let chosen = ask.choose(again, fresh, isolated.first().copied(), |_| 1);
        for (key, _) in &chosen {
            match key {
                Some(key) => drop(self.retries.remove(key)),
                None => self.next += 1,
            }
        }
        let attempted = |ticket: DeliveryTicket| {
            let (attempts, steps) = (ticket.attempts() + 1, ticket.steps());
            DeliveryTicket::new(ticket.event(), 0, attempts, steps, 1)
                .with_failures(ticket.failures())
        };
        chosen.into_iter().map(|(_, ticket)| attempted(ticket)).collect()
    }

    fn settle(&mut self, settlement: &Settlement) {
        for settled in &settlement.deliveries {
            match &settled.ending {
                DeliveryEnding::Sent => self.sent += 1,
                DeliveryEnding::RetryAt(due_ms, _) => {
                    self.retries.insert((*due_ms, settled.ticket.event()), settled.ticket);
                }
                DeliveryEnding::Dead(_) | DeliveryEnding::Dropped(_) => self.dead += 1,
            }
        }
    }
}

impl DeliveryQueue for ModelQueue {
    fn lease(&self, ask: DeliveryAsk) -> Answer<'_, (Lease, Vec<LeasedDelivery>)> {
        let lease = Lease { token: ask.token, until_ms: ask.now_ms + ask.lease_ms };
        let tickets = self.model().lease(&ask);
        let leased = tickets
            .into_iter()
            .map(|ticket| LeasedDelivery { ticket, row: Some(row(ticket.event())) })
            .collect();
        Box::pin(async move { Ok((lease, leased)) })
    }

    fn settle(&self, settlement: Settlement) -> Answer<'_, ()> {
        self.model().settle(&settlement);
        Box::pin(async { Ok(()) })
    }

    fn pause_sink(&self, _: String, _: bool, _: i64) -> Answer<'_, bool> {
        Box::pin(async { Ok(false) })
    }

    fn retry_dead(&self, _: RetryAsk) -> Answer<'_, RetryCount> {
        Box::pin(async { Ok(RetryCount::default()) })
    }

    fn discard_dead(&self, _: DiscardAsk) -> Answer<'_, RetryCount> {
        Box::pin(async { Ok(RetryCount::default()) })
    }

    fn dead_letters(&self, _: DeadLetterQuery) -> Answer<'_, Vec<DeadLetter>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn backfill(&self, _: BackfillAsk) -> Answer<'_, Option<BackfillCount>> {
        Box::pin(async { Ok(None) })
    }

    fn sinks(&self) -> Answer<'_, Vec<SinkRow>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn steps(&self, _: RowId) -> Answer<'_, Vec<DeliveryStep>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn queued(&self) -> watch::Receiver<u64> {
        self.queued.subscribe()
    }
}

fn row(id: RowId) -> EventRow {
    EventRow {
        id,
        kind: String::new(),
        name: String::new(),
        source: String::new(),
        ts_ms: None,
        time_ms: 0,
        received_ms: 0,
        created_day: 0,
        user_id: None,
        anonymous_id: None,
        session: None,
        number: None,
        event_id: None,
        payload: PayloadId(Uuid::nil()),
        index: 0,
        properties_json: None,
        context_json: None,
        monitor_json: None,
        enrichment_json: None,
        profile_json: None,
        outdated_traits: Vec::new(),
    }
}

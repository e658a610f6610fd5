//! A lane of a worker: one batch at a time is leased, sent and settled.
//!
//! The first lane waits for work. A lane that got a full batch wakes another, so a sink that is far behind gets
//! several batches at once, and one that is not gets single ones that are as full as can be.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::Worker;
use super::circuit::Circuit;
use super::ending::{Attempt, endings};
use crate::sinks::{Health, Limits, Report, Verdict};
use crate::store::{
    DeliveryAsk, DeliveryTicket, EventRow, LeasedDelivery, Reason, SettledDelivery, Settlement,
    SinkCondition, StoreError,
};
use crate::store::{Lease, LeaseToken};
use crate::system::entropy::EntropyError;

/// How long to sleep when nothing is due, at most: work that comes round again announces itself to nobody.
const IDLE: Duration = Duration::from_secs(1);
/// How long to let a batch gather after one that was not full.
const LINGER: Duration = Duration::from_millis(200);
/// How long sending one batch may take in all.
const SEND: Duration = Duration::from_secs(90);
/// How long a batch may take from lease to settle. Far longer than sending it may.
const LEASE_MS: i64 = 240_000;
/// How long to wait before another try to settle, when the database takes no writes.
const SETTLE_PAUSE: Duration = Duration::from_millis(500);

/// A step of delivering failed. What was leased comes round again.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// No lease token could be made.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What one round found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The sink rests.
    Rest(Duration),
    /// Nothing was due.
    Nothing,
    /// All that was due.
    All,
    /// As much as one batch holds; there may be more.
    Full,
}

/// One lane.
pub struct Lane {
    pub(super) worker: Arc<Worker>,
    pub(super) limits: Limits,
    pub(super) circuit: Arc<Mutex<Circuit>>,
    pub(super) more: Arc<Notify>,
    pub(super) is_first: bool,
}

impl Lane {
    pub(super) async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut queued = self.worker.delivery_queue.queued();
        while !*stop.borrow() {
            queued.mark_unchanged();
            let found = if self.is_first || !self.circuit(|circuit| circuit.is_failing()) {
                self.round().await.unwrap_or_else(|error| {
                    let (sink, error) = (&*self.worker.name, &error as &dyn std::error::Error);
                    tracing::error!(sink, error, "delivering paused");
                    Found::Rest(IDLE)
                })
            } else {
                Found::Nothing
            };
            let (pause, wakes_early) = match found {
                Found::Full => {
                    self.more.notify_one();
                    continue;
                }
                Found::Rest(rest) => (rest, false),
                Found::All => (LINGER, false),
                Found::Nothing => (IDLE, true),
            };
            if self.is_first {
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    _ = queued.changed(), if wakes_early => {}
                    _ = stop.changed() => {}
                }
            } else {
                tokio::select! {
                    () = self.more.notified() => {}
                    _ = stop.changed() => {}
                }
            }
        }
    }

    fn circuit<T>(&self, with: impl FnOnce(&mut Circuit) -> T) -> T {
        with(&mut self.circuit.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Delivers one batch of what is due. How each of it ended is durable when this returns `Ok`.
    ///
    /// Dropping the future leaves the batch to be leased again.
    ///
    /// # Errors
    /// [`DeliverError`]. What was leased then comes round again.
    pub async fn round(&self) -> Result<Found, DeliverError> {
        let now_ms = self.worker.clock.now_ms();
        let (rest_ms, events_max) =
            self.circuit(|circuit| (circuit.rest_ms(now_ms), circuit.events_max()));
        if rest_ms > 0 {
            return Ok(Found::Rest(Duration::from_millis(u64::try_from(rest_ms).unwrap_or(0))));
        }
        let ask = DeliveryAsk {
            sink: Arc::clone(&self.worker.name),
            token: LeaseToken(self.worker.entropy.bits()?),
            now_ms,
            lease_ms: LEASE_MS,
            events_max,
            bytes_max: self.limits.bytes_max,
        };
        let (lease, leased) = self.worker.delivery_queue.lease(ask).await?;
        if leased.is_empty() {
            return Ok(Found::Nothing);
        }
        let bytes: u64 = leased.iter().map(|delivery| delivery.ticket.bytes()).sum();
        let is_full = leased.len() >= events_max as usize || bytes >= self.limits.bytes_max / 2;
        let batch = Batch::sort(leased, self.limits.is_at_most_once);
        self.deliver(lease, batch).await?;
        Ok(if is_full { Found::Full } else { Found::All })
    }

    async fn deliver(&self, lease: Lease, batch: Batch) -> Result<(), DeliverError> {
        let Batch { tickets, events, left_out } = batch;
        let (sent, is_empty) = (events.len(), events.is_empty());
        let begun_ms = self.worker.clock.now_ms();
        let report = self.send(events).await;
        debug_assert_eq!(report.verdicts.len(), sent, "one verdict for each event");
        let now_ms = self.worker.clock.now_ms();
        if !is_empty {
            let taken = report.verdicts.iter().filter(|it| **it == Verdict::Sent).count();
            self.worker.throughput.record(taken as u64, begun_ms, now_ms);
        }
        #[allow(clippy::cast_possible_truncation, reason = "any 64 of the bits will do")]
        let random = self.worker.entropy.bits()? as u64;
        let condition = if is_empty {
            None
        } else {
            self.circuit(|circuit| judge(&report.health, circuit, now_ms, random))
        };
        let rest_ms = self.circuit(|circuit| circuit.rest_ms(now_ms));
        let is_stopped = matches!(report.health, Health::Stopped(_));
        let attempt = Attempt { retry: self.worker.retry, now_ms, rest_ms, is_stopped, random };
        self.tell(condition.as_ref());
        let deliveries =
            endings(&attempt, tickets, report.verdicts).chain(left_out).collect::<Vec<_>>();
        self.settle(lease, deliveries, condition).await
    }

    /// Logs what changed, without what the sink said, which may quote events.
    fn tell(&self, condition: Option<&SinkCondition>) {
        let sink = &*self.worker.name;
        match condition {
            Some(SinkCondition::Stopped(reason)) => {
                tracing::error!(sink, reason = reason.code, "a sink stopped; /api/totals says why");
            }
            Some(SinkCondition::Resting(_, reason)) => {
                tracing::warn!(sink, reason = reason.code, "a sink rests");
            }
            Some(SinkCondition::Up) => tracing::info!(sink, "a sink takes events again"),
            None => {}
        }
    }

    async fn send(&self, events: Vec<EventRow>) -> Report {
        if events.is_empty() {
            return Report { verdicts: Vec::new(), health: Health::Up };
        }
        let count = events.len();
        let sending = self.worker.sink.send(Arc::new(events), self.worker.clock.now_ms());
        tokio::time::timeout(SEND, sending).await.unwrap_or_else(|_| {
            let reason = Reason::new("timeout", "sending the batch took longer than 90 s");
            let health = Health::Busy(reason.clone(), None);
            let verdict = if self.limits.is_at_most_once {
                Verdict::Drop(reason)
            } else {
                Verdict::Retry(reason)
            };
            Report::all(count, &verdict, health)
        })
    }

    /// Settles. While the database takes no writes it is tried again, because what is not settled is sent again.
    async fn settle(
        &self,
        lease: Lease,
        deliveries: Vec<SettledDelivery>,
        condition: Option<SinkCondition>,
    ) -> Result<(), DeliverError> {
        let sink = Arc::clone(&self.worker.name);
        let mut settlement = Settlement { sink, lease, deliveries, condition, now_ms: 0 };
        loop {
            settlement.now_ms = self.worker.clock.now_ms();
            match self.worker.delivery_queue.settle(settlement.clone()).await {
                Err(StoreError::Down { .. } | StoreError::Full { .. })
                    if settlement.now_ms < lease.until_ms =>
                {
                    tokio::time::sleep(SETTLE_PAUSE).await;
                }
                settled => return Ok(settled?),
            }
        }
    }
}

/// What a sink can do from now on, if that changed.
fn judge(
    health: &Health,
    circuit: &mut Circuit,
    now_ms: i64,
    random: u64,
) -> Option<SinkCondition> {
    match health {
        Health::Up => circuit.succeeded().then_some(SinkCondition::Up),
        Health::Busy(reason, retry_after_ms) => {
            let until_ms = circuit.failed(now_ms, *retry_after_ms, random);
            Some(SinkCondition::Resting(until_ms, reason.clone()))
        }
        Health::Stopped(reason) => {
            circuit.failed(now_ms, None, random);
            Some(SinkCondition::Stopped(reason.clone()))
        }
    }
}

/// Leased deliveries: those to send, and those that are settled without.
struct Batch {
    tickets: Vec<DeliveryTicket>,
    events: Vec<EventRow>,
    left_out: Vec<SettledDelivery>,
}

impl Batch {
    fn sort(leased: Vec<LeasedDelivery>, is_at_most_once: bool) -> Self {
        let (mut tickets, mut events) = (Vec::new(), Vec::new());
        let mut left_out = Vec::new();
        for LeasedDelivery { ticket, row } in leased {
            match row {
                Some(_) if is_at_most_once && ticket.attempts() > 1 => {
                    let detail = "the server ended while it was being sent; it may have arrived";
                    left_out.push(super::ending::dropped(ticket, "interrupted", detail));
                }
                Some(row) => {
                    tickets.push(ticket);
                    events.push(row);
                }
                None => {
                    let detail = "the event was deleted before it could be sent";
                    left_out.push(super::ending::dropped(ticket, "deleted", detail));
                }
            }
        }
        Self { tickets, events, left_out }
    }
}

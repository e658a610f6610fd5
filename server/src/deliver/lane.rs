//! A lane of a worker: one batch at a time is leased, sent and settled.
//!
//! The first lane waits for work. A lane that got a full batch wakes another one, so a sink that is
//! far behind gets several batches at once, and one that keeps up gets single batches that are as
//! full as possible.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::Worker;
use super::circuit::Circuit;
use super::ending::{Attempt, Attempted, endings};
use crate::metrics::sink::SinkFailure;
use crate::sinks::{AttemptResult, BatchLimits, SendReport, SinkHealth};
use crate::store::{
    DeliveryAsk, DeliveryTicket, EventRow, LeasedDelivery, Reason, SettledDelivery, Settlement,
    SinkCondition, StoreError,
};
use crate::store::{Lease, LeaseToken};
use crate::system::entropy::EntropyError;

/// Longest sleep when nothing is due. Retries send no wake-up, so poll at least this often.
const IDLE: Duration = Duration::from_secs(1);
/// How long to let a batch gather after one that was not full.
const LINGER: Duration = Duration::from_millis(200);
/// How long sending one batch may take in all.
const SEND: Duration = Duration::from_secs(90);
/// How long a batch may take from lease to settle. Far longer than sending it may.
const LEASE_MS: i64 = 240_000;
/// How long to wait before settling again, when the database takes no writes.
const SETTLE_PAUSE: Duration = Duration::from_millis(500);

/// A step of delivering failed. What was leased is leased again when its lease ends.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// No lease token could be made.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How much of what was due one round delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveredBatch {
    /// Nothing: the circuit is open for this long.
    CircuitOpen(Duration),
    /// Nothing was due.
    Empty,
    /// All that was due.
    Partial,
    /// As much as one batch holds; there may be more.
    Full,
}

/// One lane.
pub struct Lane {
    pub(super) worker: Arc<Worker>,
    pub(super) limits: BatchLimits,
    pub(super) circuit: Arc<Mutex<Circuit>>,
    pub(super) more: Arc<Notify>,
    pub(super) is_first: bool,
}

impl Lane {
    /// Works until `stop` holds true. Finishes the batch that it has leased before it returns;
    /// dropped, it leaves that to be leased again.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut queued = self.worker.delivery_queue.queued();
        while !*stop.borrow() {
            queued.mark_unchanged();
            let delivered = if self.is_first || !self.circuit(|circuit| circuit.is_failing()) {
                self.round().await.unwrap_or_else(|error| {
                    let (sink, error) = (&*self.worker.name, &error as &dyn std::error::Error);
                    tracing::error!(sink, error, "failed to deliver; trying again in 1 s");
                    DeliveredBatch::CircuitOpen(IDLE)
                })
            } else {
                DeliveredBatch::Empty
            };
            let (pause, wakes_early) = match delivered {
                DeliveredBatch::Full => {
                    self.more.notify_one();
                    continue;
                }
                DeliveredBatch::CircuitOpen(pause) => (pause, false),
                DeliveredBatch::Partial => (LINGER, false),
                DeliveredBatch::Empty => (IDLE, true),
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

    /// Delivers one batch of what is due. Its results are durable when this returns `Ok`.
    ///
    /// Dropping the future leaves the batch to be leased again.
    ///
    /// # Errors
    /// [`DeliverError`]. What was leased is leased again when its lease ends.
    pub async fn round(&self) -> Result<DeliveredBatch, DeliverError> {
        let now_ms = self.worker.clock.now_ms();
        let (open_for_ms, events_max, order) = self.circuit(|circuit| {
            (circuit.open_for_ms(now_ms), circuit.events_max(), circuit.next_order())
        });
        if open_for_ms > 0 {
            let pause = Duration::from_millis(u64::try_from(open_for_ms).unwrap_or(0));
            return Ok(DeliveredBatch::CircuitOpen(pause));
        }
        let ask = DeliveryAsk {
            sink: Arc::clone(&self.worker.name),
            token: LeaseToken(self.worker.entropy.bits()?),
            now_ms,
            lease_ms: LEASE_MS,
            events_max,
            bytes_max: self.limits.bytes_max,
            order,
        };
        let (lease, leased) = self.worker.delivery_queue.lease(ask).await?;
        if leased.is_empty() {
            return Ok(DeliveredBatch::Empty);
        }
        let bytes: u64 = leased.iter().map(|delivery| delivery.ticket.bytes()).sum();
        let is_isolated = leased.iter().any(|it| it.ticket.failures().is_isolated());
        let is_full = leased.len() >= events_max as usize
            || bytes >= self.limits.bytes_max / 2
            || is_isolated;
        let batch = Batch::sort(leased, self.limits.is_at_most_once);
        self.deliver(lease, batch).await?;
        Ok(if is_full { DeliveredBatch::Full } else { DeliveredBatch::Partial })
    }

    async fn deliver(&self, lease: Lease, batch: Batch) -> Result<(), DeliverError> {
        let Batch { tickets, events, not_sent } = batch;
        let (sent, is_empty) = (events.len(), events.is_empty());
        // The monotonic clock, not the clock port: it measures how long the sink takes.
        let begun = Instant::now();
        let report = self.send(events).await;
        debug_assert_eq!(report.results.len(), sent, "one result for each event");
        let now_ms = self.worker.clock.now_ms();
        if !is_empty {
            let taken = report.results.iter().filter(|it| **it == AttemptResult::Sent).count();
            self.worker.metrics.throughput.record(taken as u64, begun.elapsed(), now_ms);
            self.record_results(&report.results, now_ms);
        }
        #[allow(clippy::cast_possible_truncation, reason = "any 64 of the bits will do")]
        let random = self.worker.entropy.bits()? as u64;
        let SendReport { results, health } = report;
        let (attempted, condition, open_for_ms) = self.circuit(|circuit| {
            if results.contains(&AttemptResult::Sent) {
                circuit.accepted(now_ms);
            }
            let attempted: Vec<_> = tickets
                .into_iter()
                .zip(results)
                .map(|(ticket, result)| {
                    let accepts_since = |ms| circuit.has_accepted_since(ms);
                    Attempted::new(ticket, result, &health, accepts_since)
                })
                .collect();
            // A failure counts once: against the event, or against the sink.
            let is_events = attempted.iter().any(|it| it.is_own);
            let condition = (!is_empty && !is_events)
                .then(|| new_condition(&health, circuit, now_ms, random))
                .flatten();
            (attempted, condition, circuit.open_for_ms(now_ms))
        });
        let is_stopped = matches!(health, SinkHealth::Stopped(_));
        let attempt = Attempt { retry: self.worker.retry, now_ms, open_for_ms, is_stopped, random };
        self.log_change(condition.as_ref());
        let deliveries = endings(&attempt, attempted).chain(not_sent).collect::<Vec<_>>();
        let ended = super::ending::count(&deliveries);
        self.settle(lease, deliveries, condition).await?;
        self.worker.metrics.record(ended);
        Ok(())
    }

    /// Records when the sink last took an event, and why it last did not.
    fn record_results(&self, results: &[AttemptResult], now_ms: i64) {
        if results.contains(&AttemptResult::Sent) {
            self.worker.metrics.took(now_ms);
        }
        let failed = results.iter().find_map(|result| match result {
            AttemptResult::Retry(reason)
            | AttemptResult::FailedAlone(reason)
            | AttemptResult::Reject(reason) => Some(reason),
            AttemptResult::Sent | AttemptResult::Drop(_) => None,
        });
        if let Some(reason) = failed {
            self.worker.metrics.failed(SinkFailure { at_ms: now_ms, why: reason.to_string() });
        }
    }

    /// Logs a new condition, without the sink's response, which may quote events.
    fn log_change(&self, condition: Option<&SinkCondition>) {
        let sink = &*self.worker.name;
        match condition {
            Some(SinkCondition::Stopped(reason)) => {
                tracing::error!(
                    sink,
                    reason = reason.code,
                    "the sink is stopped until its configuration changes; GET /api/totals has the cause"
                );
            }
            Some(SinkCondition::Resting(until_ms, reason)) => {
                let retry_at =
                    jiff::Timestamp::from_millisecond(*until_ms).ok().map(tracing::field::display);
                tracing::warn!(
                    sink,
                    reason = reason.code,
                    retry_at,
                    "delivery failed; the circuit is open"
                );
            }
            Some(SinkCondition::Up) => tracing::info!(sink, "the sink takes events again"),
            None => {}
        }
    }

    async fn send(&self, events: Vec<EventRow>) -> SendReport {
        if events.is_empty() {
            return SendReport { results: Vec::new(), health: SinkHealth::Up };
        }
        let count = events.len();
        let sending = self.worker.sink.send(Arc::new(events), self.worker.clock.now_ms());
        tokio::time::timeout(SEND, sending).await.unwrap_or_else(|_| {
            let reason = Reason::new("timeout", "sending the batch took longer than 90 s");
            let health = SinkHealth::Busy(reason.clone(), None);
            let result = if self.limits.is_at_most_once {
                AttemptResult::Drop(reason)
            } else if count == 1 {
                AttemptResult::FailedAlone(reason)
            } else {
                AttemptResult::Retry(reason)
            };
            SendReport::all(count, &result, health)
        })
    }

    /// Settles, and tries again while the database takes no writes: what is not settled is sent
    /// again.
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

/// The new condition of a sink, if it changed.
fn new_condition(
    health: &SinkHealth,
    circuit: &mut Circuit,
    now_ms: i64,
    random: u64,
) -> Option<SinkCondition> {
    match health {
        SinkHealth::Up => circuit.succeeded().then_some(SinkCondition::Up),
        SinkHealth::Busy(reason, retry_after_ms) => {
            let until_ms = circuit.failed(now_ms, *retry_after_ms, random);
            Some(SinkCondition::Resting(until_ms, reason.clone()))
        }
        SinkHealth::Stopped(reason) => {
            circuit.failed(now_ms, None, random);
            Some(SinkCondition::Stopped(reason.clone()))
        }
    }
}

/// Leased deliveries: those to send, and those that are settled without being sent.
struct Batch {
    tickets: Vec<DeliveryTicket>,
    events: Vec<EventRow>,
    not_sent: Vec<SettledDelivery>,
}

impl Batch {
    fn sort(leased: Vec<LeasedDelivery>, is_at_most_once: bool) -> Self {
        let (mut tickets, mut events) = (Vec::new(), Vec::new());
        let mut not_sent = Vec::new();
        for LeasedDelivery { ticket, row } in leased {
            match row {
                Some(_) if is_at_most_once && ticket.attempts() > 1 => {
                    let detail =
                        "the server ended while the event was being sent; it may have arrived";
                    not_sent.push(super::ending::dropped(ticket, "interrupted", detail));
                }
                Some(row) => {
                    tickets.push(ticket);
                    events.push(row);
                }
                None => {
                    let detail = "the event was deleted before it could be sent";
                    not_sent.push(super::ending::dropped(ticket, "deleted", detail));
                }
            }
        }
        Self { tickets, events, not_sent }
    }
}

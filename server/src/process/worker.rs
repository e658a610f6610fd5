//! A worker: leases payloads, plans and applies them, and settles.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::ProcessError;
use super::failure::{Attempt, Failed, Failure, ProcessingError};
use super::planner::{Planner, plan_payload};
use crate::metrics::process::{ProcessMetrics, ProcessedSums};
use crate::metrics::recent_errors::ErrorKind;
use crate::store::{
    Events, Lease, LeaseAsk, LeaseToken, LeasedPayload, PayloadQueue, Plan, PlanApplied,
    StoreError, Ticket, WorkerSlot,
};
use crate::system::clock::Clock;
use crate::system::entropy::Entropy;
use crate::system::supervisor::run_blocking;

/// Payloads in one transaction, at most.
const PAYLOADS_MAX: u32 = 256;
/// Their decompressed bytes, at most. One payload is always taken.
const UNPACKED_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// How long a worker may take. Far longer than it ever should.
const LEASE_MS: i64 = 60_000;
/// How long to let a batch gather after one that was not full. Each batch costs three syncs, which
/// delay answers.
const LINGER: Duration = Duration::from_millis(50);
/// Longest sleep when nothing is due. Retries send no wake-up, so poll at least this often.
const IDLE: Duration = Duration::from_secs(1);

/// How much of what was due one round processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessedBatch {
    /// Nothing was due.
    Empty,
    /// All that was due.
    Partial,
    /// As much as one transaction holds; there may be more.
    Full,
}

/// Processes payloads until it is told to stop.
#[derive(Clone)]
pub struct Worker {
    /// Which of the workers this is.
    pub slot: WorkerSlot,
    /// Where payloads come from.
    pub payload_queue: Arc<dyn PayloadQueue>,
    /// Where events go.
    pub events: Arc<dyn Events>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes lease tokens.
    pub entropy: Arc<dyn Entropy>,
    /// Turns payloads into plans.
    pub planner: Arc<dyn Planner>,
    /// Counts what it does, and how fast.
    pub metrics: Arc<ProcessMetrics>,
}

impl Worker {
    /// Works until `stop` holds true. Finishes what it has leased before it returns.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let (rest, wakes_early) = match self.round().await {
                Ok(ProcessedBatch::Full) => continue,
                Ok(ProcessedBatch::Partial) => (LINGER, false),
                Ok(ProcessedBatch::Empty) => (IDLE, true),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "failed to process payloads; trying again in 1 s");
                    (IDLE, false)
                }
            };
            tokio::select! {
                () = self.payload_queue.staged(self.slot), if wakes_early => {}
                () = tokio::time::sleep(rest) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Processes what is due now, up to the limits of one transaction.
    ///
    /// # Errors
    /// [`ProcessError`]. Whatever was leased is leased again when its lease ends.
    pub async fn round(&self) -> Result<ProcessedBatch, ProcessError> {
        let leased = self
            .payload_queue
            .lease(LeaseAsk {
                token: LeaseToken(self.entropy.bits()?),
                worker: self.slot,
                now_ms: self.clock.now_ms(),
                lease_ms: LEASE_MS,
                payloads_max: PAYLOADS_MAX,
                unpacked_bytes_max: UNPACKED_BYTES_MAX,
            })
            .await?;
        let Some(lease) = leased.first().map(|payload| payload.lease) else {
            return Ok(ProcessedBatch::Empty);
        };
        let bytes: u64 = leased.iter().map(|it| u64::from(it.metadata.unpacked_bytes)).sum();
        let is_full = leased.len() >= PAYLOADS_MAX as usize || bytes >= UNPACKED_BYTES_MAX / 2;
        let events = leased.iter().map(|it| u64::from(it.metadata.events)).sum();
        // The monotonic clock, not the clock port: it measures how long the batch takes.
        let begun = Instant::now();
        let planner = Arc::clone(&self.planner);
        let (plans, mut failures) = run_blocking(move || plan_all(&leased, &*planner)).await;
        let done = self.apply(plans, &mut failures).await;
        self.finish(lease, done, failures).await?;
        self.metrics.throughput.record(events, begun.elapsed(), self.clock.now_ms());
        Ok(if is_full { ProcessedBatch::Full } else { ProcessedBatch::Partial })
    }

    /// Applies all plans together. Those that the store refuses are applied each alone, so that one
    /// cannot hold up the others. Gives the tickets of those that are applied.
    async fn apply(&self, planned: Vec<Planned>, failures: &mut Vec<Failure>) -> Vec<Ticket> {
        let now_ms = self.clock.now_ms();
        let is_alone = planned.len() == 1;
        let (mut done, mut refused) = (Vec::with_capacity(planned.len()), Vec::new());
        let results = self.apply_each(&planned, now_ms).await;
        for (planned, result) in planned.into_iter().zip(results) {
            match result {
                Ok(()) => done.push(planned.attempt.into_ticket()),
                Err(error @ StoreError::Database { .. }) if !is_alone => {
                    if refused.is_empty() {
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(
                            error,
                            "failed to apply payloads together; applying each alone"
                        );
                    }
                    refused.push(planned);
                }
                Err(error) => failures.push(planned.attempt.not_applied(&error)),
            }
        }
        for planned in refused {
            let results = self.apply_each(std::slice::from_ref(&planned), now_ms).await;
            for (planned, result) in [planned].into_iter().zip(results) {
                match result {
                    Ok(()) => done.push(planned.attempt.into_ticket()),
                    Err(error) => failures.push(planned.attempt.not_applied(&error)),
                }
            }
        }
        done
    }

    /// Applies plans together, and counts what that did. Gives the result of each.
    async fn apply_each(&self, planned: &[Planned], now_ms: i64) -> Vec<Result<(), StoreError>> {
        let plans = planned.iter().map(|planned| Arc::clone(&planned.plan)).collect();
        match self.events.apply_each(plans, now_ms).await {
            Ok(applied) => {
                self.count(&applied);
                applied.into_iter().map(|it| it.failure.map_or(Ok(()), Err)).collect()
            }
            Err(error) => planned.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    /// Of a payload that is applied in part, what was applied counts, and not the payload.
    fn count(&self, applied: &[PlanApplied]) {
        let new = applied.iter().filter(|it| !it.applied.already);
        let sums = new.fold(ProcessedSums::default(), |sums, it| ProcessedSums {
            payloads: sums.payloads + u64::from(it.failure.is_none()),
            stored: sums.stored + it.applied.stored,
            duplicates: sums.duplicates + it.applied.duplicates,
            invalid: sums.invalid + it.applied.invalid,
            ..sums
        });
        self.metrics.record(sums);
    }

    /// Gives failed payloads back or sets them aside, and settles the others.
    async fn finish(
        &self,
        lease: Lease,
        done: Vec<Ticket>,
        failures: Vec<Failure>,
    ) -> Result<(), StoreError> {
        let now_ms = self.clock.now_ms();
        let Failed { retried, exhausted, errors } = Failed::sort(failures, now_ms);
        for ProcessingError { code, source, payload, message } in errors {
            let payload = Some(payload.0.as_u128());
            self.metrics.errors.record(ErrorKind { code, source }, &message, payload, now_ms);
        }
        let failed = ProcessedSums {
            retried: retried.len() as u64,
            set_aside: exhausted.len() as u64,
            ..ProcessedSums::default()
        };
        if !retried.is_empty() {
            self.payload_queue.release(lease, retried, now_ms).await?;
        }
        if !exhausted.is_empty() {
            self.payload_queue.set_aside(lease, exhausted, now_ms).await?;
        }
        if !done.is_empty() {
            self.payload_queue.settle(lease, done, now_ms).await?;
        }
        self.metrics.record(failed);
        Ok(())
    }
}

/// Fewest workers: while one waits for a sync, another one plans.
const WORKERS_MIN: u32 = 2;

/// How many workers there are: one for each core, at least as many as the queue of payloads needs,
/// and up to as many as it can feed.
pub fn worker_count(queue: &dyn PayloadQueue) -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let workers = u32::try_from(cores).unwrap_or(u32::MAX).max(WORKERS_MIN);
    workers.max(queue.workers_min()).min(queue.workers_max())
}

/// A leased payload that could be planned.
struct Planned {
    attempt: Attempt,
    plan: Arc<Plan>,
}

fn plan_all(leased: &[LeasedPayload], planner: &dyn Planner) -> (Vec<Planned>, Vec<Failure>) {
    let (mut plans, mut failures) = (Vec::with_capacity(leased.len()), Vec::new());
    for payload in leased {
        let attempt = Attempt::of(payload);
        match plan_payload(planner, &payload.metadata, &payload.body, payload.attempts + 1) {
            Ok(plan) => plans.push(Planned { attempt, plan: Arc::new(plan) }),
            Err(error) => failures.push(attempt.not_planned(&error)),
        }
    }
    (plans, failures)
}

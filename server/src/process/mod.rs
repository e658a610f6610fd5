//! The process stage: leased payloads become rows, outcomes and ledgers, each payload exactly once.
//!
//! Lease, plan, apply, settle. A crash between apply and settle is harmless: the payload is leased again and
//! applying it again does nothing. A payload that fails is given back with a growing delay; none is ever dropped.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::metrics::throughput::Throughput;
use crate::store::LeaseToken;
use crate::store::{
    Events, FailedPayload, LeaseAsk, LeasedPayload, PayloadId, PayloadQueue, Plan, StoreError,
    Ticket, WorkerSlot,
};
use crate::system::clock::Clock;
use crate::system::entropy::{Entropy, EntropyError};

pub mod enrich;
mod parse;
mod replay;
mod row_id;

use enrich::Enrichers;
pub use parse::{ParseError, plan};
pub use replay::{PAYLOADS_MAX as REPLAY_PAYLOADS_MAX, Replayer};
pub use row_id::row_id;

/// Payloads in one transaction, at most.
const PAYLOADS_MAX: u32 = 256;
/// Their unpacked bytes, at most. One payload is always taken.
const UNPACKED_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// How long a worker may take. Far longer than it ever should.
const LEASE_MS: i64 = 60_000;
/// How long to let a batch gather after one that was not full: each costs three syncs, which answers wait beside.
const LINGER: Duration = Duration::from_millis(50);
/// How long to sleep when nothing is due, at most: work that comes round again announces itself to nobody.
const IDLE: Duration = Duration::from_secs(1);
/// Delay before the second attempt; it doubles from there.
const RETRY_MS: i64 = 1_000;
/// The longest delay between attempts.
const RETRY_MS_MAX: i64 = 300_000;

/// A step of processing failed.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// No lease token could be made.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// A database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Planning ended early, which only a bug makes it do.
    #[error("plan leased payloads")]
    Plan(#[source] tokio::task::JoinError),
}

/// What one round found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nothing was due.
    Nothing,
    /// All that was due.
    All,
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
    /// What is added to events.
    pub enrichers: Arc<Enrichers>,
    /// Keeps how fast it goes.
    pub throughput: Arc<Throughput>,
}

impl Worker {
    /// Works until `stop` holds true. Finishes what it has leased before it returns.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let (rest, wakes_early) = match self.round().await {
                Ok(Found::Full) => continue,
                Ok(Found::All) => (LINGER, false),
                Ok(Found::Nothing) => (IDLE, true),
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "processing paused");
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
    /// [`ProcessError`]. Whatever was leased then comes round again.
    pub async fn round(&self) -> Result<Found, ProcessError> {
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
            return Ok(Found::Nothing);
        };
        let bytes: u64 = leased.iter().map(|it| u64::from(it.metadata.unpacked_bytes)).sum();
        let is_full = leased.len() >= PAYLOADS_MAX as usize || bytes >= UNPACKED_BYTES_MAX / 2;
        let enrichers = Arc::clone(&self.enrichers);
        let (events, begun_ms) =
            (leased.iter().map(|it| u64::from(it.metadata.events)).sum(), self.clock.now_ms());
        let work = tokio::task::spawn_blocking(move || Work::plan(&leased, &enrichers));
        let work = work.await.map_err(ProcessError::Plan)?;
        let (done, failed) = self.apply(work).await;
        let now_ms = self.clock.now_ms();
        if !failed.is_empty() {
            let failed = failed.into_iter().map(|failed| failed.due(now_ms)).collect();
            self.payload_queue.release(lease, failed, now_ms).await?;
        }
        if !done.is_empty() {
            self.payload_queue.settle(lease, done, now_ms).await?;
        }
        self.throughput.record(events, begun_ms, self.clock.now_ms());
        Ok(if is_full { Found::Full } else { Found::All })
    }

    /// Applies all plans together; if the store refuses that, each alone, so that one cannot hold up the others.
    async fn apply(&self, work: Work) -> (Vec<Ticket>, Vec<Failure>) {
        let Work { planned, mut failed } = work;
        let now_ms = self.clock.now_ms();
        let all = planned.iter().map(|planned| Arc::clone(&planned.plan)).collect();
        match self.events.apply(all, now_ms).await {
            Ok(_) => return (planned.into_iter().map(|planned| planned.ticket).collect(), failed),
            Err(error @ StoreError::Database { .. }) if planned.len() > 1 => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "applying payloads one by one"
                );
            }
            Err(error) => {
                failed.extend(planned.into_iter().map(|planned| planned.failed(&error)));
                return (Vec::new(), failed);
            }
        }
        let mut done = Vec::new();
        for planned in planned {
            match self.events.apply(vec![Arc::clone(&planned.plan)], now_ms).await {
                Ok(_) => done.push(planned.ticket),
                Err(error) => failed.push(planned.failed(&error)),
            }
        }
        (done, failed)
    }
}

/// Leased payloads, planned as far as they can be.
struct Work {
    planned: Vec<Planned>,
    failed: Vec<Failure>,
}

struct Planned {
    ticket: Ticket,
    attempts: u32,
    plan: Arc<Plan>,
}

struct Failure {
    ticket: Ticket,
    attempts: u32,
    error: String,
}

impl Work {
    fn plan(leased: &[LeasedPayload], enrichers: &Enrichers) -> Self {
        let (mut planned, mut failed) = (Vec::with_capacity(leased.len()), Vec::new());
        for payload in leased {
            let (ticket, attempts) = (payload.ticket.clone(), payload.attempts);
            match plan(&payload.metadata, &payload.body, attempts + 1, enrichers) {
                Ok(plan) => planned.push(Planned { ticket, attempts, plan: Arc::new(plan) }),
                Err(error) => {
                    failed.push(Failure::new(payload.metadata.id, ticket, attempts, &error));
                }
            }
        }
        Self { planned, failed }
    }
}

impl Planned {
    fn failed(self, error: &StoreError) -> Failure {
        Failure::new(self.plan.payload, self.ticket, self.attempts, error)
    }
}

impl Failure {
    fn new(
        payload: PayloadId,
        ticket: Ticket,
        attempts: u32,
        error: &dyn std::error::Error,
    ) -> Self {
        let causes = std::iter::successors(error.source(), |cause| cause.source());
        let text =
            causes.fold(format!("failed to {error}"), |text, cause| format!("{text}: {cause}"));
        tracing::error!(
            %payload,
            attempts,
            error = text,
            "a payload waits for another attempt"
        );
        Self { ticket, attempts, error: text }
    }

    fn due(self, now_ms: i64) -> FailedPayload {
        let delay_ms = RETRY_MS.saturating_mul(1 << self.attempts.min(20)).min(RETRY_MS_MAX);
        FailedPayload {
            ticket: self.ticket,
            due_ms: now_ms.saturating_add(delay_ms),
            error: self.error,
        }
    }
}

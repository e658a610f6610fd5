//! The retention task: prunes what is older, or takes more space, than the configuration allows.
//!
//! It works in small steps beside the stages, so that none of them waits for it. A clock that jumps
//! ahead is not believed at first ([`KnownTime`]).

mod clock_guard;
mod known_time;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

pub use clock_guard::ClockGuard;
pub use known_time::{BELIEVE_MS, Doubt, JUMP_MS_MAX, KnownTime};

use crate::store::{Backlog, EventFilter, EventQuery, RetentionLimits, Storage, StoreError};
use crate::system::clock::Clock;
use crate::system::supervisor::run_blocking;

/// Pause after a round that found nothing more to prune.
const EVERY: Duration = Duration::from_mins(1);
/// Pause while another server prunes.
const FOLLOWS: Duration = Duration::from_secs(1);
/// Pause between two transactions that delete rows.
const REST: Duration = Duration::from_millis(50);
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What to keep, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Days to keep events; `None` keeps them permanently.
    pub events_days: Option<u32>,
    /// Bytes that events may take; `None` is no limit.
    pub events_bytes: Option<u64>,
    /// Days to keep raw payloads after they are processed.
    pub payload_days: u32,
    /// Days to remember the ids of events that have no sequence number.
    pub id_days: u32,
}

/// Prunes until it is stopped.
#[derive(Clone)]
pub struct Retention {
    /// Where payloads and events are.
    pub storage: Storage,
    /// The source of the time.
    pub clock: Arc<dyn Clock>,
    /// What is known about the time.
    pub clock_guard: Arc<ClockGuard>,
    /// What to keep.
    pub rules: Rules,
}

impl Retention {
    /// Prunes until `stop` holds true.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        // The monotonic clock, not the clock port: it measures how much real time passes.
        let begun = Instant::now();
        while !*stop.borrow() {
            let uptime_ms = i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX);
            let rest = match self.turn(self.clock.now_ms(), uptime_ms).await {
                Ok(_) if !self.storage.peers.is_leader() => FOLLOWS,
                Ok(true) => REST,
                Ok(false) => EVERY,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "failed to prune; retrying in a minute");
                    EVERY
                }
            };
            self.save_known_time().await;
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// A round, or only a look at the clock while another server prunes.
    async fn turn(&self, now_ms: i64, uptime_ms: i64) -> Result<bool, StoreError> {
        if self.storage.peers.is_leader() {
            return self.round(now_ms, uptime_ms).await;
        }
        // What is in flight and what is lost depends on it, on every server.
        self.known_time(now_ms, uptime_ms).await?;
        Ok(false)
    }

    /// Prunes one step, when the clock shows `now_ms` and the process has run for `uptime_ms` of
    /// real time. Returns whether there may be more to prune.
    ///
    /// # Errors
    /// [`StoreError`]. What is left is pruned in the next round.
    pub async fn round(&self, now_ms: i64, uptime_ms: i64) -> Result<bool, StoreError> {
        let time_ms = self.known_time(now_ms, uptime_ms).await?.delete_by_ms(now_ms);
        let ago = |days: u32| time_ms.saturating_sub(i64::from(days) * DAY_MS);
        let backlog = self.storage.payload_queue.backlog().await?;
        let pending_from_ms = pending_from_ms(&backlog);
        let keep = RetentionLimits {
            events_from_ms: self.rules.events_days.map(ago),
            events_bytes: self.rules.events_bytes,
            ids_from_ms: ago(self.rules.id_days),
            pending_from_ms,
            now_ms: time_ms,
        };
        let pruned = self.storage.events.prune(keep).await?;
        let payloads = self.storage.archive.prune(ago(self.rules.payload_days)).await?;
        Ok(pruned.rows > 0 || payloads > 0)
    }

    /// Observes the clock, and logs when doubt about it begins and ends.
    async fn known_time(&self, now_ms: i64, uptime_ms: i64) -> Result<KnownTime, StoreError> {
        let mut before = self.clock_guard.known();
        let is_first = before.is_none();
        if is_first {
            let received_ms = self.last_received_ms().await?;
            let clock_guard = Arc::clone(&self.clock_guard);
            before = run_blocking(move || clock_guard.begin(received_ms)).await;
        }
        let before = before.and_then(|known| known.doubt);
        let known = self.clock_guard.observe(now_ms, uptime_ms);
        match (before, known.doubt) {
            (before, Some(Doubt { ahead_ms, .. })) if is_first || before.is_none() => {
                tracing::warn!(
                    ahead_days = ahead_ms / DAY_MS,
                    time_ms = known.time_ms,
                    "the clock differs by more than 3 days from the last known time, so nothing is \
                 deleted by the clock's time until it has kept to it for 7 days; if the clock is \
                 right, POST /api/retention/trust-clock"
                );
            }
            (Some(_), None) => tracing::info!("the clock is believed again"),
            _ => {}
        }
        Ok(known)
    }

    /// When the newest event was received: what is known about the time before the first start of a
    /// version that keeps it.
    async fn last_received_ms(&self) -> Result<Option<i64>, StoreError> {
        let query = EventQuery { filter: EventFilter::default(), after: None, limit: 1 };
        let page = self.storage.reader.events(query).await?;
        Ok(page.events.first().map(|event| event.received_ms))
    }

    async fn save_known_time(&self) {
        let clock_guard = Arc::clone(&self.clock_guard);
        if let Err(error) = run_blocking(move || clock_guard.save_due()).await {
            tracing::warn!(%error, "failed to save the last known time");
        }
    }
}

/// How long before a stream takes a payload it may have been received, with the difference between
/// clocks.
const STREAM_LAG_MS: i64 = 5 * 60_000;

/// When the oldest payload was received that may still be processed, and whose events must count
/// once then: also one that is set aside, or still in a stream.
fn pending_from_ms(backlog: &Backlog) -> i64 {
    let in_stream = backlog.stream.and_then(|stream| stream.oldest_ms);
    let in_stream = in_stream.map(|ms| ms.saturating_sub(STREAM_LAG_MS));
    let pending = [backlog.oldest_ms, backlog.set_aside.oldest_ms, in_stream];
    pending.into_iter().flatten().min().unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{SetAsideSums, StreamBacklog};

    #[test]
    fn a_payload_counts_as_pending_wherever_it_waits() {
        let backlog = Backlog::default();
        assert_eq!(pending_from_ms(&backlog), i64::MAX);
        let queued = Backlog { oldest_ms: Some(9_000_000), ..backlog };
        assert_eq!(pending_from_ms(&queued), 9_000_000);
        let set_aside = SetAsideSums { oldest_ms: Some(8_000_000), ..SetAsideSums::default() };
        let aside = Backlog { set_aside, ..queued };
        assert_eq!(pending_from_ms(&aside), 8_000_000);
        let stream = StreamBacklog { oldest_ms: Some(7_000_000), ..StreamBacklog::default() };
        let streamed = Backlog { stream: Some(stream), ..aside };
        assert_eq!(pending_from_ms(&streamed), 7_000_000 - STREAM_LAG_MS);
    }
}

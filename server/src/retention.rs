//! The retention task: prunes what is older, or takes more space, than the configuration allows.
//!
//! It works in small steps beside the stages, so that none of them waits for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::store::{RetentionLimits, Storage, StoreError};
use crate::system::clock::Clock;

/// Pause after a round that found nothing more to prune.
const EVERY: Duration = Duration::from_mins(1);
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
    /// What to keep.
    pub rules: Rules,
}

impl Retention {
    /// Prunes until `stop` holds true.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let rest = match self.round().await {
                Ok(true) => REST,
                Ok(false) => EVERY,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "failed to prune; retrying in a minute");
                    EVERY
                }
            };
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Prunes one step. Returns whether there may be more to prune.
    ///
    /// # Errors
    /// [`StoreError`]. What is left is pruned in the next round.
    pub async fn round(&self) -> Result<bool, StoreError> {
        let now_ms = self.clock.now_ms();
        let ago = |days: u32| now_ms.saturating_sub(i64::from(days) * DAY_MS);
        let backlog = self.storage.payload_queue.backlog().await?;
        // A payload that is set aside may be processed later, and its events must still count once.
        let pending = [backlog.oldest_ms, backlog.set_aside.oldest_ms];
        let pending_from_ms = pending.into_iter().flatten().min().unwrap_or(i64::MAX);
        let keep = RetentionLimits {
            events_from_ms: self.rules.events_days.map(ago),
            events_bytes: self.rules.events_bytes,
            ids_from_ms: ago(self.rules.id_days),
            pending_from_ms,
            now_ms,
        };
        let pruned = self.storage.events.prune(keep).await?;
        let payloads = self.storage.archive.prune(ago(self.rules.payload_days)).await?;
        Ok(pruned.rows > 0 || payloads > 0)
    }
}

//! The retention task: lets go, now and then, of what is older or larger than is to be kept.
//!
//! Works beside the stages, a little at a time, so that none of them waits for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::store::{RetentionLimits, Storage, StoreError};
use crate::system::clock::Clock;

/// How often it looks.
const EVERY: Duration = Duration::from_mins(1);
/// Rest between two transactions that let go of rows.
const REST: Duration = Duration::from_millis(50);
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What is kept, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Days that events are kept for; for ever, if none are given.
    pub events_days: Option<u32>,
    /// Bytes that events may take; as many as there are, if none are given.
    pub events_bytes: Option<u64>,
    /// Days that raw payloads are kept for once they are processed.
    pub payload_days: u32,
    /// Days that names are kept for which clients gave events they do not number.
    pub id_days: u32,
}

/// Lets go of what is not to be kept, until it is told to stop.
#[derive(Clone)]
pub struct Retention {
    /// Where payloads and events are.
    pub storage: Storage,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// What is kept.
    pub rules: Rules,
}

impl Retention {
    /// Works until `stop` holds true.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let rest = match self.round().await {
                Ok(true) => REST,
                Ok(false) => EVERY,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "retention paused");
                    EVERY
                }
            };
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Lets go of a little. Gives whether there may be more.
    ///
    /// # Errors
    /// [`StoreError`]. What was not let go of then is at the next round.
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

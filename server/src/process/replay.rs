//! Replays: payloads that were processed are processed again, a page at a time, while little waits.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::ProcessError;
use super::planner::{Planner, full_message, plan_payload};
use crate::store::{KeptPayload, Plan, Replayed, Storage};
use crate::system::clock::Clock;
use crate::system::supervisor::run_blocking;

/// Payloads in one transaction, at most.
pub const PAYLOADS_MAX: u32 = 128;
/// Their decompressed bytes, at most. One payload is always taken.
const UNPACKED_BYTES_MAX: u64 = 2 * 1024 * 1024;
/// A replay pauses while more payloads than this wait to be processed for the first time.
const BACKLOG_MAX: u64 = 256;
/// Pause while there is nothing to replay, or too much waits.
const IDLE: Duration = Duration::from_secs(1);

/// Runs the requested replays until it is told to stop.
#[derive(Clone)]
pub struct Replayer {
    /// Where payloads, replays and events are.
    pub storage: Storage,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Payloads in one transaction, at most: [`PAYLOADS_MAX`], or fewer.
    pub payloads_max: u32,
    /// Turns payloads into plans.
    pub planner: Arc<dyn Planner>,
}

impl Replayer {
    /// Works until `stop` holds true. An unfinished replay continues at the next start.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let is_busy = match self.step().await {
                Ok(is_busy) => is_busy,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "failed to replay payloads; trying again in 1 s");
                    false
                }
            };
            if !is_busy {
                tokio::select! {
                    () = tokio::time::sleep(IDLE) => {}
                    _ = stop.changed() => {}
                }
            }
        }
    }

    /// One round, unless too many new payloads wait, or another server replays. Gives whether there
    /// may be more to replay.
    async fn step(&self) -> Result<bool, ProcessError> {
        if !self.storage.peers.is_leader() {
            return Ok(false);
        }
        let waiting = self.storage.payload_queue.backlog().await?.payloads;
        if waiting > BACKLOG_MAX { Ok(false) } else { self.round().await }
    }

    /// Replays one page of the oldest replay that is not finished. Gives whether there was one.
    ///
    /// # Errors
    /// [`ProcessError`]. The same page is replayed again then, which changes nothing that is done.
    pub async fn round(&self) -> Result<bool, ProcessError> {
        let Some(replay) = self.storage.replays.next().await? else { return Ok(false) };
        let page = self.storage.archive.payloads(
            replay.span,
            replay.after,
            self.payloads_max,
            UNPACKED_BYTES_MAX,
        );
        let page = page.await?;
        let Some(last) = page.last().map(|payload| payload.metadata.id) else {
            let (after, ended_ms) = (replay.after, Some(self.clock.now_ms()));
            self.storage.replays.advance(replay, after, Replayed::default(), ended_ms).await?;
            return Ok(true);
        };
        let planner = Arc::clone(&self.planner);
        let (plans, skipped) = run_blocking(move || plan_all(&page, &*planner)).await;
        let mut done = self.storage.events.reapply(plans, self.clock.now_ms()).await?;
        done += Replayed { payloads: skipped, skipped, ..Replayed::default() };
        self.storage.replays.advance(replay, Some(last), done, None).await?;
        Ok(true)
    }
}

/// Gives the plans, and how many payloads have none. Those stay in the archive as they are.
fn plan_all(page: &[KeptPayload], planner: &dyn Planner) -> (Vec<Arc<Plan>>, u64) {
    let (mut plans, mut skipped) = (Vec::with_capacity(page.len()), 0);
    for payload in page {
        match plan_payload(planner, &payload.metadata, &payload.body, 1) {
            Ok(plan) => plans.push(Arc::new(plan)),
            Err(error) => {
                let (payload, error) = (payload.metadata.id, full_message(&error));
                tracing::error!(%payload, error, "failed to plan a payload; the replay skips it");
                skipped += 1;
            }
        }
    }
    (plans, skipped)
}

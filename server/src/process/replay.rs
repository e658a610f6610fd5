//! Replaying: payloads that were processed are processed again, a page at a time, when nothing new waits.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::ProcessError;
use super::enrich::Enrichers;
use super::parse::plan;
use crate::store::{KeptPayload, Plan, Replayed, Storage};
use crate::system::clock::Clock;

/// Payloads in one transaction, at most.
pub const PAYLOADS_MAX: u32 = 128;
/// Their unpacked bytes, at most. One payload is always taken.
const UNPACKED_BYTES_MAX: u64 = 2 * 1024 * 1024;
/// Payloads that may wait to be processed for the first time while a replay goes on.
const BACKLOG_MAX: u64 = 256;
/// Rest while there is nothing to replay, or too much waits.
const IDLE: Duration = Duration::from_secs(1);

/// Replays what is asked for until it is told to stop.
#[derive(Clone)]
pub struct Replayer {
    /// Where payloads, replays and events are.
    pub storage: Storage,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Payloads in one transaction, at most: [`PAYLOADS_MAX`], or fewer.
    pub payloads_max: u32,
    /// What is added to events.
    pub enrichers: Arc<Enrichers>,
}

impl Replayer {
    /// Works until `stop` holds true. A replay that it leaves goes on at the next start.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let is_busy = match self.step().await {
                Ok(is_busy) => is_busy,
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "replaying paused");
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

    /// One round, if little enough waits that is new.
    async fn step(&self) -> Result<bool, ProcessError> {
        let waiting = self.storage.payload_queue.backlog().await?.payloads;
        if waiting > BACKLOG_MAX { Ok(false) } else { self.round().await }
    }

    /// Replays one page of the oldest replay that is not finished. Gives whether there was one.
    ///
    /// # Errors
    /// [`ProcessError`]. The page is replayed again then, which does no harm.
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
        let enrichers = Arc::clone(&self.enrichers);
        let planned = tokio::task::spawn_blocking(move || plan_all(&page, &enrichers));
        let (plans, unreadable) = planned.await.map_err(ProcessError::Plan)?;
        let mut done = self.storage.events.reapply(plans, self.clock.now_ms()).await?;
        done += Replayed { payloads: unreadable, skipped: unreadable, ..Replayed::default() };
        self.storage.replays.advance(replay, Some(last), done, None).await?;
        Ok(true)
    }
}

fn plan_all(page: &[KeptPayload], enrichers: &Enrichers) -> (Vec<Arc<Plan>>, u64) {
    let (mut plans, mut unreadable) = (Vec::with_capacity(page.len()), 0);
    for payload in page {
        match plan(&payload.metadata, &payload.body, 1, enrichers) {
            Ok(plan) => plans.push(Arc::new(plan)),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(payload = %payload.metadata.id, error, "a payload cannot be replayed");
                unreadable += 1;
            }
        }
    }
    (plans, unreadable)
}

//! A file of JSON lines, rotated by size, at least once.
//!
//! By default a batch is synced before its events count as sent. After a crash between the two it
//! is written again, so a reader that must not count twice compares the `id` of each line. Lines
//! are complete: an incomplete one after a crash is removed when the file is next opened. What
//! other programs wrote is never removed, and the file is never a link, a FIFO or a device.

mod config;
pub mod encode;
mod send;
mod tail;

use std::sync::{Arc, Mutex, PoisonError};

pub use config::{Config, Sync};
use send::Log;

use super::{
    AttemptResult, BatchLimits, CheckResult, Checking, SendReport, Sending, Sink, SinkHealth,
};
use crate::store::{EventRow, Reason};
use crate::system::supervisor::run_blocking;

/// The most events in one batch.
const EVENTS_MAX: u32 = 1_000;
/// The most bytes of events in one batch.
const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A file of JSON lines.
#[derive(Debug)]
pub struct File {
    log: Arc<Mutex<Log>>,
}

impl File {
    /// The file that `config` names. It is opened when first needed.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(config: &Config) -> Result<Self, String> {
        if config.path.file_name().is_none() {
            return Err("its path does not end with a file name".into());
        }
        let Config { path, rotate_bytes, keep, sync, .. } = config.clone();
        Ok(Self { log: Arc::new(Mutex::new(Log::new(path, rotate_bytes, keep, sync))) })
    }
}

impl Sink for File {
    fn limits(&self) -> BatchLimits {
        let (events_max, bytes_max) = (EVENTS_MAX, BYTES_MAX);
        BatchLimits { events_max, bytes_max, lanes: 1, is_at_most_once: false }
    }

    fn send(&self, events: Arc<Vec<EventRow>>, now_ms: i64) -> Sending<'_> {
        let (log, count) = (Arc::clone(&self.log), events.len());
        Box::pin(async move {
            let appended = run_blocking(move || {
                let lines = encode::lines(&events);
                log.lock().unwrap_or_else(PoisonError::into_inner).append(&lines, now_ms)
            });
            let reason = match appended.await {
                Ok(()) => return SendReport::all(count, &AttemptResult::Sent, SinkHealth::Up),
                Err(error) => Reason::new("not_written", &error.to_string()),
            };
            SendReport::all(
                count,
                &AttemptResult::Retry(reason.clone()),
                SinkHealth::Busy(reason, None),
            )
        })
    }

    fn check(&self, _now_ms: i64) -> Checking<'_> {
        let log = Arc::clone(&self.log);
        Box::pin(async move {
            let checked =
                run_blocking(move || log.lock().unwrap_or_else(PoisonError::into_inner).check());
            match checked.await {
                Ok(()) => CheckResult::Works(
                    "the file can be opened for writing, and its folder takes new files".to_owned(),
                ),
                Err(error) => CheckResult::Fails(format!(
                    "the file cannot be written: {error}. Check its path, its permissions and the \
                     free space"
                )),
            }
        })
    }
}

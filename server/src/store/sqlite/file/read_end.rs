//! When a read ends: at its time limit, or once nobody waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};
// The monotonic clock, not the clock port: it bounds work and decides nothing.
use tokio::time::Instant;

use crate::store::StoreError;
use crate::store::page_budget::TimeBudget;

/// How many steps of SQLite's virtual machine run between two looks at the end.
const STEPS: i32 = 1_000;

/// Sets a flag when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct SetWhenDropped(Arc<AtomicBool>);

impl SetWhenDropped {
    pub(crate) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

impl Drop for SetWhenDropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// When a read ends.
#[derive(Debug, Clone)]
pub(crate) struct ReadEnd {
    is_gone: Arc<AtomicBool>,
    /// When it is interrupted, and how long it may take until then.
    limit: Option<(Instant, Duration)>,
}

impl ReadEnd {
    /// The end of a read that begins now.
    pub(crate) fn new(is_gone: Arc<AtomicBool>, time_max: Option<Duration>) -> Self {
        Self { is_gone, limit: time_max.map(|time_max| (Instant::now() + time_max, time_max)) }
    }

    fn is_late(&self) -> bool {
        self.limit.is_some_and(|(end, _)| Instant::now() >= end)
    }

    /// Interrupts what `connection` runs from now on, once it has to end.
    pub(crate) fn interrupt(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        let end = self.clone();
        connection.progress_handler(
            STEPS,
            Some(move || end.is_gone.load(Ordering::Relaxed) || end.is_late()),
        )
    }

    /// Lets `connection` run without an end again.
    pub(crate) fn forget(connection: &mut Connection) -> rusqlite::Result<()> {
        connection.progress_handler(0, None::<fn() -> bool>)
    }

    /// Half of the time: from then on, a read returns what it has.
    pub(crate) fn budget(&self) -> TimeBudget {
        TimeBudget::until(self.limit.map(|(end, time_max)| end - time_max / 2))
    }

    /// Why a read failed.
    pub(crate) fn error(&self, doing: &'static str, error: rusqlite::Error) -> StoreError {
        match self.limit {
            Some((_, time_max))
                if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) =>
            {
                StoreError::TooSlow { doing, time_max }
            }
            _ => StoreError::database(doing, error),
        }
    }
}

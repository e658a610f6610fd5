//! Steps: what a writer thread is asked to do, and how much may be queued.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::ErrorCode;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::metrics::commits::CommitMetrics;
use crate::store::StoreError;
use crate::store::queued_bytes::QueuedBytes;
use crate::store::sqlite::OpenError;
use crate::store::sqlite::file::transaction::WriteTarget;

/// A commit that takes longer than this hangs, as on a network disk whose server is gone.
pub(crate) const HANGS_AFTER: Duration = Duration::from_secs(10);

/// How a transaction changed the queues. It counts only after the commit.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Change {
    /// Payloads added, or settled when negative.
    pub(crate) payloads: i64,
    /// Events in them.
    pub(crate) events: i64,
    /// The shares that payloads were added to, a bit each.
    pub(crate) staged_shares: u32,
    /// Payloads set aside, or put back in the queue when negative.
    pub(crate) set_aside: i64,
    /// Events in them.
    pub(crate) set_aside_events: i64,
    /// Deliveries queued.
    pub(crate) deliveries: i64,
}

/// What differs between the writers of two databases.
pub(crate) trait Host: Send + 'static {
    /// What its steps write to.
    type Target: WriteTarget;
    /// Whether its thread runs at a lower priority.
    const LOWERS_PRIORITY: bool;
    /// Reopens the database, proves that it takes a write, and counts what it holds.
    fn open(&mut self) -> Result<Self::Target, OpenError>;
    /// Called after each commit.
    fn committed(&mut self, change: Change);
}

/// Whether an error in a step fails only that step, or the whole transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// The step runs in a savepoint. Unless the disk is at fault, only the step fails.
    Alone,
    /// The step can fail only if the disk does, so it needs no savepoint.
    Shared,
}

/// A write that waits for its turn.
pub(crate) trait Step<D>: Send {
    fn bytes(&self) -> u64;
    fn guard(&self) -> Guard;
    fn run(&mut self, database: &mut D, change: &mut Change) -> rusqlite::Result<()>;
    fn fail(&mut self, error: StoreError);
    fn answer(self: Box<Self>);
}

/// A message to a writer thread.
pub(crate) enum Inbox<D> {
    Step(Box<dyn Step<D>>),
    Close(oneshot::Sender<()>),
}

/// State that the handle and the thread share.
#[derive(Debug)]
pub(crate) struct WriterState {
    pub(crate) up: AtomicBool,
    pub(crate) queued: Arc<QueuedBytes>,
    /// When the commit that is running began.
    pub(crate) commit_begun: Mutex<Option<Instant>>,
    /// What it has committed.
    pub(crate) metrics: CommitMetrics,
}

impl WriterState {
    /// Marks a commit as running until the mark is dropped.
    pub(crate) fn begin_commit(&self) -> RunningCommit<'_> {
        // The monotonic clock, not the clock port: it measures how long the disk takes.
        *self.commit_begun() = Some(Instant::now());
        RunningCommit(self)
    }

    /// Whether a commit runs that began too long before `now`.
    pub(crate) fn hangs_at(&self, now: Instant) -> bool {
        self.commit_begun().is_some_and(|begun| now.duration_since(begun) > HANGS_AFTER)
    }

    fn commit_begun(&self) -> MutexGuard<'_, Option<Instant>> {
        self.commit_begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A commit that is running.
#[derive(Debug)]
pub(crate) struct RunningCommit<'a>(&'a WriterState);

impl Drop for RunningCommit<'_> {
    fn drop(&mut self) {
        *self.0.commit_begun() = None;
    }
}

/// Whether the disk is at fault, so that no later step can be written either.
pub(crate) fn is_disks_fault(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::CannotOpen
                | ErrorCode::OutOfMemory
                | ErrorCode::ReadOnly
                | ErrorCode::PermissionDenied
                | ErrorCode::DatabaseBusy
        )
    )
}

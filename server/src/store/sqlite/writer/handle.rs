//! The handle of a writer thread: queues steps and waits for their commit.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::group_commit::Thread;
use super::step::{Change, Guard, Host, Inbox, Step, WriterState, is_disks_fault};
use crate::metrics::commits::{CommitMetrics, CommitSums};
use crate::store::queued_bytes::{HeldBytes, QueuedBytes};
use crate::store::sqlite::file::transaction::WriteTarget;
use crate::store::{StoreError, WriterLimits};
use crate::system::supervisor::Supervisor;

/// The handle of a writer thread.
#[derive(Debug)]
pub(crate) struct Writer<D> {
    inbox: Sender<Inbox<D>>,
    shared: Arc<WriterState>,
}

impl<D: WriteTarget> Writer<D> {
    /// Starts the thread with a database that is open already.
    pub(crate) fn start(
        name: &str,
        limits: WriterLimits,
        database: D,
        host: impl Host<Target = D>,
        supervisor: &Supervisor,
    ) -> std::io::Result<Self> {
        let (inbox, steps) = channel();
        let shared = Arc::new(WriterState {
            up: AtomicBool::new(true),
            queued: Arc::new(QueuedBytes::new(limits)),
            commit_begun: Mutex::new(None),
            metrics: CommitMetrics::default(),
        });
        let thread = Thread::new(steps, Arc::clone(&shared), host);
        supervisor.spawn_thread(name, move |supervised| thread.run(database, supervised))?;
        Ok(Self { inbox, shared })
    }

    /// Whether it takes writes, and the one that is running does not hang.
    pub(crate) fn is_up(&self) -> bool {
        self.is_up_at(Instant::now())
    }

    pub(crate) fn is_up_at(&self, now: Instant) -> bool {
        self.shared.up.load(Ordering::Acquire) && !self.shared.hangs_at(now)
    }

    /// What it has committed, and what waits for that.
    pub(crate) fn commits(&self) -> CommitSums {
        CommitSums {
            queued_bytes: self.shared.queued.now(),
            queued_bytes_max: self.shared.queued.max(),
            ..self.shared.metrics.sums()
        }
    }

    /// Queues `step` and waits until it is committed. `bytes` is the memory that it holds while it
    /// is queued.
    ///
    /// Dropping the future does not cancel the step.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        guard: Guard,
        bytes: u64,
        step: impl FnOnce(&mut D, &mut Change) -> rusqlite::Result<T> + Send + 'static,
    ) -> impl Future<Output = Result<T, StoreError>> + Send + 'static {
        let queued = self.queue(doing, guard, bytes, step);
        let down = self.down();
        async move { queued?.await.unwrap_or(Err(down)) }
    }

    fn queue<T: Send + 'static>(
        &self,
        doing: &'static str,
        guard: Guard,
        bytes: u64,
        step: impl FnOnce(&mut D, &mut Change) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, StoreError>>, StoreError> {
        if !self.shared.up.load(Ordering::Acquire) {
            return Err(self.down());
        }
        let held = self.shared.queued.hold(bytes)?;
        let (answer, answered) = oneshot::channel();
        let pending = Pending { doing, guard, held, step: Some(step), outcome: None, answer };
        self.inbox.send(Inbox::Step(Box::new(pending))).map_err(|_| self.down())?;
        Ok(answered)
    }

    /// Commits what is queued, checkpoints the database and ends the thread.
    pub(crate) fn close(&self) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
        let (answer, answered) = oneshot::channel();
        let sent = self.inbox.send(Inbox::Close(answer));
        let down = self.down();
        async move {
            match sent {
                Ok(()) => answered.await.map_err(|_| down),
                Err(_) => Ok(()),
            }
        }
    }

    fn down(&self) -> StoreError {
        self.shared.queued.down()
    }
}

struct Pending<T, F> {
    doing: &'static str,
    guard: Guard,
    held: HeldBytes,
    step: Option<F>,
    outcome: Option<Result<T, StoreError>>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<D, T: Send, F> Step<D> for Pending<T, F>
where
    F: FnOnce(&mut D, &mut Change) -> rusqlite::Result<T> + Send,
{
    fn bytes(&self) -> u64 {
        self.held.count()
    }

    fn guard(&self) -> Guard {
        self.guard
    }

    fn run(&mut self, database: &mut D, change: &mut Change) -> rusqlite::Result<()> {
        let Some(step) = self.step.take() else { return Ok(()) };
        match step(database, change) {
            Ok(value) => {
                self.outcome = Some(Ok(value));
                Ok(())
            }
            Err(error) if is_disks_fault(&error) => Err(error),
            Err(error) => {
                self.outcome = Some(Err(StoreError::database(self.doing, error)));
                // The caller gets the error itself. The loop only needs to know that there was one.
                Err(rusqlite::Error::ExecuteReturnedResults)
            }
        }
    }

    fn fail(&mut self, error: StoreError) {
        self.outcome = Some(Err(error));
    }

    fn answer(self: Box<Self>) {
        let Self { held, outcome, answer, .. } = *self;
        drop(held);
        if let Some(outcome) = outcome {
            // The caller may have gone. The work is done all the same.
            drop(answer.send(outcome));
        }
    }
}

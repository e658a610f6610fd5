//! The writer of payloads: two connections that write whatever is queued, each as one statement.
//!
//! Many requests share one commit, which is what costs most. A payload is answered only after the
//! commit of its statement is known.

pub(crate) mod stage;
mod task;

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::metrics::commits::{CommitMetrics, CommitSums};
use crate::store::postgres::connection::database::Database;
use crate::store::postgres::notices::Notices;
use crate::store::queued_bytes::QueuedBytes;
use crate::store::staging::{GroupLimits, Pending, Queue};
use crate::store::{NewPayload, StoreError, WriterLimits};
use crate::system::supervisor::Supervisor;
use task::Task;

/// How many connections write. While one waits for its commit, the other gathers.
const CONNECTIONS: usize = 2;
/// A commit that takes longer than this hangs, as on a machine that is gone. Nothing more is queued
/// then.
const HANGS_AFTER: Duration = Duration::from_secs(5);
/// The size of a statement.
const GROUP: GroupLimits = GroupLimits { payloads_max: 500, bytes_max: 4 * 1024 * 1024 };
/// About what a row takes beside its body.
const ROW_BYTES: u64 = 512;

/// The handle of the writer. Dropping it ends the tasks once they have written what is queued.
#[derive(Debug)]
pub(crate) struct Writer {
    shared: Arc<Shared>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

/// What the handle and the tasks share.
#[derive(Debug)]
struct Shared {
    database: Arc<Database>,
    queue: Queue,
    bytes: Arc<QueuedBytes>,
    metrics: CommitMetrics,
    is_up: AtomicBool,
    /// How often it was down or a connection broke. Other connections may then lead to a host that
    /// takes no writes now.
    outages: watch::Sender<u64>,
    /// How many payloads were written, which decides the shares of those that follow.
    staged: AtomicI64,
    notices: Arc<Notices>,
    /// When the commits that are running began.
    begun: [Mutex<Option<Instant>>; CONNECTIONS],
}

impl Shared {
    fn mark(&self, number: usize, begun: Option<Instant>) {
        if let Some(mark) = self.begun.get(number) {
            *mark.lock().unwrap_or_else(PoisonError::into_inner) = begun;
        }
    }

    fn hangs(&self, now: Instant) -> bool {
        self.begun.iter().any(|begun| {
            let begun = *begun.lock().unwrap_or_else(PoisonError::into_inner);
            begun.is_some_and(|begun| now.duration_since(begun) > HANGS_AFTER)
        })
    }

    fn is_up(&self) -> bool {
        self.is_up.load(Ordering::Acquire)
    }

    /// Ends connections that were made before.
    fn count_outage(&self) {
        self.outages.send_modify(|outages| *outages += 1);
    }

    fn set_up(&self, is_up: bool) {
        if self.is_up.swap(is_up, Ordering::AcqRel) != is_up {
            if is_up {
                tracing::info!("the database takes payloads again");
            } else {
                self.count_outage();
                tracing::error!("the database takes no payloads: trying again");
            }
        }
    }
}

impl Writer {
    /// Starts its tasks on the current runtime. Each connects when it has something to write.
    pub(crate) fn start(
        database: Arc<Database>,
        limits: WriterLimits,
        notices: Arc<Notices>,
        supervisor: &Supervisor,
    ) -> Self {
        let shared = Arc::new(Shared {
            is_up: AtomicBool::new(database.is_up()),
            database,
            queue: Queue::new(GROUP),
            bytes: Arc::new(QueuedBytes::new(limits)),
            metrics: CommitMetrics::default(),
            outages: watch::Sender::new(0),
            staged: AtomicI64::new(0),
            notices,
            begun: Default::default(),
        });
        let tasks = (0..CONNECTIONS).map(|number| {
            let task = Task::new(Arc::clone(&shared), number);
            supervisor.spawn_keeper("writer of payloads", &Handle::current(), task.run())
        });
        let tasks = Mutex::new(tasks.collect());
        Self { shared, tasks }
    }

    /// Whether it takes writes, and none that is running hangs.
    pub(crate) fn is_up(&self) -> bool {
        let shared = &self.shared;
        shared.is_up() && !shared.queue.is_closed() && !shared.hangs(Instant::now())
    }

    /// What it has committed, and what waits for that.
    pub(crate) fn commits(&self) -> CommitSums {
        CommitSums {
            queued_bytes: self.shared.bytes.now(),
            queued_bytes_max: self.shared.bytes.max(),
            ..self.shared.metrics.sums()
        }
    }

    /// Queues a payload and waits until it is committed. Dropping the future does not cancel it.
    pub(crate) fn stage(
        &self,
        payload: NewPayload,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
        let queued = self.queue(payload);
        let bytes = Arc::clone(&self.shared.bytes);
        async move { queued?.await.unwrap_or_else(|_| Err(bytes.down())) }
    }

    fn queue(
        &self,
        payload: NewPayload,
    ) -> Result<oneshot::Receiver<Result<(), StoreError>>, StoreError> {
        if !self.shared.is_up() || self.shared.hangs(Instant::now()) {
            return Err(self.shared.bytes.down());
        }
        let held = self.shared.bytes.hold(payload.body.len() as u64 + ROW_BYTES)?;
        let (answer, answered) = oneshot::channel();
        // What is not taken is dropped, and so answered.
        self.shared.queue.push(Pending::new(payload, held, answer));
        Ok(answered)
    }

    /// Takes no more, writes what is queued, and ends the tasks.
    pub(crate) fn close(&self) -> impl Future<Output = ()> + Send + 'static {
        self.shared.queue.close();
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        async move {
            for task in tasks {
                // Whether it panicked, its supervisor knows.
                drop(task.await);
            }
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.queue.close();
    }
}

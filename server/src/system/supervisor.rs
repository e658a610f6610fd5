//! Background tasks and threads, supervised: the first that ends unexpectedly stops the server.
//!
//! A server that lost one of them would look healthy and leave work undone. So it shuts down with
//! an error instead, and whatever started it can restart it.

use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Why a server cannot continue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The task or thread.
    pub name: String,
    /// The message of its panic. None if it returned too early.
    pub panic: Option<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.panic {
            Some(message) => write!(f, "the {} panicked: {message}", self.name),
            None => write!(f, "the {} ended unexpectedly", self.name),
        }
    }
}

/// A test's hook: called with the name of a task or thread each time it makes progress.
type FaultHook = Box<dyn Fn(&str) + Send + Sync>;

/// Starts tasks and threads, and tells when one ends that should not.
#[derive(Clone, Default)]
pub struct Supervisor(Arc<Shared>);

#[derive(Default)]
struct Shared {
    first_failure: watch::Sender<Option<Failure>>,
    running_tasks: watch::Sender<usize>,
    is_stopping: AtomicBool,
    fault_hook: Option<FaultHook>,
}

impl Supervisor {
    /// A supervisor whose tasks and threads call `hook` as they go. A test's hook may panic there.
    pub fn with_fault_hook(hook: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(Shared { fault_hook: Some(Box::new(hook)), ..Shared::default() }))
    }

    /// Starts a task. The handle ends with the task, however that ends.
    pub fn spawn(
        &self,
        name: impl Into<String>,
        on: &Handle,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> JoinHandle<()> {
        self.spawn_counted(name.into(), on, task, Some(RunningTask::begin(&self.0)))
    }

    /// Starts a task that ends only when what it keeps is closed, which is after
    /// [`Self::finished`].
    pub fn spawn_keeper(
        &self,
        name: impl Into<String>,
        on: &Handle,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> JoinHandle<()> {
        self.spawn_counted(name.into(), on, task, None)
    }

    fn spawn_counted(
        &self,
        name: String,
        on: &Handle,
        task: impl Future<Output = ()> + Send + 'static,
        running: Option<RunningTask>,
    ) -> JoinHandle<()> {
        let supervised = Supervised { supervisor: self.clone(), name };
        let hooked = supervised.clone();
        let task = on.spawn(async move {
            let mut task = pin!(task);
            poll_fn(|context| {
                hooked.reach();
                task.as_mut().poll(context)
            })
            .await;
        });
        on.spawn(async move {
            match task.await {
                Ok(()) => supervised.returned(),
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => supervised.panicked(&*panic),
                    Err(_) => supervised.returned(),
                },
            }
            drop(running);
        })
    }

    /// Starts a thread, which may return at any time.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn spawn_thread(
        &self,
        name: &str,
        thread: impl FnOnce(&Supervised) + Send + 'static,
    ) -> std::io::Result<()> {
        let supervised = Supervised { supervisor: self.clone(), name: name.to_owned() };
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            // What the thread owned is dropped by then; nobody sees it half changed.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| thread(&supervised))) {
                supervised.panicked(&*panic);
            }
        })?;
        Ok(())
    }

    /// From here on, tasks are expected to return.
    pub fn begin_shutdown(&self) {
        self.0.is_stopping.store(true, Ordering::Release);
    }

    /// Completes with the first failure.
    pub async fn failed(&self) -> Failure {
        let mut failure = self.0.first_failure.subscribe();
        match failure.wait_for(Option::is_some).await.map(|found| found.clone()) {
            Ok(Some(failure)) => failure,
            // `self` holds the sender and the condition is `is_some`.
            _ => std::future::pending().await,
        }
    }

    /// The first failure, if there was one.
    pub fn failure(&self) -> Option<Failure> {
        self.0.first_failure.borrow().clone()
    }

    /// Completes when no task is running.
    pub async fn finished(&self) {
        let mut running = self.0.running_tasks.subscribe();
        // An error means that there is no sender, which `self` holds.
        drop(running.wait_for(|running| *running == 0).await);
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor").field("failure", &self.failure()).finish_non_exhaustive()
    }
}

/// One task or thread that is supervised.
#[derive(Debug, Clone)]
pub struct Supervised {
    supervisor: Supervisor,
    name: String,
}

impl Supervised {
    /// Says that it makes progress. Does nothing unless a test hooks in.
    pub fn reach(&self) {
        if let Some(hook) = &self.supervisor.0.fault_hook {
            hook(&self.name);
        }
    }

    fn panicked(&self, panic: &(dyn Any + Send)) {
        self.fail(Some(panic_message(panic).to_owned()));
    }

    fn returned(&self) {
        if !self.supervisor.0.is_stopping.load(Ordering::Acquire) {
            self.fail(None);
        }
    }

    fn fail(&self, panic: Option<String>) {
        let failure = Failure { name: self.name.clone(), panic };
        tracing::error!(%failure, "the server cannot continue");
        self.supervisor.0.first_failure.send_if_modified(|first| {
            let is_first = first.is_none();
            first.get_or_insert(failure);
            is_first
        });
    }
}

/// Counts a task until it is dropped.
struct RunningTask(Arc<Shared>);

impl RunningTask {
    fn begin(shared: &Arc<Shared>) -> Self {
        shared.running_tasks.send_modify(|running| *running += 1);
        Self(Arc::clone(shared))
    }
}

impl Drop for RunningTask {
    fn drop(&mut self) {
        self.0.running_tasks.send_modify(|running| *running -= 1);
    }
}

/// Starts a task of one connection or response. If it panics, that is logged and ends only this
/// task.
pub fn spawn_logged(name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
    let task = tokio::spawn(task);
    tokio::spawn(async move {
        if let Err(error) = task.await
            && let Ok(panic) = error.try_into_panic()
        {
            tracing::error!(task = name, panic = panic_message(&*panic), "a task panicked");
        }
    });
}

/// Runs `work` on a thread that may block. If it panics, so does the caller.
pub async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only the shutdown of the runtime cancels it, which drops this future, too.
            Err(_) => std::future::pending().await,
        },
    }
}

/// The message of a panic, as given to `panic!`.
pub fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&'static str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
#[allow(clippy::panic, reason = "panics are what is tested")]
mod tests {
    use super::*;

    fn failure(name: &str, panic: Option<&str>) -> Failure {
        Failure { name: name.into(), panic: panic.map(str::to_owned) }
    }

    #[tokio::test]
    async fn the_first_panic_of_a_task_or_thread_is_reported_with_its_message() {
        let supervisor = Supervisor::default();
        let (number, handle) = (7, Handle::current());
        let ended = supervisor.spawn("replayer", &handle, async move { panic!("page {number}") });
        assert_eq!(supervisor.failed().await, failure("replayer", Some("page 7")));
        ended.await.unwrap();
        supervisor.spawn_thread("writer", |_| panic!("late")).unwrap();
        assert_eq!(supervisor.failed().await.to_string(), "the replayer panicked: page 7");
        let other = Supervisor::default();
        other.spawn_thread("writer", |_| panic!("static")).unwrap();
        assert_eq!(other.failed().await, failure("writer", Some("static")));
    }

    #[tokio::test]
    async fn a_task_may_return_only_during_shutdown() {
        let (supervisor, handle) = (Supervisor::default(), Handle::current());
        supervisor.begin_shutdown();
        supervisor.spawn("worker", &handle, async {}).await.unwrap();
        supervisor.finished().await;
        assert_eq!(supervisor.failure(), None);
        let supervisor = Supervisor::default();
        supervisor.spawn("worker", &handle, async {});
        assert_eq!(supervisor.failed().await.to_string(), "the worker ended unexpectedly");
    }

    #[tokio::test]
    async fn a_shutdown_does_not_wait_for_a_keeper_whose_panic_is_reported() {
        let (supervisor, handle) = (Supervisor::default(), Handle::current());
        supervisor.spawn_keeper("writer", &handle, std::future::pending());
        supervisor.finished().await;
        supervisor.spawn_keeper("reader", &handle, async { panic!("page 7") });
        assert_eq!(supervisor.failed().await, failure("reader", Some("page 7")));
    }

    #[tokio::test]
    async fn a_panic_on_a_blocking_thread_reaches_the_supervisor() {
        let (supervisor, handle) = (Supervisor::default(), Handle::current());
        supervisor.spawn("worker", &handle, run_blocking(|| panic!("deep inside")));
        assert_eq!(supervisor.failed().await, failure("worker", Some("deep inside")));
    }

    #[tokio::test]
    async fn a_hook_makes_the_named_task_panic() {
        let supervisor = Supervisor::with_fault_hook(|name| assert_ne!(name, "b", "injected"));
        let handle = Handle::current();
        supervisor.spawn("a", &handle, std::future::pending());
        supervisor.spawn("b", &handle, std::future::pending());
        let failure = supervisor.failed().await;
        assert_eq!(failure.name, "b");
        assert!(failure.panic.unwrap().contains("injected"));
    }
}

//! Who goes first when there is too little processor for everyone: those whose clients wait for an answer.
//!
//! What comes after the answer runs on threads that stand back. They use whatever is idle; when nothing is, they still get
//! about a quarter of what each thread before them gets, so they slow down and never stop, and `/api/queues` shows by how
//! much they are behind.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime};

/// Added to the niceness of threads that stand back (nice(2)): weighs a third of the usual on Linux.
#[cfg(target_os = "linux")]
const NICER: i32 = 5;

/// Lets other threads go before the calling one from here on. On Linux only: elsewhere niceness is the whole process's.
pub fn lower_thread_priority() {
    #[cfg(target_os = "linux")]
    if let Err(error) = try_stand_back() {
        tracing::debug!(%error, "failed to let other threads go first");
    }
}

/// Counts from the first thread of the process: a thread that is started by one that stands back stands back already.
#[cfg(target_os = "linux")]
fn try_stand_back() -> rustix::io::Result<()> {
    use rustix::process::{getpid, getpriority_process, setpriority_process};

    let usual = getpriority_process(Some(getpid()))?;
    setpriority_process(None, usual + NICER)
}

/// The threads for what comes after the answer.
#[derive(Debug)]
pub struct Background {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Background {
    /// Starts them. One plans and waits; what blocks has threads of its own, which stand back, too.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start() -> io::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).thread_name("background").on_thread_start(lower_thread_priority);
        let runtime = builder.enable_all().build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    /// Where to run what comes after the answer.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // Not waited for: whoever ends the server has waited for its tasks already.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_comes_after_the_answer_stands_back_and_nothing_else_does() {
        let own = || rustix::process::getpriority_process(None).unwrap();
        // The first thread of a process of tests has the usual niceness, too.
        let before = own();
        let background = Background::start().unwrap();
        let there = background.handle();
        let task = there.spawn(async move { (own(), tokio::task::spawn_blocking(own).await) });
        let (task, blocking) = there.block_on(task).unwrap();
        let blocking = blocking.unwrap();
        assert_eq!((task, blocking), (before + NICER, before + NICER));
        assert_eq!(own(), before);
    }
}

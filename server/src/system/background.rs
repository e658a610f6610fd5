//! Threads of lower priority for everything that happens after the answer.
//!
//! When the processor is busy, requests come first, because clients wait for their answers.
//! Background threads use what is idle. When nothing is idle, each still gets about a quarter of
//! what a thread of normal priority gets on Linux, so they slow down and never stop, and
//! `/api/queues` shows how far they are behind.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime};

/// Added to the niceness of background threads (nice(2)). On Linux it gives a third of the usual
/// weight.
#[cfg(target_os = "linux")]
const NICER: i32 = 5;

/// Gives the calling thread a lower priority than others from here on. Only on Linux and Windows:
/// elsewhere, niceness belongs to the whole process.
pub fn lower_thread_priority() {
    #[cfg(any(target_os = "linux", windows))]
    if let Err(error) = try_lower_thread_priority() {
        tracing::debug!(%error, "failed to lower the priority of a background thread");
    }
}

/// The niceness of commands that work beside a server: the highest there is. Some schedulers of
/// disks follow it.
#[cfg(unix)]
const COMMAND_NICENESS: i32 = 19;

/// Gives this process the lowest priority, so that a server on the same machine comes first. On
/// Linux, it is that of the calling thread and of those that it starts.
pub fn lower_command_priority() {
    #[cfg(unix)]
    if let Err(error) = rustix::process::setpriority_process(None, COMMAND_NICENESS) {
        tracing::debug!(%error, "failed to lower the priority of the command");
    }
}

/// Counts from the first thread of the process, because a thread inherits the niceness of the one
/// that starts it.
#[cfg(target_os = "linux")]
fn try_lower_thread_priority() -> rustix::io::Result<()> {
    use rustix::process::{getpid, getpriority_process, setpriority_process};

    let usual = getpriority_process(Some(getpid()))?;
    setpriority_process(None, usual + NICER)
}

/// Such a thread gets what others leave, and a turn every few seconds when they leave nothing.
#[cfg(windows)]
fn try_lower_thread_priority() -> io::Result<()> {
    lamplight_windows::lower_thread_priority()
}

/// The background threads.
#[derive(Debug)]
pub struct Background {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Background {
    /// Starts them: one that schedules, and more for what blocks, all of low priority.
    ///
    /// # Errors
    /// When the system cannot start a thread.
    pub fn start() -> io::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).thread_name("background").on_thread_start(lower_thread_priority);
        let runtime = builder.enable_all().build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    /// Spawns tasks on the background threads.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // Does not wait: the server has waited for its tasks before.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_command_beside_a_server_has_the_lowest_priority() {
        // In a thread of its own, because no process may raise it again.
        let lowered = std::thread::spawn(|| {
            lower_command_priority();
            rustix::process::getpriority_process(None).unwrap()
        });
        assert_eq!(lowered.join().unwrap(), COMMAND_NICENESS);
    }

    #[test]
    fn only_background_threads_have_a_lower_priority() {
        let own = || rustix::process::getpriority_process(None).unwrap();
        // The first thread of a test process has the usual niceness, too.
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

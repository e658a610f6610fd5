//! Processes that run for a quarter of the time, as if they had a slower machine of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

const RUNS: Duration = Duration::from_millis(5);
const STOPS: Duration = Duration::from_millis(15);

/// Slows a process and those that it started down until it is dropped.
pub(crate) struct Slowed {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Slowed {
    pub(crate) fn new(process: u32) -> Result<Self> {
        let first = Pid::from_raw(process.cast_signed()).context("a process without a number")?;
        let is_over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_over);
        let stop_and_go = move || {
            let all = started_by(process);
            let send = |signal| {
                for process in &all {
                    // One that has ended needs no signal.
                    kill_process(*process, signal).ok();
                }
                kill_process(first, signal)
            };
            send(Signal::STOP)?;
            std::thread::sleep(STOPS);
            send(Signal::CONT)?;
            std::thread::sleep(RUNS);
            rustix::io::Result::Ok(())
        };
        // An error means that the process is gone.
        let thread =
            std::thread::spawn(
                move || {
                    while !told.load(Ordering::Relaxed) && stop_and_go().is_ok() {}
                },
            );
        Ok(Self { is_over, thread: Some(thread) })
    }
}

/// The processes that a process has started and that run.
fn started_by(process: u32) -> Vec<Pid> {
    let path = format!("/proc/{process}/task/{process}/children");
    let list = std::fs::read_to_string(path).unwrap_or_default();
    list.split_whitespace().filter_map(|it| Pid::from_raw(it.parse().ok()?)).collect()
}

impl Drop for Slowed {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

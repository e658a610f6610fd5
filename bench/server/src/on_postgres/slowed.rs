//! A process that runs for a quarter of the time, as if it had a slower machine of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

const RUNS: Duration = Duration::from_millis(5);
const STOPS: Duration = Duration::from_millis(15);

/// Slows a process down until it is dropped.
pub(super) struct Slowed {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Slowed {
    pub(super) fn new(process: u32) -> Result<Self> {
        let process = Pid::from_raw(process.cast_signed()).context("a process without a number")?;
        let is_over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_over);
        let stop_and_go = move || {
            kill_process(process, Signal::STOP)?;
            std::thread::sleep(STOPS);
            kill_process(process, Signal::CONT)?;
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

impl Drop for Slowed {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

//! How far a long command is: a bar on a terminal, and plain lines otherwise.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::backup::Progress;

/// A step with fewer bytes is not worth a line.
const LINE_BYTES_MIN: u64 = 64 * 1024 * 1024;

/// Writes progress to stderr.
pub(super) struct ShownProgress {
    bar: Option<ProgressBar>,
}

impl ShownProgress {
    /// A bar if stderr is a terminal.
    pub(super) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            let style = "{msg:40!} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
            if let Ok(style) = ProgressStyle::with_template(style) {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Self { bar }
    }
}

impl Progress for ShownProgress {
    fn begin(&mut self, step: &str, total_bytes: u64) {
        match &self.bar {
            Some(bar) => {
                bar.reset();
                bar.set_length(total_bytes);
                bar.set_message(step.to_owned());
            }
            None if total_bytes >= LINE_BYTES_MIN => {
                let mib = total_bytes / (1024 * 1024);
                let _ = writeln!(std::io::stderr(), "{step}: {mib} MiB");
            }
            None => {}
        }
    }

    fn reach(&mut self, done_bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(done_bytes);
        }
    }

    fn warn(&mut self, text: &str) {
        let line = || writeln!(std::io::stderr(), "warning: {text}");
        let _ = match &self.bar {
            Some(bar) => bar.suspend(line),
            None => line(),
        };
    }
}

impl Drop for ShownProgress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

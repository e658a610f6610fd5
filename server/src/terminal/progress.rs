//! Progress of long work, on standard error: a bar on a terminal, otherwise a line now and then.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

/// How often a line is printed where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Progress of one piece of work.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    begun: Instant,
    printed: Instant,
    noun: &'static str,
    done: u64,
}

impl Progress {
    /// Progress over `total` things, or over an unknown number of them.
    pub fn begin(noun: &'static str, total: Option<u64>) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let (bar, template) = match total {
                Some(total) => (
                    ProgressBar::new(total),
                    "{bar:30} {human_pos} of {human_len} {prefix}, {per_sec}, {eta} left {msg}",
                ),
                None => (
                    ProgressBar::new_spinner(),
                    "{spinner} {human_pos} {prefix}, {per_sec}, {elapsed} {msg}",
                ),
            };
            let style = ProgressStyle::with_template(template);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_prefix(noun);
            bar
        });
        let now = Instant::now();
        Self { bar, begun: now, printed: now, noun, done: 0 }
    }

    /// `done` things are done, and `at` says where it is. `at` must have been escaped before.
    pub fn at(&mut self, done: u64, at: &str) {
        self.done = done;
        if let Some(bar) = &self.bar {
            bar.set_position(done);
            bar.set_message(at.to_owned());
        } else if self.printed.elapsed() >= LINE_EVERY {
            self.printed = Instant::now();
            let seconds = self.begun.elapsed().as_secs();
            let _ = writeln!(std::io::stderr(), "{done} {} after {seconds} s {at}", self.noun);
        }
    }

    /// Prints a line beside the bar.
    pub fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| super::Output::note(text)),
            None => super::Output::note(text),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

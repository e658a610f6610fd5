//! Progress of long work, on standard error: a bar on a terminal, otherwise a line now and then.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

/// How often a line is printed where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);
const MIB: u64 = 1024 * 1024;

/// What progress counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes of files.
    Bytes,
    /// Things with this name.
    Things(&'static str),
}

/// Progress of one piece of work, in one step or several.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    step: Step,
    begun: Instant,
    printed: Instant,
}

/// A step: what it does, and how much of what.
#[derive(Debug)]
struct Step {
    name: String,
    unit: Unit,
    total: Option<u64>,
}

impl Progress {
    /// Progress of work that begins now.
    pub fn of(unit: Unit) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        let (step, now) = (Step { name: String::new(), unit, total: None }, Instant::now());
        Self { bar, step, begun: now, printed: now }
    }

    /// A step begins, over `total` of its unit, or over an unknown number.
    pub fn begin(&mut self, name: &str, total: Option<u64>) {
        self.step = Step { name: name.to_owned(), unit: self.step.unit, total };
        self.begun = Instant::now();
        let Some(bar) = &self.bar else { return };
        bar.reset();
        match total {
            Some(total) => bar.set_length(total),
            None => bar.unset_length(),
        }
        if let Ok(style) = ProgressStyle::with_template(&self.step.template()) {
            bar.set_style(style);
        }
        bar.set_prefix(self.step.name.clone());
        bar.set_message("");
    }

    /// So much is done, and `at` says where it is. `at` must have been escaped before.
    pub fn at(&mut self, done: u64, at: &str) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
            bar.set_message(at.to_owned());
        } else if self.printed.elapsed() >= LINE_EVERY {
            self.printed = Instant::now();
            let line = self.step.line(done, self.begun.elapsed(), at);
            let _ = writeln!(std::io::stderr(), "{line}");
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

impl Step {
    /// How a bar shows it.
    fn template(&self) -> String {
        let done = match (self.unit, self.total) {
            (Unit::Bytes, Some(_)) => {
                "{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left".to_owned()
            }
            (Unit::Bytes, None) => "{spinner} {elapsed}".to_owned(),
            (Unit::Things(noun), Some(_)) => {
                format!(
                    "{{bar:30}} {{human_pos}} of {{human_len}} {noun}, {{per_sec}}, {{eta}} left"
                )
            }
            (Unit::Things(noun), None) => {
                format!("{{spinner}} {{human_pos}} {noun}, {{per_sec}}, {{elapsed}}")
            }
        };
        format!("{{prefix}} {done} {{msg}}")
    }

    /// How a line shows it.
    fn line(&self, done: u64, after: Duration, at: &str) -> String {
        let Self { name, unit, total } = self;
        let of = |total: u64| format!(" of {total}");
        let done = match (unit, total) {
            (Unit::Bytes, None) => String::new(),
            (Unit::Bytes, Some(total)) => format!(" {}{} MiB", done / MIB, of(total / MIB)),
            (Unit::Things(noun), total) => {
                format!(" {done}{} {noun}", total.map(of).unwrap_or_default())
            }
        };
        let line = format!("{name}:{done} after {} s {at}", after.as_secs());
        line.trim_end().to_owned()
    }
}

impl crate::backup::Progress for Progress {
    fn begin(&mut self, step: &str, total_bytes: u64) {
        Self::begin(self, step, (total_bytes > 0).then_some(total_bytes));
    }

    fn reach(&mut self, done_bytes: u64) {
        self.at(done_bytes, "");
    }

    fn warn(&mut self, text: &str) {
        self.note(&format!("warning: {text}"));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_is_done_of_what_since_when_and_where() {
        let line = |unit, total, done, at: &str| {
            let step = Step { name: "copy".into(), unit, total };
            step.line(done, Duration::from_millis(7_900), at)
        };
        let events = Unit::Things("events");
        assert_eq!(
            line(events, None, 3, "received today"),
            "copy: 3 events after 7 s received today"
        );
        assert_eq!(line(events, Some(9), 3, ""), "copy: 3 of 9 events after 7 s");
        assert_eq!(line(Unit::Bytes, Some(9 * MIB), 3 * MIB, ""), "copy: 3 of 9 MiB after 7 s");
        assert_eq!(line(Unit::Bytes, None, 0, ""), "copy: after 7 s");
    }

    #[test]
    fn every_bar_has_a_template_that_can_be_read() {
        for unit in [Unit::Bytes, Unit::Things("payloads")] {
            for total in [None, Some(3)] {
                let step = Step { name: String::new(), unit, total };
                let template = step.template();
                assert!(ProgressStyle::with_template(&template).is_ok(), "{template}");
                assert_eq!(template.contains("{bar:30}"), total.is_some(), "{template}");
            }
        }
    }
}

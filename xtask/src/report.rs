//! The tables of steps and parts that end a command, and the closing line that CI reads.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How a step or part ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It ran and succeeded.
    Passed,
    /// It ran and failed.
    Failed,
    /// Nothing that it reads has changed, so it did not run.
    Unchanged,
}

impl Outcome {
    /// The outcome of something that ran.
    pub(crate) const fn of(is_success: bool) -> Self {
        if is_success { Self::Passed } else { Self::Failed }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "FAILED",
            Self::Unchanged => "unchanged",
        }
    }
}

/// A line of a table.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// The name of the step or part.
    pub(crate) name: String,
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// How long it took.
    pub(crate) duration: Duration,
}

/// Parts of a command that all run, whichever of them fail.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    errors: Vec<String>,
}

impl Report {
    /// Runs a part. A failure is printed, and reported again by [`Self::finish`].
    pub(crate) fn run(&mut self, name: &str, part: impl FnOnce() -> Result<()>) {
        let (result, duration) = timed(part);
        let outcome = Outcome::of(result.is_ok());
        self.rows.push(Row { name: name.to_owned(), outcome, duration });
        if let Err(error) = result {
            // The cause, which may be many lines, has just been printed by the part itself.
            println!("\n{error}");
            self.errors.push(format!("{name}: {error:#}"));
        }
    }

    /// Prints the table and the closing line, which `what` begins. Fails if a part did.
    pub(crate) fn finish(self, what: &str) -> Result<()> {
        println!("\n{}", table(what, &self.rows));
        for error in &self.errors {
            println!("{error}");
        }
        let failed = self.errors.len();
        println!("{what}: {} passed, {failed} failed", self.rows.len() - failed);
        if failed > 0 {
            bail!("{failed} of {} {what} failed, see above", self.rows.len());
        }
        Ok(())
    }
}

/// A table of `rows`, a line each, with their sum.
pub(crate) fn table(what: &str, rows: &[Row]) -> String {
    let total = rows.iter().map(|row| row.duration).sum::<Duration>();
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0).max(what.len());
    let mut lines = vec![format!("{what:<width$}   seconds  result")];
    lines.extend(rows.iter().map(|row| {
        let seconds = row.duration.as_secs_f64();
        format!("{:<width$}  {seconds:>8.1}  {}", row.name, row.outcome.name())
    }));
    lines.push(format!("{:<width$}  {:>8.1}\n", "total", total.as_secs_f64()));
    lines.join("\n")
}

/// What `action` returns, and how long it took.
pub(crate) fn timed<T>(action: impl FnOnce() -> T) -> (T, Duration) {
    // A developer command times its own steps; no test depends on it.
    #[allow(clippy::disallowed_methods)]
    let started = Instant::now();
    let result = action();
    (result, started.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_part_fails_the_report_and_later_parts_still_run() {
        let mut report = Report::default();
        let mut has_run = false;
        report.run("first", || bail!("broken"));
        report.run("second", || {
            has_run = true;
            Ok(())
        });
        let error = report.finish("parts").expect_err("a part failed");
        assert!(has_run);
        assert_eq!(error.to_string(), "1 of 2 parts failed, see above");
    }

    #[test]
    fn a_table_has_a_line_for_each_row_and_the_total() {
        let row = |name: &str, outcome, ms| Row {
            name: name.into(),
            outcome,
            duration: Duration::from_millis(ms),
        };
        let rows = [
            row("rust", Outcome::Passed, 61_200),
            row("end-to-end", Outcome::Failed, 8_100),
            row("npm", Outcome::Unchanged, 0),
        ];
        let expected = "\
part         seconds  result
rust            61.2  passed
end-to-end       8.1  FAILED
npm              0.0  unchanged
total           69.3
";
        assert_eq!(table("part", &rows), expected);
    }
}

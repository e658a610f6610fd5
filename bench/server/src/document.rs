//! What people read: tables, plots and goals, from which `docs/benchmarks.md` is generated.

use serde::Serialize;

use crate::goals::{self, Goal};
use crate::machine::Machine;
use crate::numbers::{Spread, readable};
use crate::results::Results;
use crate::tables;

/// The document.
#[derive(Debug, Serialize)]
pub(crate) struct Document {
    machine: Machine,
    at: String,
    title: &'static str,
    intro: String,
    tables: Vec<Table>,
    plots: Vec<Plot>,
    goals: Vec<Goal>,
}

/// A table. All cells are text.
#[derive(Debug, Serialize)]
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) note: String,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// Bars of one unit.
#[derive(Debug, Serialize)]
pub(crate) struct Plot {
    pub(crate) title: String,
    pub(crate) unit: String,
    /// `more` or `less`.
    pub(crate) better: &'static str,
    pub(crate) bars: Vec<Bar>,
}

/// One bar, and the range of its turns.
#[derive(Debug, Serialize)]
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Bar {
    pub(crate) fn of(name: &str, spread: Spread) -> Self {
        let Spread { median, low, high } = spread;
        Self { name: name.into(), median, low, high }
    }
}

impl Document {
    /// The document of these results.
    pub(crate) fn of(results: &Results) -> Self {
        Self {
            machine: results.machine.clone(),
            at: results.at.clone(),
            title: "The server",
            intro: intro(results),
            tables: tables::all(results),
            plots: tables::plots(results),
            goals: goals::all(results),
        }
    }

    /// Prints the tables and goals.
    pub(crate) fn print(&self) {
        println!("\n{}\nmachine: {:?}", self.intro, self.machine);
        for Table { title, note, columns, rows } in &self.tables {
            println!("\n{title}\n{note}");
            let lines: Vec<&Vec<String>> = std::iter::once(columns).chain(rows).collect();
            print_aligned(&lines);
        }
        if !self.goals.is_empty() {
            println!("\ngoals");
            let head = ["measure", "best peer", "Lamplight", "ratio", "goal", "met"];
            let head = head.map(str::to_owned).to_vec();
            let rows: Vec<Vec<String>> = self.goals.iter().map(Goal::cells).collect();
            print_aligned(&std::iter::once(&head).chain(&rows).collect::<Vec<_>>());
        }
    }
}

fn intro(results: &Results) -> String {
    let mut paragraphs = vec![
        "Every figure is the median of alternating turns of all peers in one run, with the range of the turns. The \
         load, the servers and their databases share the machine, so only the ratios mean something elsewhere. Every \
         peer but the bare hello syncs to disk before it answers. CPU and bytes are those of all processes of a peer. \
         An event is about 400 bytes of JSON."
            .to_owned(),
    ];
    if let Some(Spread { median, low, high }) = Spread::of(results.sync_ms.iter().copied()) {
        let [median, low, high] = [median, low, high].map(readable);
        paragraphs.push(format!("The disk takes {median} ms to sync 4 KiB ({low} to {high} ms)."));
    }
    let missing = results.missing.iter();
    paragraphs.extend(missing.map(|(peer, why)| format!("{peer} is left out: {why}.")));
    paragraphs.join("\n\n")
}

fn print_aligned(lines: &[&Vec<String>]) {
    let columns = lines.iter().map(|line| line.len()).max().unwrap_or_default();
    let width = |at: usize| {
        let cells = lines.iter().filter_map(|line| line.get(at));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for line in lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        println!("  {}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

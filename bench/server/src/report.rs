//! What was measured: medians over the turns, and the ratios between peers.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::load::Outcome;

/// One turn of one peer.
pub(crate) struct Row {
    /// Which peer.
    pub(crate) peer: &'static str,
    /// How many connections.
    pub(crate) connections: usize,
    /// What it did.
    pub(crate) outcome: Outcome,
}

/// All turns.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    syncs: Vec<Duration>,
}

impl Report {
    /// Adds a turn.
    pub(crate) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Adds a reading of the disk's own sync time.
    pub(crate) fn add_sync(&mut self, sync: Duration) {
        self.syncs.push(sync);
    }

    fn median(&self, peer: &str, connections: usize, of: impl Fn(&Outcome) -> f64) -> f64 {
        let mut values: Vec<f64> = self
            .rows
            .iter()
            .filter(|row| row.peer == peer && row.connections == connections)
            .map(|row| of(&row.outcome))
            .collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    }

    fn lines(&self) -> Vec<serde_json::Value> {
        let mut levels: Vec<usize> = self.rows.iter().map(|row| row.connections).collect();
        levels.dedup();
        levels
            .into_iter()
            .map(|connections| {
                let of = |peer, of: fn(&Outcome) -> f64| self.median(peer, connections, of);
                let rate: fn(&Outcome) -> f64 = |outcome| outcome.rate;
                let p50: fn(&Outcome) -> f64 = |outcome| outcome.p50.as_secs_f64() * 1e3;
                let p99: fn(&Outcome) -> f64 = |outcome| outcome.p99.as_secs_f64() * 1e3;
                let refused: usize = self.rows.iter().map(|row| row.outcome.refused).sum();
                serde_json::json!({
                    "connections": connections,
                    "hello_per_s": of("hello", rate),
                    "lamplight_per_s": of("lamplight", rate),
                    "ratio": of("lamplight", rate) / of("hello", rate),
                    "hello_p50_ms": of("hello", p50),
                    "lamplight_p50_ms": of("lamplight", p50),
                    "lamplight_p99_ms": of("lamplight", p99),
                    "refused": refused,
                })
            })
            .collect()
    }

    fn sync_ms(&self) -> f64 {
        let mut syncs = self.syncs.clone();
        syncs.sort_unstable();
        syncs.get(syncs.len() / 2).map_or(0.0, |sync| sync.as_secs_f64() * 1e3)
    }

    /// Prints the table.
    pub(crate) fn print(&self) {
        println!(
            "POSTs of 10 events, medians of the turns; the disk's own sync: {:.2} ms",
            self.sync_ms()
        );
        println!(
            "connections   hello/s   durable/s   ratio   hello p50   durable p50   durable p99   refused"
        );
        for line in self.lines() {
            let number = |key: &str| line[key].as_f64().unwrap_or_default();
            println!(
                "{:>11} {:>9.0} {:>11.0} {:>6.0}% {:>8.2} ms {:>10.2} ms {:>10.2} ms {:>9}",
                line["connections"],
                number("hello_per_s"),
                number("lamplight_per_s"),
                number("ratio") * 100.0,
                number("hello_p50_ms"),
                number("lamplight_p50_ms"),
                number("lamplight_p99_ms"),
                line["refused"],
            );
        }
    }

    /// Keeps the figures as data.
    pub(crate) fn save(&self, path: &Path) -> Result<()> {
        let folder = path.parent().context("failed to save the report: no folder")?;
        std::fs::create_dir_all(folder)?;
        let report = serde_json::json!({ "sync_ms": self.sync_ms(), "levels": self.lines() });
        std::fs::write(path, serde_json::to_string_pretty(&report)?)
            .with_context(|| format!("failed to write {}", path.display()))
    }
}

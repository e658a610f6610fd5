//! The report: medians over the turns, and ratios between peers.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::footprint::Footprint;
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

/// How fast payloads are processed, in events per second.
pub(crate) struct Process {
    /// How many events the filled store holds.
    pub(crate) rows: u64,
    /// How fast it was filled.
    pub(crate) fill: f64,
    /// A bare loop of prepared inserts.
    pub(crate) bare: f64,
    /// Events that are deduplicated, on an empty store.
    pub(crate) numbered: f64,
    /// Events that are not.
    pub(crate) anonymous: f64,
    /// Events that are deduplicated, from known producers.
    pub(crate) pages: f64,
    /// The same, by other numbers of workers.
    pub(crate) by_workers: Vec<(f64, u32)>,
    /// Events that are deduplicated, on the filled store.
    pub(crate) among: f64,
    /// Looking an event up on the filled store.
    pub(crate) lookup_p50: Duration,
    /// The 99th percentile.
    pub(crate) lookup_p99: Duration,
}

/// All that was measured.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    syncs: Vec<Duration>,
    /// Processing, if it was measured.
    pub(crate) process: Option<Process>,
    /// The server's footprint, if it was measured.
    pub(crate) footprint: Option<Footprint>,
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
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
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn levels(&self) -> Vec<Value> {
        let mut levels: Vec<usize> = self.rows.iter().map(|row| row.connections).collect();
        levels.dedup();
        levels.into_iter().map(|connections| self.level(connections)).collect()
    }

    fn level(&self, connections: usize) -> Value {
        let of = |peer, of: fn(&Outcome) -> f64| self.median(peer, connections, of);
        let rate = |peer| of(peer, |outcome| outcome.rate);
        let p50 = |peer| of(peer, |outcome| ms(outcome.p50));
        let p99 = |peer| of(peer, |outcome| ms(outcome.p99));
        let at_level = self.rows.iter().filter(|row| row.connections == connections);
        let refused: usize = at_level.map(|row| row.outcome.refused).sum();
        json!({
            "connections": connections,
            "hello_per_s": rate("hello"),
            "lamplight_per_s": rate("lamplight"),
            "node_pg_per_s": rate("node_pg"),
            "of_hello": rate("lamplight") / rate("hello"),
            "of_node_pg": rate("lamplight") / rate("node_pg"),
            "hello_p50_ms": p50("hello"),
            "lamplight_p50_ms": p50("lamplight"),
            "node_pg_p50_ms": p50("node_pg"),
            "lamplight_p99_ms": p99("lamplight"),
            "node_pg_p99_ms": p99("node_pg"),
            "p99_of_node_pg": p99("lamplight") / p99("node_pg"),
            "refused": refused,
        })
    }

    fn sync_ms(&self) -> f64 {
        let mut syncs = self.syncs.clone();
        syncs.sort_unstable();
        syncs.get(syncs.len() / 2).map_or(f64::NAN, |sync| ms(*sync))
    }

    /// Prints the tables.
    pub(crate) fn print(&self) {
        println!("medians of the turns; the disk's own sync: {:.2} ms", self.sync_ms());
        if !self.rows.is_empty() {
            self.print_levels();
        }
        if let Some(process) = &self.process {
            print_process(process);
        }
        if let Some(footprint) = &self.footprint {
            print_footprint(footprint);
        }
    }

    fn print_levels(&self) {
        println!("\nPOSTs of 10 events, each answered once it is on disk");
        println!(
            "connections   hello/s  durable/s  node+pg/s  of hello  of node+pg   p50/p99 durable   p50/p99 node+pg  refused"
        );
        for line in self.levels() {
            let number = |key: &str| line[key].as_f64().unwrap_or(f64::NAN);
            println!(
                "{:>11} {:>9.0} {:>10.0} {:>10.0} {:>8.0}% {:>10.1}x {:>7.2}/{:>5.2} ms {:>9.2}/{:>6.2} ms {:>7}",
                line["connections"],
                number("hello_per_s"),
                number("lamplight_per_s"),
                number("node_pg_per_s"),
                number("of_hello") * 100.0,
                number("of_node_pg"),
                number("lamplight_p50_ms"),
                number("lamplight_p99_ms"),
                number("node_pg_p50_ms"),
                number("node_pg_p99_ms"),
                line["refused"],
            );
        }
    }

    /// Writes the figures as JSON.
    pub(crate) fn save(&self, path: &Path) -> Result<()> {
        let folder = path.parent().context("failed to save the report: no folder")?;
        std::fs::create_dir_all(folder)?;
        let report = json!({
            "sync_ms": self.sync_ms(),
            "levels": self.levels(),
            "process": self.process.as_ref().map(process_json),
            "footprint": self.footprint.as_ref().map(footprint_json),
        });
        std::fs::write(path, serde_json::to_string_pretty(&report)?)
            .with_context(|| format!("failed to write {}", path.display()))
    }
}

fn print_process(process: &Process) {
    println!("\nprocessing, in events a second");
    let share = |part: f64, of: f64| part / of * 100.0;
    println!("  bare prepared inserts of the same rows   {:>9.0}", process.bare);
    println!("  processed, not numbered                  {:>9.0}", process.anonymous);
    let numbered = [
        ("numbered, pages that send in turn    ", process.pages),
        ("numbered, a new page for each payload", process.numbered),
    ];
    for (what, rate) in numbered {
        println!(
            "  processed, {what} {rate:>9.0}   {:.0}% of bare inserts, dedup costs {:.0}%",
            share(rate, process.bare),
            100.0 - share(rate, process.anonymous)
        );
    }
    for (rate, workers) in &process.by_workers {
        println!(
            "  pages that send in turn, {workers} worker(s)     {rate:>9.0}   {:.0}% of the rate of 2",
            share(*rate, process.pages)
        );
    }
    println!(
        "  processed, {:>11} rows present      {:>9.0}   {:.0}% of the rate on an empty store",
        process.rows,
        process.among,
        share(process.among, process.numbered)
    );
    println!("  that store was filled at                 {:>9.0}", process.fill);
    println!(
        "  looking one of its events up             p50 {:.2} ms, p99 {:.2} ms",
        ms(process.lookup_p50),
        ms(process.lookup_p99)
    );
}

fn print_footprint(footprint: &Footprint) {
    println!("\nfootprint");
    println!("  start to first durable answer   {:.0} ms", ms(footprint.first_answer));
    println!("  idle memory                     {:.1} MiB", footprint.idle_mib);
    println!(
        "  most memory under overload      {:.1} MiB, {:.0} answers/s, {} told to come back",
        footprint.overload_mib, footprint.overload_rate, footprint.overload_refused
    );
    println!("  binary                          {:.1} MiB", footprint.binary_mib);
}

fn process_json(process: &Process) -> Value {
    json!({
        "rows": process.rows,
        "fill_per_s": process.fill,
        "bare_per_s": process.bare,
        "numbered_per_s": process.numbered,
        "anonymous_per_s": process.anonymous,
        "pages_per_s": process.pages,
        "by_workers_per_s": process.by_workers.iter().map(|(rate, workers)| json!({"workers": workers, "per_s": rate})).collect::<Vec<_>>(),
        "among_rows_per_s": process.among,
        "lookup_p50_ms": ms(process.lookup_p50),
        "lookup_p99_ms": ms(process.lookup_p99),
    })
}

fn footprint_json(footprint: &Footprint) -> Value {
    json!({
        "first_answer_ms": ms(footprint.first_answer),
        "idle_mib": footprint.idle_mib,
        "overload_mib": footprint.overload_mib,
        "overload_per_s": footprint.overload_rate,
        "overload_refused": footprint.overload_refused,
        "binary_mib": footprint.binary_mib,
    })
}

//! What rules are evaluated on. Pure.

use std::collections::BTreeMap;

use super::reading::{arrived_time, dead_count, quiet_time};
use crate::figures::Figures;
use crate::store::AlertMark;
use crate::trends::outlook::Forecast;

/// What rules are evaluated on.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The process.
    pub run: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// How long the process has run, in milliseconds.
    pub uptime_ms: i64,
    /// How long the oldest payload of each stage has waited, in milliseconds.
    pub stages: [(&'static str, i64); 2],
    /// The sinks of the configuration.
    pub sinks: Vec<SinkFact>,
    /// Events lost so far.
    pub lost: u64,
    /// Requests refused since the start of the process.
    pub refused: u64,
    /// Payloads that are set aside.
    pub set_aside: u64,
    /// Free bytes on the disk, without those that are expected to be used soon.
    pub free_bytes: u64,
    /// Bytes that must stay free.
    pub floor_bytes: u64,
    /// When the disk is full.
    pub disk_full: Forecast,
    /// The names of events that rules are about, each with when its last one arrived, if one
    /// arrived in the last days.
    pub arrived_ms: BTreeMap<String, Option<i64>>,
}

/// What is known about a sink.
#[derive(Debug, Clone)]
pub struct SinkFact {
    /// Its name.
    pub name: String,
    /// `running`, `resting`, `stopped` or `paused`.
    pub state: &'static str,
    /// Why it takes nothing.
    pub why: Option<String>,
    /// How long the oldest event has waited for it, in milliseconds.
    pub oldest_ms: i64,
    /// Deliveries given up so far.
    pub dead: u64,
}

impl Facts {
    /// The facts that `figures` hold, or `None` if some of them could not be read.
    pub fn of(figures: &Figures, run: u64, disk_full: Forecast) -> Option<Self> {
        let (totals, backlog) = (figures.totals?, figures.process.backlog.as_ref()?);
        let age = |since_ms| i64::try_from(figures.age_ms(since_ms)).unwrap_or(i64::MAX);
        let configured = figures.sinks.as_ref()?.iter().filter(|sink| sink.row.is_configured);
        let sinks = configured.map(|sink| SinkFact {
            name: sink.row.name.clone(),
            state: sink.state,
            why: sink.row.stopped.clone().or(sink.row.rests.clone().map(|(_, why)| why)),
            oldest_ms: age(sink.row.oldest_ms),
            dead: sink.row.dead,
        });
        Some(Self {
            run,
            at_ms: figures.at_ms,
            uptime_ms: figures.at_ms.saturating_sub(figures.server.started_ms).max(0),
            stages: [
                ("intake", age(figures.intake.waiting.oldest_ms)),
                ("process", age(backlog.oldest_ms)),
            ],
            sinks: sinks.collect(),
            lost: totals.lost,
            refused: figures.refusals.values().sum(),
            set_aside: backlog.set_aside.payloads,
            free_bytes: figures.disk.free_bytes.saturating_sub(figures.disk.expected_bytes),
            floor_bytes: figures.disk.floor_bytes,
            disk_full,
            arrived_ms: BTreeMap::new(),
        })
    }

    /// What the next evaluation continues from: the counts, and for how long each name has been
    /// quiet. `before` is the last mark, of `passed_ms` ago.
    pub fn mark(&self, before: Option<&AlertMark>, passed_ms: i64) -> AlertMark {
        let mut counts =
            BTreeMap::from([("lost".to_owned(), self.lost), ("refused".to_owned(), self.refused)]);
        counts.extend(self.sinks.iter().map(|sink| (dead_count(&sink.name), sink.dead)));
        for (name, arrived_ms) in &self.arrived_ms {
            let known = |key: String| before.and_then(|mark| mark.counts.get(&key).copied());
            let known_ms = known(arrived_time(name));
            let arrived_ms = arrived_ms.and_then(|ms| u64::try_from(ms).ok()).or(known_ms);
            // A name that never came has not stopped.
            let Some(arrived_ms) = arrived_ms else { continue };
            let quiet_ms = match known(quiet_time(name)) {
                Some(quiet_ms) if known_ms == Some(arrived_ms) => {
                    quiet_ms.saturating_add(passed_ms.unsigned_abs())
                }
                _ => 0,
            };
            counts.insert(arrived_time(name), arrived_ms);
            counts.insert(quiet_time(name), quiet_ms);
        }
        AlertMark { run: self.run, at_ms: self.at_ms, counts }
    }
}

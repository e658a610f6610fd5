//! What was measured: every turn of every peer. Kept as JSON, so that a later run can add to it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::footprint::Footprint;
use crate::machine::Machine;
use crate::sinks::SinkRates;

/// What a turn measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// Durable answers, while nothing is processed.
    Intake,
    /// Requests that are answered, and whose events are stored at the same rate.
    EndToEnd,
}

/// One turn of one peer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Turn {
    /// What it measured.
    pub(crate) kind: Kind,
    /// Which peer.
    pub(crate) peer: String,
    /// How many connections.
    pub(crate) connections: usize,
    /// Events in each request.
    pub(crate) events: usize,
    /// How long, in seconds.
    pub(crate) seconds: f64,
    /// Requests that were accepted, per second.
    pub(crate) requests_per_s: f64,
    /// The median of response times.
    pub(crate) p50_ms: f64,
    /// The 99th percentile of response times.
    pub(crate) p99_ms: f64,
    /// Requests that were not accepted.
    pub(crate) refused: usize,
    /// Processor time of all of the peer's processes, per event.
    pub(crate) cpu_us: f64,
    /// Bytes that they wrote, per event.
    pub(crate) written_bytes: f64,
    /// What an event takes on disk, if it was stored.
    pub(crate) kept_bytes: Option<f64>,
}

impl Turn {
    /// Events per second.
    pub(crate) fn events_per_s(&self) -> f64 {
        #[allow(clippy::cast_precision_loss)]
        let events = self.events as f64;
        self.requests_per_s * events
    }
}

/// Processing in stores that hold this many events already, beside an empty one.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Growth {
    /// How fast the store was filled, in events per second.
    pub(crate) fill_per_s: f64,
    /// Events per second on an empty store.
    pub(crate) empty_per_s: Vec<f64>,
    /// Events per second on the filled one.
    pub(crate) filled_per_s: Vec<f64>,
    /// Looking up one of its events: the median, for each run.
    pub(crate) lookup_p50_ms: Vec<f64>,
    /// The 99th percentile.
    pub(crate) lookup_p99_ms: Vec<f64>,
}

/// All that was measured.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Results {
    /// Where.
    pub(crate) machine: Machine,
    /// On which day, in UTC.
    pub(crate) at: String,
    /// The disk's own sync times.
    pub(crate) sync_ms: Vec<f64>,
    /// Why a peer was left out, by its name.
    pub(crate) missing: BTreeMap<String, String>,
    /// Turns beside peers.
    pub(crate) turns: Vec<Turn>,
    /// Events per second of each way to process them.
    pub(crate) processing_per_s: BTreeMap<String, Vec<f64>>,
    /// By how many events a store holds.
    pub(crate) growth: BTreeMap<u64, Growth>,
    /// The server's footprint.
    pub(crate) footprint: Vec<Footprint>,
    /// Delivery of a backlog.
    pub(crate) sinks: Vec<SinkRates>,
}

impl Results {
    /// Those of earlier runs.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path);
        let text = text.with_context(|| format!("failed to read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("failed to read {}", path.display()))
    }

    /// Writes them.
    pub(crate) fn save(&self, path: &Path) -> Result<()> {
        save(self, path)
    }

    /// The turns of one cell.
    pub(crate) fn cell(
        &self,
        kind: Kind,
        peer: &str,
        connections: usize,
        events: usize,
    ) -> Vec<&Turn> {
        let is_in = |turn: &&Turn| {
            (turn.kind, turn.connections, turn.events) == (kind, connections, events)
                && turn.peer == peer
        };
        self.turns.iter().filter(is_in).collect()
    }
}

/// Writes JSON to a file, and creates its folder.
pub(crate) fn save(value: &impl Serialize, path: &Path) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("failed to create {}", folder.display()))?;
    }
    let text = serde_json::to_string_pretty(value)? + "\n";
    std::fs::write(path, text).with_context(|| format!("failed to write {}", path.display()))
}

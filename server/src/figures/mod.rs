//! Every number that the server knows about itself at one moment.
//!
//! [`collect()`] reads them from counters that are kept anyway: atomics, one-row counters and the
//! first rows of queues. It scans no table, so it can be called every few seconds. [`prometheus`]
//! writes them as metrics.

use std::collections::BTreeMap;

use crate::metrics::answers::AnswerCount;
use crate::metrics::commits::CommitSums;
use crate::metrics::in_flight::InFlightSums;
use crate::metrics::intake::AcceptedBytes;
use crate::metrics::process::ProcessedSums;
use crate::metrics::sink::AttemptSums;
use crate::metrics::throughput::BatchSums;
use crate::store::{
    AlertBook, AlertPhase, Backlog, NoticeDelivery, SinkRow, SourceTotals, StreamBacklog, Totals,
};
use crate::system::data_files::DataFiles;
use crate::system::process_usage::ProcessUsage;

mod collect;
pub mod prometheus;

pub use collect::collect;

/// Every number that the server knows about itself at one moment. What could not be read then, for
/// example because the disk did not answer, is `None`.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// The process.
    pub server: ServerFigures,
    /// The intake stage.
    pub intake: IntakeFigures,
    /// The process stage.
    pub process: ProcessFigures,
    /// The deliver stage: each sink that has or had deliveries, by name.
    pub sinks: Option<Vec<SinkFigures>>,
    /// How all events ended. Kept in the database, so a restart does not change it.
    pub totals: Option<Totals>,
    /// The numbered events of each source, by name. Kept in the database.
    pub sources: Option<Vec<SourceTotals>>,
    /// The alerts. Kept in the database.
    pub alerts: Option<AlertFigures>,
    /// The database of payloads.
    pub intake_database: DatabaseFigures,
    /// The database of events.
    pub events_database: DatabaseFigures,
    /// The number of each database, where there are several, and whether it takes writes.
    pub shards: Vec<(u16, bool)>,
    /// The disk.
    pub disk: DiskFigures,
    /// Answers by what was asked for and by status, since the start.
    pub answers: Vec<AnswerCount>,
    /// Requests to intake that were refused since the start, by the code of the answer.
    pub refusals: BTreeMap<&'static str, u64>,
    /// How far the machine's clock is ahead of the time that retention believes, in milliseconds,
    /// if that is in doubt.
    pub clock_doubt_ms: Option<i64>,
}

/// The process of the server.
#[derive(Debug, Clone, Copy, Default)]
pub struct ServerFigures {
    /// The version of the program.
    pub version: &'static str,
    /// When the process started, in milliseconds since 1970.
    pub started_ms: i64,
    /// Whether it accepts and processes payloads.
    pub is_ready: bool,
    /// What the process uses of the machine.
    pub usage: ProcessUsage,
}

/// The intake stage.
#[derive(Debug, Clone, Copy, Default)]
pub struct IntakeFigures {
    /// Requests that wait until their payload is on disk.
    pub waiting: InFlightSums,
    /// Payloads that were accepted since the start.
    pub accepted: BatchSums,
    /// Bytes of them.
    pub bytes: AcceptedBytes,
    /// What a stream in front of the database holds. `None` without one, too.
    pub stream: Option<StreamBacklog>,
}

/// The process stage.
#[derive(Debug, Clone, Default)]
pub struct ProcessFigures {
    /// Payloads that wait.
    pub backlog: Option<Backlog>,
    /// Batches since the start.
    pub batches: BatchSums,
    /// How payloads and their events ended, since the start.
    pub processed: ProcessedSums,
}

/// One sink.
#[derive(Debug, Clone)]
pub struct SinkFigures {
    /// Its condition, what waits for it, and how deliveries ended. Kept in the database.
    pub row: SinkRow,
    /// Its condition in a word.
    pub state: &'static str,
    /// Batches since the start. Their events are those that it took.
    pub batches: BatchSums,
    /// How attempts ended since the start.
    pub attempts: AttemptSums,
}

/// The alerts, and what was said about them.
#[derive(Debug, Clone, Default)]
pub struct AlertFigures {
    /// How many are pending and how many fire, by rule.
    pub by_rule: BTreeMap<String, AlertCounts>,
    /// The kept notices, by where they are on their way to the webhook.
    pub notices: BTreeMap<NoticeDelivery, u64>,
    /// When the rules were last evaluated, in milliseconds since 1970.
    pub evaluated_ms: Option<i64>,
}

/// The alerts of one rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AlertCounts {
    /// They exceed their limit, but not for long enough yet.
    pub pending: u64,
    /// They were announced.
    pub firing: u64,
}

impl AlertFigures {
    /// The figures of `book`, in which every rule of `rules` has a count, and of `notices`.
    pub fn new<'a>(
        rules: impl IntoIterator<Item = &'a str>,
        book: &AlertBook,
        notices: BTreeMap<NoticeDelivery, u64>,
    ) -> Self {
        let mut by_rule: BTreeMap<String, AlertCounts> =
            rules.into_iter().map(|rule| (rule.to_owned(), AlertCounts::default())).collect();
        for (key, phase) in &book.phases {
            let counts = by_rule.entry(key.rule.clone()).or_default();
            match phase {
                AlertPhase::Pending { .. } => counts.pending += 1,
                AlertPhase::Firing { .. } => counts.firing += 1,
            }
        }
        Self { by_rule, notices, evaluated_ms: book.mark.as_ref().map(|mark| mark.at_ms) }
    }
}

/// One database.
#[derive(Debug, Clone, Copy, Default)]
pub struct DatabaseFigures {
    /// Whether it takes writes.
    pub is_up: bool,
    /// What was committed since the start, and what waits.
    pub commits: CommitSums,
}

/// The disk of the data directory.
#[derive(Debug, Clone, Copy, Default)]
pub struct DiskFigures {
    /// Free bytes, as last measured.
    pub free_bytes: u64,
    /// Bytes that must stay free. Below it, intake stops.
    pub floor_bytes: u64,
    /// Below this, sources that sent more than their share are refused.
    pub reserve_bytes: u64,
    /// Bytes that accepted payloads will take once they are processed.
    pub expected_bytes: u64,
    /// The files of the data directory.
    pub files: Option<DataFiles>,
}

impl Figures {
    /// How many readings failed or took too long.
    pub fn unread(&self) -> u32 {
        let read = [
            self.process.backlog.is_some(),
            self.totals.is_some(),
            self.sources.is_some(),
            self.sinks.is_some(),
            self.alerts.is_some(),
            self.disk.files.is_some(),
        ];
        read.into_iter().map(|is_read| u32::from(!is_read)).sum()
    }

    /// How long something has waited that began then, in milliseconds.
    pub fn age_ms(&self, since_ms: Option<i64>) -> u64 {
        since_ms.map_or(0, |ms| u64::try_from(self.at_ms.saturating_sub(ms)).unwrap_or(0))
    }
}

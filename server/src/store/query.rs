//! Questions about events beside lists of them: counts, arrivals that were refused, what came just now, and SQL.

use lamplight_wire::Producer;

use super::outcome::Outcome;
use super::{EventFilter, EventRow, RefusedEvent, RowId, Week};

/// What events are counted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grouping {
    /// Their name.
    Name,
    /// Their type.
    Kind,
    /// The day they were received, UTC.
    Day,
    /// The hour they were received, UTC.
    Hour,
    /// A property, by the keys that lead to it.
    Property(Vec<String>),
}

/// Which events to count, and by what.
#[derive(Debug, Clone)]
pub struct AggregateQuery {
    /// Which. Both ends of its time must be given.
    pub filter: EventFilter,
    /// By what.
    pub by: Grouping,
}

/// Counts of events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aggregate {
    /// The largest counts, the largest first; of equal ones in the order of their keys. A key is `None` for events
    /// without the property.
    pub rows: Vec<(Option<String>, u64)>,
    /// Events under further keys.
    pub other: u64,
    /// Where the limit of rows to look at ended the count, in milliseconds since 1970: what was
    /// received before is not in it.
    pub from_ms: Option<i64>,
}

/// Which refused arrivals to list.
#[derive(Debug, Clone)]
pub struct RefusedQuery {
    /// Duplicates or invalid ones.
    pub outcome: Outcome,
    /// Only from this source.
    pub source: Option<String>,
    /// Only of this producer.
    pub producer: Option<Producer>,
    /// Received at this time or later, in milliseconds since 1970.
    pub from_ms: Option<i64>,
    /// Received before this time.
    pub to_ms: Option<i64>,
    /// After this one.
    pub after: Option<RowId>,
    /// At most this many.
    pub limit: u32,
}

/// A page of refused arrivals.
#[derive(Debug, Clone, Default)]
pub struct RefusedPage {
    /// The arrivals, newest first.
    pub events: Vec<RefusedEvent>,
    /// Where the next page starts, if there is more to look at.
    pub next: Option<RowId>,
}

/// A place in the order in which events were stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LivePosition {
    /// Of the payload.
    pub payload: i64,
    /// Of the event in it.
    pub index: u32,
}

/// What was stored after a position.
#[derive(Debug, Clone)]
pub struct LiveTail {
    /// The events that match, in the order in which they were stored.
    pub events: Vec<(LivePosition, EventRow)>,
    /// Where to go on.
    pub next: LivePosition,
    /// Whether there is more already.
    pub has_more: bool,
    /// Whether something in between is not followed any more, because it is too long ago.
    pub has_gap: bool,
}

/// A statement that only reads, and how much it may cost.
#[derive(Debug, Clone)]
pub struct SqlQuery {
    /// The statement.
    pub sql: String,
    /// Only the weeks that its times are in are looked at, at most the newest ten.
    pub filter: EventFilter,
    /// At most this many rows are given.
    pub rows_max: usize,
    /// At most this many bytes of values are given.
    pub bytes_max: usize,
    /// It is stopped after this long.
    pub time_max: std::time::Duration,
}

/// What a statement gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SqlTable {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<serde_json::Value>>,
    /// Whether a limit of rows or bytes ended it.
    pub truncated: bool,
    /// The weeks whose events it saw, newest first.
    pub weeks: Vec<Week>,
}

/// Why a statement was not run to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SqlError {
    /// It is not SQL, or not for these tables, or failed on the way; in the database's words.
    #[error("run the statement: {0}")]
    Invalid(String),
    /// It does more than read.
    #[error("run the statement: it does more than read what may be read")]
    NotReadOnly,
    /// It took too long.
    #[error("run the statement: it took longer than {} s; narrow it down", .0.as_secs())]
    TooSlow(std::time::Duration),
}

//! Queries beside lists of events: counts, refused arrivals, the live view, and SQL.

use lamplight_wire::Producer;
use serde::{Deserialize, Serialize};

use super::outcome::Outcome;
use super::{
    Calendar, CanonicalJson, EventFilter, EventRow, LivePlace, PropertyPath, RefusedEvent, RowId,
    Week,
};

/// What events are counted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grouping {
    /// Their name.
    Name,
    /// Their type.
    Kind,
    /// The day, in the query's calendar.
    Day,
    /// The hour, in the query's calendar.
    Hour,
    /// A property.
    Property(PropertyPath),
}

/// Which events to count, and how to group them.
#[derive(Debug, Clone)]
pub struct AggregateQuery {
    /// Which events. Both ends of its time must be set.
    pub filter: EventFilter,
    /// How to group them.
    pub by: Grouping,
    /// Which days and hours they are in.
    pub calendar: Calendar,
    /// The most counts that are returned, such as [`COUNTS_MAX`].
    pub counts_max: usize,
}

/// The most counts that one answer has.
pub const COUNTS_MAX: usize = 1_000;

/// Counts of events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aggregate {
    /// The largest counts, the largest first, and equal ones in the order of their keys. A name, a
    /// type, a day and an hour are texts, and a property keeps its type. The key is `None` for
    /// events in which the property is absent or `null`.
    pub rows: Vec<(Option<CanonicalJson>, u64)>,
    /// Events under all other keys.
    pub other: u64,
    /// The count covers events received at this time or later, in milliseconds since 1970, if the
    /// limit of rows ended it.
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
    /// The largest number of results.
    pub limit: u32,
}

/// A page of refused arrivals.
#[derive(Debug, Clone, Default)]
pub struct RefusedPage {
    /// The arrivals, newest first.
    pub events: Vec<RefusedEvent>,
    /// Where the next page starts, if there may be more.
    pub next: Option<RowId>,
}

/// A place in the order in which events were stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LivePosition {
    /// The position of the payload.
    pub payload: i64,
    /// The index of the event in it.
    pub index: u32,
}

/// What was stored after a place.
#[derive(Debug, Clone)]
pub struct LiveTail {
    /// The events that match, in the order in which they were stored, each with the place after it.
    pub events: Vec<(LivePlace, EventRow)>,
    /// The place to continue from.
    pub next: LivePlace,
    /// Whether there is more already.
    pub has_more: bool,
    /// Whether events between `after` and the first one are missing, because they were stored too
    /// long ago.
    pub has_gap: bool,
}

/// A read-only statement and its limits.
#[derive(Debug, Clone)]
pub struct SqlQuery {
    /// The statement.
    pub sql: String,
    /// Reads only the weeks of this filter's times, at most the newest 10.
    pub filter: EventFilter,
    /// The largest number of rows.
    pub rows_max: usize,
    /// The largest number of bytes in the result.
    pub bytes_max: usize,
    /// The time limit.
    pub time_max: std::time::Duration,
}

/// The result of a statement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SqlTable {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The rows, each an array of its values, in a JSON array.
    pub rows_json: String,
    /// Whether a limit of rows or bytes ended it.
    pub truncated: bool,
    /// The weeks that it read, newest first.
    pub weeks: Vec<Week>,
}

/// Why a statement was not run to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum SqlError {
    /// The statement failed. The text is the database's.
    #[error("run the statement: {0}")]
    Invalid(String),
    /// Nothing runs statements until an operator has done what the text says.
    #[error("run the statement: {0}")]
    NotSetUp(String),
    /// It does not only read.
    #[error("run the statement: it does more than read what may be read")]
    NotReadOnly,
    /// It took too long.
    #[error("run the statement: it took longer than {} s; narrow it down", .0.as_secs())]
    TooSlow(std::time::Duration),
    /// It needed more memory than a statement may have.
    #[error(
        "run the statement: it needs more than the 128 MiB of memory that a statement may have, or \
         nests too deeply; select fewer columns, build smaller values, or split it up"
    )]
    TooMuchMemory,
    /// It needed more temporary files than a statement may have.
    #[error(
        "run the statement: what it sorts, groups or keeps takes more than the 4 temporary files of \
         256 MiB that a statement may have; narrow it down with `from`, `to` or WHERE"
    )]
    TooManyTemporaries,
    /// One row is larger than an answer may be, in bytes.
    #[error(
        "run the statement: one row is larger than {0} bytes, the most that an answer may have; \
         select fewer columns, or a part of each value with substr()"
    )]
    RowTooLarge(usize),
}

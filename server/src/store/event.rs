//! Events as they are read.

use lamplight_wire::Producer;
use lamplight_wire::event::Kind;

use super::outcome::Outcome;
use super::{Completeness, PayloadId, RowId};

/// A row of `events`.
#[derive(Debug, Clone)]
pub struct EventRow {
    /// Names it.
    pub id: RowId,
    /// Which way it goes: `default`, `critical` or `monitor`.
    pub kind: String,
    /// What happened.
    pub name: String,
    /// The source it came from.
    pub source: String,
    /// When, by the client's clock, if it said.
    pub ts_ms: Option<i64>,
    /// When, corrected by the client's skew.
    pub time_ms: i64,
    /// When it was received.
    pub received_ms: i64,
    /// The day it was received, UTC, as the number `YYYYMMDD`.
    pub created_day: u32,
    /// The id that the app knows the user by.
    pub user_id: Option<String>,
    /// An id for a user who is not known.
    pub anonymous_id: Option<String>,
    /// The browser session.
    pub session: Option<String>,
    /// Who made it, and its number there.
    pub number: Option<(Producer, u64)>,
    /// Its name, if its client names events and does not number them.
    pub event_id: Option<String>,
    /// The payload it came in.
    pub payload: PayloadId,
    /// Its place in that payload.
    pub index: u32,
    /// The `properties` object, as received.
    pub properties_json: Option<String>,
    /// The `context` object, as received.
    pub context_json: Option<String>,
    /// The `monitor` object, as received.
    pub monitor_json: Option<String>,
    /// What enrichers added, one member each.
    pub enrichment_json: Option<String>,
    /// What was known about its user when it was stored.
    pub profile_json: Option<String>,
}

impl EventRow {
    /// How much text its JSON columns have.
    pub fn json_bytes(&self) -> usize {
        let added = [&self.enrichment_json, &self.profile_json];
        [&self.properties_json, &self.context_json, &self.monitor_json]
            .into_iter()
            .chain(added)
            .flatten()
            .map(String::len)
            .sum()
    }
}

/// Which events to list. All given must hold.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// This name exactly.
    pub name: Option<String>,
    /// This type.
    pub kind: Option<Kind>,
    /// This source.
    pub source: Option<String>,
    /// This user id.
    pub user: Option<String>,
    /// This producer.
    pub producer: Option<Producer>,
    /// Received at this time or later, in milliseconds since 1970.
    pub from_ms: Option<i64>,
    /// Received before this time.
    pub to_ms: Option<i64>,
    /// These properties: the keys that lead to each, and its value as text.
    pub properties: Vec<(Vec<String>, String)>,
}

/// A place between two events in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// After this row, in a list ordered by row id.
    Row(RowId),
    /// After this number, in the list of one producer's events.
    Seq(u64),
}

/// Which events to read, and how many.
#[derive(Debug, Clone)]
pub struct EventQuery {
    /// Which.
    pub filter: EventFilter,
    /// Where to start.
    pub after: Option<Position>,
    /// At most this many.
    pub limit: u32,
}

/// A page of events.
#[derive(Debug, Clone, Default)]
pub struct EventPage {
    /// The events, newest first.
    pub events: Vec<EventRow>,
    /// Where the next page starts, if there is more to look at. A page may be short, or even
    /// empty, and still have a next one: looking at rows that do not match has a limit, too.
    pub next: Option<Position>,
}

/// How a person names an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventRef {
    /// By its row.
    Row(RowId),
    /// By its producer and number.
    Number(Producer, u64),
    /// By the name its client gave it.
    ClientId(String),
}

/// An event in `events`, and when it got there.
#[derive(Debug, Clone)]
pub struct StoredEvent {
    /// The row.
    pub row: EventRow,
    /// When it was written.
    pub applied_ms: i64,
    /// In which attempt at its payload.
    pub attempt: u32,
}

/// An arrival of an event that is not in `events`.
#[derive(Debug, Clone)]
pub struct RefusedEvent {
    /// Names the arrival.
    pub id: RowId,
    /// How it ended: a duplicate or invalid.
    pub outcome: Outcome,
    /// The stable reason, if it is invalid.
    pub reason: Option<String>,
    /// What was wrong, for people.
    pub detail: Option<String>,
    /// The source it came from.
    pub source: String,
    /// Who made it, and its number there.
    pub number: Option<(Producer, u64)>,
    /// Its name, if its client names events.
    pub event_id: Option<String>,
    /// The payload it came in.
    pub payload: PayloadId,
    /// Its place in that payload.
    pub index: u32,
    /// When it was received.
    pub received_ms: i64,
    /// When this was decided.
    pub applied_ms: i64,
}

/// A later arrival of the same event.
#[derive(Debug, Clone, Copy)]
pub struct Repeat {
    /// The payload it came in.
    pub payload: PayloadId,
    /// When it was received.
    pub received_ms: i64,
    /// When it was told from a new event.
    pub applied_ms: i64,
}

/// All that is known about one event.
#[derive(Debug, Clone)]
pub enum EventTrace {
    /// It is in `events`.
    Stored {
        /// The row.
        event: Box<StoredEvent>,
        /// Its later arrivals, oldest first, at most a hundred.
        repeats: Vec<Repeat>,
    },
    /// It arrived and is not in `events`.
    Refused {
        /// The arrival.
        event: Box<RefusedEvent>,
        /// Its later arrivals, oldest first, at most a hundred.
        repeats: Vec<Repeat>,
    },
    /// It was stored, or may have been: the events of its week were removed to keep within the retention.
    Removed {
        /// When its week was removed, in milliseconds since 1970.
        removed_ms: i64,
    },
    /// Its producer made it and it did not arrive.
    Missing {
        /// Who made it.
        producer: Producer,
        /// Its number there.
        seq: u64,
        /// In flight, declared or lost.
        verdict: Completeness,
        /// Why the client gave it up, if it did.
        reason: Option<String>,
        /// When its producer was last heard from.
        last_heard_ms: i64,
    },
}

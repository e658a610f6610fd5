//! Events, as reads return them.

use std::borrow::Cow;

use lamplight_wire::event::Kind;
use lamplight_wire::{Producer, json};

use super::outcome::Outcome;
use super::week::first_row_at;
use super::{Completeness, PayloadId, PropertyCondition, RefusedContent, RowId, Week};

/// A row of `events`.
#[derive(Debug, Clone)]
pub struct EventRow {
    /// Its id.
    pub id: RowId,
    /// Its type: `default`, `critical` or `monitor`.
    pub kind: String,
    /// What happened.
    pub name: String,
    /// The source it came from.
    pub source: String,
    /// When it happened, by the client's clock, if the client sent a time.
    pub ts_ms: Option<i64>,
    /// When it happened, corrected for the client's clock skew.
    pub time_ms: i64,
    /// When it was received.
    pub received_ms: i64,
    /// The day it was received, UTC, as the number `YYYYMMDD`.
    pub created_day: u32,
    /// The user id that the app set.
    pub user_id: Option<String>,
    /// The anonymous id.
    pub anonymous_id: Option<String>,
    /// The session id.
    pub session: Option<String>,
    /// Its producer and sequence number.
    pub number: Option<(Producer, u64)>,
    /// The id that the client gave it, if the client does not number events.
    pub event_id: Option<String>,
    /// The payload that carried it.
    pub payload: PayloadId,
    /// Its index in that payload.
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
    /// Traits that it sets and that a later event set again, or removed, before it was leased for a
    /// delivery. Only the rows of leased deliveries have any.
    pub outdated_traits: Vec<String>,
}

impl EventRow {
    /// The row with valid Unicode in all of its JSON. Earlier versions stored halves of surrogate
    /// pairs, which most readers of JSON refuse.
    #[must_use]
    pub fn with_valid_unicode(mut self) -> Self {
        for column in [
            &mut self.properties_json,
            &mut self.context_json,
            &mut self.monitor_json,
            &mut self.enrichment_json,
            &mut self.profile_json,
        ] {
            if let Some(text) = column
                && let Cow::Owned(repaired) = json::valid_unicode(text)
            {
                *text = repaired;
            }
        }
        self
    }

    /// The number of bytes in its JSON columns.
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

/// What rows of events are read along. Each index has the rows of one value in the order of their
/// ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventIndex {
    /// The ids alone.
    Id,
    /// The users.
    User,
    /// The names.
    Name,
    /// The types but `default`.
    Kind,
}

/// Which events to list. Every condition that is set must hold.
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
    /// Happened at this time or later, in milliseconds since 1970. Only the time of receipt bounds
    /// what is read.
    pub happened_from_ms: Option<i64>,
    /// Happened before this time.
    pub happened_to_ms: Option<i64>,
    /// These properties.
    pub properties: Vec<PropertyCondition>,
}

impl EventFilter {
    /// The index that leaves the fewest rows to read.
    pub(crate) fn index(&self) -> EventIndex {
        match self {
            Self { user: Some(_), .. } => EventIndex::User,
            Self { name: Some(_), .. } => EventIndex::Name,
            Self { kind: Some(Kind::Critical | Kind::Monitor), .. } => EventIndex::Kind,
            _ => EventIndex::Id,
        }
    }

    /// Whether a row was received in the time that it asks for.
    pub(crate) fn is_in_time(&self, id: RowId) -> bool {
        self.from_ms.is_none_or(|from| id >= first_row_at(from))
            && self.to_ms.is_none_or(|to| id < first_row_at(to))
    }

    /// The oldest and the newest week that its times of receipt are in.
    pub(crate) fn weeks(&self) -> (Week, Week) {
        let oldest = Week::of_ms(self.from_ms.unwrap_or(0));
        let newest = Week::of_ms(self.to_ms.map_or(i64::MAX, |to_ms| to_ms.saturating_sub(1)));
        (oldest, newest)
    }

    /// Whether an event with this `properties` object has all the properties.
    pub fn has_properties(&self, properties_json: Option<&str>) -> bool {
        if self.properties.is_empty() {
            return true;
        }
        let json = properties_json.map(json::valid_unicode);
        self.properties.iter().all(|condition| condition.holds(json.as_deref()))
    }
}

/// A position in a list of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// After this row, in a list ordered by row id.
    Row(RowId),
    /// After this number and row, in the list of one producer's events. Each source has numbers of
    /// its own, so a number may be in several rows.
    Seq(u64, RowId),
}

/// Which events to read, and how many.
#[derive(Debug, Clone)]
pub struct EventQuery {
    /// The ticket from the lease.
    pub filter: EventFilter,
    /// The position to start after. From the beginning without one.
    pub after: Option<Position>,
    /// The largest number of results.
    pub limit: u32,
}

/// A page of events.
#[derive(Debug, Clone, Default)]
pub struct EventPage {
    /// The events, newest first.
    pub events: Vec<EventRow>,
    /// Where the next page starts, if there may be more. A short or even empty page can have a next
    /// one, because a page looks at a limited number of rows.
    pub next: Option<Position>,
}

/// How an event is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventRef {
    /// By its row.
    Row(RowId),
    /// By its producer and number, in any source. One that arrived comes first.
    Number(Producer, u64),
    /// By its source, its producer and its number.
    NumberOf(String, Producer, u64),
    /// By the id that its client gave it, in any source. One that is stored comes first, and of
    /// those the one that came with a secret key.
    ClientId(String),
    /// By its source, and the id that its client gave it.
    ClientIdOf(String, String),
}

/// An event in `events`, and when it got there.
#[derive(Debug, Clone)]
pub struct StoredEvent {
    /// The row.
    pub row: EventRow,
    /// When it was written.
    pub applied_ms: i64,
    /// The attempt at its payload that wrote it.
    pub attempt: u32,
}

/// An arrival of an event that is not in `events`.
#[derive(Debug, Clone)]
pub struct RefusedEvent {
    /// The id of the arrival.
    pub id: RowId,
    /// How it ended: a duplicate or invalid.
    pub outcome: Outcome,
    /// The reason's code, if the event is invalid.
    pub reason: Option<String>,
    /// What was wrong, as a sentence.
    pub detail: Option<String>,
    /// What could be read of it, if the event is invalid.
    pub content: Option<RefusedContent>,
    /// The source it came from.
    pub source: String,
    /// Its producer and sequence number.
    pub number: Option<(Producer, u64)>,
    /// The id that the client gave it.
    pub event_id: Option<String>,
    /// The payload that carried it.
    pub payload: PayloadId,
    /// Its index in that payload.
    pub index: u32,
    /// When it was received.
    pub received_ms: i64,
    /// When this was decided.
    pub applied_ms: i64,
}

/// A later arrival of the same event.
#[derive(Debug, Clone, Copy)]
pub struct Repeat {
    /// The payload that carried it.
    pub payload: PayloadId,
    /// When it was received.
    pub received_ms: i64,
    /// When it was recognized as a duplicate.
    pub applied_ms: i64,
}

/// All that is known about one event.
#[derive(Debug, Clone)]
pub enum EventTrace {
    /// It is in `events`.
    Stored {
        /// The row.
        event: Box<StoredEvent>,
        /// Its later arrivals, oldest first, at most 100.
        repeats: Vec<Repeat>,
    },
    /// It arrived and is not in `events`.
    Refused {
        /// The arrival.
        event: Box<RefusedEvent>,
        /// Its later arrivals, oldest first, at most 100.
        repeats: Vec<Repeat>,
    },
    /// It may have been stored, but retention has removed the events of its week.
    Removed {
        /// When its week was removed, in milliseconds since 1970.
        removed_ms: i64,
    },
    /// Its producer made it, and it did not arrive.
    Missing {
        /// The source that its producer belongs to.
        source: String,
        /// Its producer.
        producer: Producer,
        /// Its sequence number.
        seq: u64,
        /// In flight, declared or lost.
        verdict: Completeness,
        /// Why the client dropped it, if it declared that.
        reason: Option<String>,
        /// When its producer last sent something, in milliseconds since 1970.
        last_heard_ms: i64,
    },
}

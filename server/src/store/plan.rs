//! A plan: everything that processing decided about one payload, before any of it is written.

use lamplight_wire::Producer;
use lamplight_wire::batch::ProducerNote;
use lamplight_wire::event::Kind;
use lamplight_wire::reason::InvalidReason;
use uuid::Uuid;

use super::PayloadId;

/// Names one arrival of an event: a `UUIDv7` computed from its payload's time, id and its index there, so
/// that processing a payload again makes the same names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowId(pub Uuid);

impl std::fmt::Display for RowId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What tells an event from every other one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EventIdentity {
    /// Numbered by its producer: deduplicated for ever.
    Numbered(Producer, u64),
    /// Named by a client that does not number; the name counts within one source.
    ClientId(String),
    /// Neither: every arrival is a new event.
    Anonymous,
}

/// The columns of an event that can be stored. Texts ending in `json` are as received.
#[derive(Debug, Clone)]
pub struct EventColumns {
    /// Which way it goes.
    pub kind: Kind,
    /// What happened.
    pub name: String,
    /// When, by the client's clock, if it said.
    pub ts_ms: Option<i64>,
    /// When, corrected by the client's skew.
    pub time_ms: i64,
    /// The id that the app knows the user by.
    pub user_id: Option<String>,
    /// An id for a user who is not known.
    pub anonymous_id: Option<String>,
    /// The browser session.
    pub session: Option<String>,
    /// The `properties` object.
    pub properties_json: Option<String>,
    /// The `context` object.
    pub context_json: Option<String>,
    /// The `monitor` object.
    pub monitor_json: Option<String>,
    /// What enrichers added, one member each.
    pub enrichment_json: Option<String>,
}

/// What an event becomes if this is its first arrival.
#[derive(Debug, Clone)]
pub enum Fate {
    /// A row.
    Store(Box<EventColumns>),
    /// An outcome with a reason.
    Refuse {
        /// The stable reason.
        reason: InvalidReason,
        /// What was wrong, for people.
        detail: String,
    },
}

/// One event of a payload.
#[derive(Debug, Clone)]
pub struct PlannedEvent {
    /// Names this arrival.
    pub id: RowId,
    /// Its place in the payload.
    pub index: u32,
    /// What tells it from every other event.
    pub identity: EventIdentity,
    /// What it becomes if it did not arrive before.
    pub fate: Fate,
}

impl PlannedEvent {
    /// The columns of its row, if it can be stored.
    pub fn columns(&self) -> Option<&EventColumns> {
        match &self.fate {
            Fate::Store(columns) => Some(columns),
            Fate::Refuse { .. } => None,
        }
    }
}

/// Everything that processing decided about one payload.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The payload.
    pub payload: PayloadId,
    /// When it was received, in milliseconds since 1970.
    pub received_ms: i64,
    /// The day it was received, UTC, as the number `YYYYMMDD`.
    pub created_day: u32,
    /// The source it came from.
    pub source: String,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// What it said about producers.
    pub notes: Vec<(Producer, ProducerNote)>,
    /// Its events, in order.
    pub events: Vec<PlannedEvent>,
}

/// What applying a plan did. The three counts are all zero when it had been applied before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Applied {
    /// Whether an earlier call had applied it, so that this one changed nothing.
    pub already: bool,
    /// Events stored.
    pub stored: u64,
    /// Events that had arrived before.
    pub duplicates: u64,
    /// Events that cannot be stored.
    pub invalid: u64,
}

//! A plan: everything that processing decided about one payload, before any of it is written.

use lamplight_wire::Producer;
use lamplight_wire::batch::ProducerNote;
use lamplight_wire::event::Kind;
use lamplight_wire::reason::InvalidReason;
use uuid::Uuid;

use super::{PayloadId, RefusedContent, StoreError};

/// The id of one arrival of an event, and of its row if it gets one: a `UUIDv7` computed from the
/// payload's time and id and the event's index, so that processing a payload again makes the same
/// ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowId(pub Uuid);

impl std::fmt::Display for RowId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What identifies an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EventIdentity {
    /// Its producer and sequence number. It counts within one source, and is deduplicated
    /// permanently.
    Numbered(Producer, u64),
    /// An id that a client gave it that does not number events. It counts within one source and
    /// kind of key.
    ClientId(String),
    /// None: every arrival is a new event.
    Anonymous,
}

/// The columns of an event that can be stored. Fields that end in `json` hold the text as received.
#[derive(Debug, Clone)]
pub struct EventColumns {
    /// Its type.
    pub kind: Kind,
    /// What happened.
    pub name: String,
    /// When it happened, by the client's clock, if the client sent a time.
    pub ts_ms: Option<i64>,
    /// When it happened, corrected for the client's clock skew.
    pub time_ms: i64,
    /// The user id that the app set.
    pub user_id: Option<String>,
    /// The anonymous id.
    pub anonymous_id: Option<String>,
    /// The session id.
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
pub enum PlannedOutcome {
    /// A row.
    Store(Box<EventColumns>),
    /// An outcome with a reason.
    Refuse {
        /// The reason's code, as in the API.
        reason: InvalidReason,
        /// What was wrong, as a sentence.
        detail: String,
        /// What could be read of it.
        content: Box<RefusedContent>,
    },
}

/// One event of a payload.
#[derive(Debug, Clone)]
pub struct PlannedEvent {
    /// The id of this arrival.
    pub id: RowId,
    /// Its place in the payload.
    pub index: u32,
    /// What identifies the event.
    pub identity: EventIdentity,
    /// What it becomes if this is its first arrival.
    pub outcome: PlannedOutcome,
}

impl PlannedEvent {
    /// The columns of its row, if it can be stored.
    pub fn columns(&self) -> Option<&EventColumns> {
        match &self.outcome {
            PlannedOutcome::Store(columns) => Some(columns),
            PlannedOutcome::Refuse { .. } => None,
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
    /// Whether it came with a secret key. Ids that clients choose count within the kind of key.
    pub is_secret: bool,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// What it declares about producers.
    pub notes: Vec<(Producer, ProducerNote)>,
    /// Its events, in order.
    pub events: Vec<PlannedEvent>,
}

/// What applying a plan of several did, where they can succeed one without the other.
#[derive(Debug, Clone)]
pub struct PlanApplied {
    /// What is applied now. Only a part of the plan, if there is a failure.
    pub applied: Applied,
    /// Why not all of the plan is applied. Applying it again does the rest.
    pub failure: Option<StoreError>,
}

/// What applying a plan did. All counts are 0 if it had been applied before.
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

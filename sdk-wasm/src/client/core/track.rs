//! Creating events: number, text, place.

use lamplight_wire::event::EventParts;
use lamplight_wire::limits;
use lamplight_wire::reason::DropReason;

use super::Core;
use crate::notes::Note;
use crate::ports::{Ports, StorageError};
use crate::queue::{PageQueue, PushOutcome};
use crate::send::batch;
use crate::tabs::heartbeat::HEARTBEAT_MS;

/// The name of an event that was tracked without one. The rest of it is worth keeping, and no
/// server accepts an empty name.
const UNNAMED: &str = "unnamed";

/// Most bytes of an event's user, monitor and type together.
const REST_BYTES_MAX: usize = limits::PROPERTIES_BYTES_MAX / 4;
/// What most events take besides their properties and context, in bytes.
const ENVELOPE_BYTES: usize = 400;

/// An event as the page's code gives it, in ASCII: JSON texts, and texts escaped as inside a JSON
/// string. The package's TypeScript refuses what the server would refuse
/// (`npm/src/event_parts.ts`), because it can tell the page's code why. The limits of sizes are
/// checked here, too.
#[derive(Debug, Clone, Copy, Default)]
pub struct NewEvent<'a> {
    /// What happened. An empty name becomes `unnamed`.
    pub name: &'a str,
    /// The name's length in bytes of UTF-8, without escapes; 0 for a short name. Anything above the
    /// limit drops the event as too large, also if another part of it was.
    pub name_bytes: usize,
    /// Milliseconds since 1970, before the year 10000; `None` for now.
    pub ts_ms: Option<u64>,
    /// The JSON text of the `properties` object, or empty.
    pub properties_json: &'a str,
    /// The type, or empty for `default`.
    pub kind: &'a str,
    /// The JSON text of the `user` object, or empty for the user that
    /// [`Client::identify`](crate::client::Client::identify) set.
    pub user_json: &'a str,
    /// The JSON text of the `monitor` object, or empty.
    pub monitor_json: &'a str,
}

/// The outcome of tracking an event. JavaScript knows the variants by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackOutcome {
    /// The event is in storage.
    Stored,
    /// The event is in memory: storage is full.
    StorageFull,
    /// The event is in memory: there is no storage.
    StorageBlocked,
    /// The event is in memory: the storage share is used up.
    StorageShare,
    /// The event was dropped and counted: memory is full too.
    Quota,
    /// The event was dropped and counted: it is over a limit.
    TooLarge,
    /// The event got no number: the client is closed or out of numbers.
    Closed,
    /// Nothing happened: the client is in the middle of other work.
    Busy,
}

impl TrackOutcome {
    /// Every outcome, in the order of the indexes that JavaScript knows.
    pub const ALL: [Self; 8] = [
        Self::Stored,
        Self::StorageFull,
        Self::StorageBlocked,
        Self::StorageShare,
        Self::Quota,
        Self::TooLarge,
        Self::Closed,
        Self::Busy,
    ];

    /// The name that `track()` returns.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::StorageFull => "storage_full",
            Self::StorageBlocked => "storage_blocked",
            Self::StorageShare => "storage_share",
            Self::Quota => "quota",
            Self::TooLarge => "too_large",
            Self::Closed => "closed",
            Self::Busy => "busy",
        }
    }
}

/// The number and the outcome of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tracked {
    /// The number; 0 when it got none.
    pub seq: u64,
    /// Where the event went.
    pub outcome: TrackOutcome,
}

impl<P: Ports, Q: PageQueue, C> Core<P, Q, C> {
    /// Numbers an event and adds it to the queue, which must not need a scan.
    pub(in crate::client) fn track(&mut self, event: &NewEvent<'_>) -> Tracked {
        if self.is_closed || self.seq == limits::SEQ_MAX {
            return Tracked { seq: 0, outcome: TrackOutcome::Closed };
        }
        self.seq += 1;
        let seq = self.seq;
        let Some(text) = self.write(event) else {
            self.drop_event(DropReason::TooLarge, seq);
            return Tracked { seq, outcome: TrackOutcome::TooLarge };
        };
        let now_ms = self.ports.monotonic_ms();
        let kept = self.queue.push(&mut self.ports, &self.keys, now_ms, seq, text);
        let outcome = match kept {
            PushOutcome::Stored => TrackOutcome::Stored,
            PushOutcome::StorageFailed(StorageError::QuotaExceeded) => TrackOutcome::StorageFull,
            PushOutcome::StorageFailed(StorageError::Blocked) => TrackOutcome::StorageBlocked,
            PushOutcome::OverShare => TrackOutcome::StorageShare,
            PushOutcome::Dropped => {
                self.drop_event(DropReason::Quota, seq);
                TrackOutcome::Quota
            }
        };
        if outcome == TrackOutcome::Stored {
            self.heartbeat_due_ms.get_or_insert(now_ms + HEARTBEAT_MS);
        } else {
            // If the page dies with events that only memory has, the heartbeat still tells that
            // their numbers were used.
            self.write_heartbeat(false);
            self.heartbeat_due_ms = Some(now_ms + HEARTBEAT_MS);
        }
        Tracked { seq, outcome }
    }

    /// The event's ASCII text as it is stored and sent; `None` when it is over a limit.
    fn write(&mut self, event: &NewEvent<'_>) -> Option<String> {
        let rest = event.user_json.len() + event.monitor_json.len() + event.kind.len();
        if event.name_bytes > limits::NAME_BYTES_MAX
            || event.properties_json.len() > limits::PROPERTIES_BYTES_MAX
            || rest > REST_BYTES_MAX
        {
            return None;
        }
        let now_ms = self.ports.wall_ms();
        let session = self.session.touch(&mut self.ports, &self.keys, now_ms);
        let mut user_json = event.user_json;
        if user_json.is_empty() {
            user_json = self.person.json(&mut self.ports, &self.keys);
        }
        let capacity = event.properties_json.len() + self.context_json.len() + ENVELOPE_BYTES;
        let mut text = String::with_capacity(capacity);
        let parts = EventParts {
            name: if event.name.is_empty() { UNNAMED } else { event.name },
            ts: event.ts_ms.unwrap_or(now_ms),
            producer: self.producer,
            seq: self.seq,
            properties_json: event.properties_json,
            kind: event.kind,
            user_json,
            session,
            context_json: &self.context_json,
            monitor_json: event.monitor_json,
        };
        parts.push_to(&mut text);
        Some(text)
    }

    /// Drops an event whose number is above all those dropped for `reason` before.
    pub(super) fn drop_event(&mut self, reason: DropReason, seq: u64) {
        batch::append_dropped(&mut self.dropped, reason, seq);
        self.report_drop(reason, seq);
    }

    /// Reports an event that was dropped.
    pub(in crate::client) fn report_drop(&mut self, reason: DropReason, seq: u64) {
        self.counts.dropped[reason as usize] += 1;
        self.notes.push(Note::Dropped { producer: self.producer, seq, reason });
        // The heartbeat tells an adopter how far the numbers went if this page cannot declare the
        // drop.
        self.heartbeat_due_ms = Some(self.ports.monotonic_ms());
    }
}

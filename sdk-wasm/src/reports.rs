//! What a full client reports to the page's code, as objects.
//!
//! The package's TypeScript types of these objects are generated from them, comments included. The
//! first client reports the same as numbers and texts, of which TypeScript makes these objects:
//! what serializes objects is not worth its bytes on every page.

#[cfg(test)]
mod tests;

use lamplight_wire::{Producer, json};
use serde::Serialize;

use crate::notes::Note;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum NoteReport {
    /// The server accepted events of this page.
    Delivered {
        /// The events.
        delivered: Delivered,
    },
    /// The server accepted events of an orphaned producer.
    Adopted {
        /// The events.
        delivered: Delivered,
    },
    /// An event was dropped.
    Dropped {
        /// The event.
        dropped: Dropped,
    },
    /// A request failed; its events stay queued.
    Failed {
        /// The HTTP status; 0 when there was no response.
        status: u16,
        /// How long nothing is sent, in milliseconds.
        wait_ms: u64,
    },
    /// A flush that the page's code requested has ended.
    Flushed {
        /// Its result.
        report: Report,
    },
    /// Consent was withdrawn, here or in another tab.
    Withdrawn,
}

/// Events that the server acknowledged with a 2xx.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Delivered {
    /// Their producer.
    pub producer: String,
    /// Their ids.
    pub ids: Vec<String>,
    /// How many they are.
    pub count: usize,
}

/// An event that was dropped. It is counted and declared to the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Dropped {
    /// Its producer.
    pub producer: String,
    /// Its id.
    pub id: String,
    /// The cause.
    #[cfg_attr(test, ts(type = "DropReason"))]
    pub reason: &'static str,
}

/// The result of `flush()`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Report {
    /// Events delivered since the call.
    pub sent: u64,
    /// Events still queued.
    pub queued: u64,
    /// The HTTP status that ended it early; 0 if there was no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub status: Option<u16>,
}

/// Where this page's events are, counted from the start of the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// The name of this page as the maker of its events.
    pub producer: String,
    /// Events numbered.
    pub made: u64,
    /// Events without a 2xx.
    pub queued: u64,
    /// The bytes of these events, as far as they are not in a request.
    pub queued_bytes: u64,
    /// Bytes that Lamplight uses in localStorage, including keys.
    pub stored: u64,
    /// This page's events in `IndexedDB`, and the bytes of their blocks.
    pub overflow: OverflowStats,
    /// Other tabs' events in localStorage, when last scanned.
    pub foreign: u64,
    /// This page's events delivered.
    pub sent: u64,
    /// Orphaned events of closed tabs that this page delivered, or found to have arrived.
    pub adopted: u64,
    /// This page's events that were dropped, by reason.
    pub dropped: DroppedStats,
    /// Batches sent, answered or not.
    pub requests: u64,
    /// Why the last request was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional, type = "FlushReason"))]
    pub last_flush: Option<&'static str>,
    /// The last failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub last_error: Option<String>,
    /// How much longer sending is paused, in milliseconds.
    pub backoff_ms: u64,
    /// The lock that decides which tab delivers orphaned events.
    pub lock: LockStats,
}

/// A page's events in `IndexedDB`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct OverflowStats {
    /// The events.
    pub events: u64,
    /// The bytes of their blocks.
    pub bytes: u64,
}

/// Dropped events, by reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DroppedStats {
    /// There was no room for them.
    pub quota: u64,
    /// The server can never store them.
    pub rejected: u64,
    /// They were larger than the limits allow.
    pub too_large: u64,
    /// The user withdrew consent.
    pub opted_out: u64,
}

/// The lock that decides which tab delivers orphaned events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LockStats {
    /// This tab's part in it.
    #[cfg_attr(test, ts(type = "LockPhase"))]
    pub phase: &'static str,
    /// The producer that delivers orphaned events.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub holder: Option<String>,
    /// The last holders, oldest first.
    pub history: Vec<TenureStats>,
}

/// A holder of the lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TenureStats {
    /// When this tab first saw it, in milliseconds since 1970.
    pub since: u64,
    /// How many times the lock was taken until then, as far as this browser knows.
    pub epoch: u64,
    /// Its producer.
    pub holder: String,
}

/// The name of a producer.
pub(crate) fn name(producer: Producer) -> String {
    let mut name = String::new();
    producer.push_to(&mut name);
    name
}

/// What is said of the last failure, by its status; 0 is no response.
pub(crate) fn last_error_text(status: u16) -> String {
    let mut text = String::from(if status > 0 { "status " } else { "no answer" });
    if status > 0 {
        json::push_integer(&mut text, u64::from(status));
    }
    text
}

/// The permanent id of an event.
fn id(producer: Producer, seq: u64) -> String {
    let mut id = name(producer);
    id.push('-');
    json::push_integer(&mut id, seq);
    id
}

impl From<&Note> for NoteReport {
    fn from(note: &Note) -> Self {
        match note {
            Note::Delivered { producer, seqs } | Note::Adopted { producer, seqs } => {
                let mut ids = Vec::new();
                for (from, to) in seqs.as_slice() {
                    let mut seq = *from;
                    while seq <= *to {
                        ids.push(id(*producer, seq));
                        seq += 1;
                    }
                }
                let delivered = Delivered { producer: name(*producer), count: ids.len(), ids };
                match note {
                    Note::Adopted { .. } => Self::Adopted { delivered },
                    _ => Self::Delivered { delivered },
                }
            }
            Note::Dropped { producer, seq, reason } => Self::Dropped {
                dropped: Dropped {
                    producer: name(*producer),
                    id: id(*producer, *seq),
                    reason: reason.code(),
                },
            },
            Note::Failed { status, wait_ms } => Self::Failed { status: *status, wait_ms: *wait_ms },
            Note::Flushed { sent, queued, status } => {
                Self::Flushed { report: Report { sent: *sent, queued: *queued, status: *status } }
            }
            Note::Withdrawn => Self::Withdrawn,
        }
    }
}

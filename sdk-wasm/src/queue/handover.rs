//! The queue of a page's first client, as it is handed over to the full client.

use super::{BlockQueue, Location, Queue, QueuedEvent};
use crate::keys::StorageKeys;

/// The event is in storage.
const STORED: u64 = 1;
/// The event's key was not read back yet.
const UNVERIFIED: u64 = 2;

/// An event as the first client hands it over.
#[derive(Debug)]
pub struct HandedOverEvent {
    /// Its sequence number.
    pub seq: u64,
    /// The bits above.
    pub state: u64,
    /// Its JSON text.
    pub text: String,
}

impl Queue {
    /// Passes every event to `give`. No request may be in flight.
    pub(crate) fn hand_over(&self, mut give: impl FnMut(u64, u64, &str)) {
        for entry in &self.entries {
            let state = if entry.location == Location::Storage { STORED } else { 0 }
                | if entry.read_back_ms > 0 { UNVERIFIED } else { 0 };
            give(entry.seq, state, &entry.text);
        }
    }
}

impl BlockQueue {
    /// Adds an event that was handed over. Its number must be above all numbers added before.
    pub(crate) fn take_over(&mut self, keys: &StorageKeys, now_ms: u64, handed: HandedOverEvent) {
        let queue = &mut self.queue;
        let HandedOverEvent { seq, state, text } = handed;
        let bytes = text.len();
        let mut entry = QueuedEvent::new(seq, text, Location::Storage);
        if state & STORED != 0 {
            queue.share.wrote(keys.event(queue.producer, seq).len() + bytes);
        } else {
            entry.location = Location::Memory;
            queue.share.memory += bytes;
            self.spill_due_ms.get_or_insert(now_ms);
            queue.schedule_move_to_storage();
        }
        if state & UNVERIFIED != 0 {
            entry.read_back_ms = now_ms + queue.limits.settle_ms;
            queue.read_back_due_ms.get_or_insert(entry.read_back_ms);
        }
        queue.waiting += 1;
        queue.waiting_bytes += bytes;
        queue.entries.push(entry);
    }
}

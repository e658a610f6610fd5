//! The queue of a page's first client, as it is handed to the whole one.

use super::{Location, Queue, QueuedEvent};
use crate::keys::Keys;

/// It is in storage.
const STORED: u64 = 1;
/// It was given up by the server's word.
const DROPPED: u64 = 2;
/// Its key is still to be read back.
const UNVERIFIED: u64 = 4;

/// An event that is handed over.
#[derive(Debug)]
pub struct HandedOverEvent {
    /// Its number.
    pub seq: u64,
    /// Where it is, and what is known of it.
    pub state: u64,
    /// Its text.
    pub text: String,
}

impl<const FULL: bool> Queue<FULL> {
    /// Hands over every event. Nothing may be in flight.
    pub(crate) fn hand_over(&self, mut give: impl FnMut(u64, u64, &str)) {
        for entry in &self.entries {
            let state = if entry.location == Location::Storage { STORED } else { 0 }
                | if entry.is_dropped { DROPPED } else { 0 }
                | if entry.read_back_ms > 0 { UNVERIFIED } else { 0 };
            give(entry.seq, state, &entry.text);
        }
    }

    /// Takes an event over. Its number must be above all before.
    pub(crate) fn take_over(&mut self, keys: &Keys, now_ms: u64, handed: HandedOverEvent) {
        let HandedOverEvent { seq, state, text } = handed;
        let bytes = text.len();
        let mut entry = QueuedEvent::new(seq, text, Location::Storage);
        entry.is_dropped = state & DROPPED != 0;
        if state & STORED != 0 {
            self.share.wrote(keys.event(self.producer, seq).len() + bytes);
        } else {
            entry.location = Location::Memory;
            self.share.memory += bytes;
            self.spill_due_ms.get_or_insert(now_ms);
            self.schedule_move_to_storage();
        }
        if state & UNVERIFIED != 0 {
            entry.read_back_ms = now_ms + self.limits.settle_ms;
            self.read_back_due_ms.get_or_insert(entry.read_back_ms);
        }
        if !entry.is_dropped {
            self.waiting += 1;
            self.waiting_bytes += bytes;
        }
        self.entries.push(entry);
    }
}

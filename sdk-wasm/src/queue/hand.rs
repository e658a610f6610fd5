//! The queue of a page's first client, as it is handed to the whole one.

use super::{Entry, Place, Queue};
use crate::keys::Keys;

/// It is in storage.
const STORED: u64 = 1;
/// It was given up by the server's word.
const PARKED: u64 = 2;
/// Its key is still to be read back.
const FRESH: u64 = 4;

/// An event that is handed over.
#[derive(Debug)]
pub struct Handed {
    /// Its number.
    pub seq: u64,
    /// Where it is, and what is known of it.
    pub state: u64,
    /// Its text.
    pub text: String,
}

impl<const WHOLE: bool> Queue<WHOLE> {
    /// Hands over every event. Nothing may be in flight.
    pub(crate) fn hand_over(&self, mut hand: impl FnMut(u64, u64, &str)) {
        for entry in &self.entries {
            let state = if entry.place == Place::Storage { STORED } else { 0 }
                | if entry.parked { PARKED } else { 0 }
                | if entry.read_back_ms > 0 { FRESH } else { 0 };
            hand(entry.seq, state, &entry.text);
        }
    }

    /// Takes an event over. Its number must be above all before.
    pub(crate) fn take_over(&mut self, keys: &Keys, now_ms: u64, handed: Handed) {
        let Handed { seq, state, text } = handed;
        let bytes = text.len();
        let mut entry = Entry::new(seq, text, Place::Storage);
        entry.parked = state & PARKED != 0;
        if state & STORED != 0 {
            self.share.wrote(keys.event(self.producer, seq).len() + bytes);
        } else {
            entry.place = Place::Memory;
            self.share.memory += bytes;
            self.spill_due_ms.get_or_insert(now_ms);
            self.has_room();
        }
        if state & FRESH != 0 {
            entry.read_back_ms = now_ms + self.room.settle_ms;
            self.read_back_due_ms.get_or_insert(entry.read_back_ms);
        }
        if !entry.parked {
            self.waiting += 1;
            self.waiting_bytes += bytes;
        }
        self.entries.push(entry);
    }
}

//! Our share of the origin's storage, which all tabs fill together, and what of it is taken.

use crate::queue::block::BYTES_MAX;

/// A page that wrote more than this part of the share since it last looked looks again, before it writes on.
const LOOK_PART: usize = 8;
/// A new page, which knows nothing of the others yet, looks before it has written this part.
const FIRST_LOOK_PART: usize = 64;
/// With less than this part of the share left, a new event may soon find no room.
const TIGHT_PART: usize = 4;
/// How often a page looks again while events of its own find no room, in milliseconds: others may have made some.
const LOOK_AGAIN_MS: u64 = 1_000;

/// Bytes, keys included, by where they are.
#[derive(Debug)]
pub(super) struct Share {
    bytes_max: usize,
    /// Ours in storage.
    pub(super) stored: usize,
    /// Other pages' in storage, as last seen.
    foreign: usize,
    /// Of events that only memory has, without keys.
    pub(super) memory: usize,
    since_look: usize,
    looked_ms: u64,
}

impl Share {
    pub(super) const fn new(bytes_max: usize) -> Self {
        let since_look = bytes_max / LOOK_PART - bytes_max / FIRST_LOOK_PART;
        Self { bytes_max, stored: 0, foreign: 0, memory: 0, since_look, looked_ms: 0 }
    }

    pub(super) const fn fits(&self, bytes: usize) -> bool {
        self.stored + self.foreign + bytes <= self.bytes_max
    }

    /// Whether little of the share is left, and a good part of what is taken is ours to make free.
    pub(super) fn is_tight(&self) -> bool {
        let is_much = self.stored >= BYTES_MAX.min(self.bytes_max / LOOK_PART);
        is_much && self.stored + self.foreign > self.bytes_max - self.bytes_max / TIGHT_PART
    }

    pub(super) const fn wants_look(&self) -> bool {
        self.since_look > self.bytes_max / LOOK_PART
    }

    /// When to look again although little was written, if ever.
    pub(super) fn look_due_ms(&self) -> Option<u64> {
        (self.memory > 0 && self.foreign > 0).then_some(self.looked_ms + LOOK_AGAIN_MS)
    }

    pub(super) const fn looked(&mut self, now_ms: u64, foreign: usize) {
        self.foreign = foreign;
        self.since_look = 0;
        self.looked_ms = now_ms;
    }

    pub(super) const fn wrote(&mut self, bytes: usize) {
        self.stored += bytes;
        self.since_look += bytes;
    }
}

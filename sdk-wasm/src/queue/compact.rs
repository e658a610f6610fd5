//! Compaction: while the server fails, a long backlog in storage becomes a few keys with many events each.
//!
//! Enumerating thousands of keys would cost every tab of the origin milliseconds at each look.

use lamplight_wire::Ranges;

use super::{Entry, Place, Queue};
use crate::keys::Keys;
use crate::ports::Storage;
use crate::queue::block::Name;

/// So many events may have a key each.
const SINGLES_MAX: usize = 500;
/// A block of fewer events is not worth its second writing.
const EVENTS_MIN: u64 = 10;
/// How long nothing is tried after storage refused or lost a block, in milliseconds.
const PAUSE_MS: u64 = 60_000;

/// A block that was written, whose events still have their keys.
#[derive(Debug)]
pub(super) struct Fresh {
    pub(super) name: Name,
    seqs: Ranges,
    pub(super) read_back_ms: u64,
}

impl<const WHOLE: bool> Queue<WHOLE> {
    /// Writes the oldest events into one block in storage, if there are many. Their keys go once the block was read back:
    /// Chromium reverts writes over the quota without a word.
    pub fn compact(&mut self, storage: &mut impl Storage, keys: &Keys, now_ms: u64) {
        let is_single = |entry: &&Entry| entry.place == Place::Storage;
        if self.fresh.is_some()
            || now_ms < self.compact_after_ms
            || self.entries.len() <= SINGLES_MAX
            || self.entries.iter().filter(is_single).count() <= SINGLES_MAX
        {
            return;
        }
        let is_settled = |entry: &&mut Entry| {
            entry.is_waiting() && entry.place == Place::Storage && entry.read_back_ms == 0
        };
        let (text, seqs) = self.take(is_settled, 0);
        let name = self.name_block(&text, &seqs);
        let key = keys.block(name);
        let bytes = key.len() + text.len();
        let is_worth_it = seqs.count() >= EVENTS_MIN && self.share.fits(bytes);
        if !is_worth_it || storage.set(&key, &text).is_err() {
            self.compact_after_ms = now_ms + PAUSE_MS;
            return;
        }
        self.share.wrote(bytes);
        self.fresh = Some(Fresh { name, seqs, read_back_ms: now_ms + self.room.settle_ms });
    }

    /// Reads a new block back. If it is there, the keys of its events go.
    pub(super) fn settle_block(&mut self, storage: &mut impl Storage, keys: &Keys, now_ms: u64) {
        let Some(fresh) = self.fresh.take_if(|fresh| fresh.read_back_ms <= now_ms) else { return };
        let key = keys.block(fresh.name);
        let bytes = fresh.name.bytes;
        let mut left = Ranges::new();
        if storage.size(&key) == bytes {
            for entry in &mut self.entries {
                if entry.place == Place::Storage && fresh.seqs.contains(entry.seq) {
                    let key = keys.event(self.producer, entry.seq);
                    self.share.stored -= key.len() + entry.text.len();
                    storage.remove(&key);
                    entry.place = Place::Chunk;
                    left.insert(entry.seq);
                }
            }
        } else {
            self.compact_after_ms = now_ms + PAUSE_MS;
        }
        self.stands_in_storage(fresh.name, left);
        // Goes at once if nothing is left in it.
        self.leave_blocks(storage, keys, &Ranges::new());
    }
}

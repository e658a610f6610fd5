//! Compaction: while the server fails, a long backlog in storage becomes a few keys with many
//! events each.
//!
//! Enumerating thousands of keys would cost every tab of the origin milliseconds per scan.

use lamplight_wire::Ranges;

use super::BlockQueue;
use crate::keys::StorageKeys;
use crate::ports::Storage;
use crate::queue::block::BlockName;
use crate::queue::queued_event::{Location, QueuedEvent};

/// Up to this many events may have a key each.
const SINGLES_MAX: usize = 500;
/// A block of fewer events is not worth writing them again.
const EVENTS_MIN: u64 = 10;
/// How long to wait after storage refused or lost a block, in milliseconds.
const PAUSE_MS: u64 = 60_000;

/// A block that was written, while its events still have their own keys.
#[derive(Debug)]
pub(super) struct UnverifiedBlock {
    pub(super) name: BlockName,
    seqs: Ranges,
    pub(super) read_back_ms: u64,
}

impl BlockQueue {
    /// Writes the oldest events into one block in storage if there are many. Their keys are removed
    /// once the block was read back, because Chromium silently reverts writes over the quota.
    pub fn compact(&mut self, storage: &mut impl Storage, keys: &StorageKeys, now_ms: u64) {
        let is_single = |entry: &&QueuedEvent| entry.location == Location::Storage;
        if self.unverified.is_some()
            || now_ms < self.compact_after_ms
            || self.queue.entries.len() <= SINGLES_MAX
            || self.queue.entries.iter().filter(is_single).count() <= SINGLES_MAX
        {
            return;
        }
        let is_settled = |entry: &&mut QueuedEvent| {
            entry.is_waiting() && entry.location == Location::Storage && entry.read_back_ms == 0
        };
        let (text, seqs) = self.take_for_block(is_settled, 0);
        if seqs.count() < EVENTS_MIN {
            // They are large, or most of the backlog is too new to have been read back.
            self.compact_after_ms = now_ms + self.queue.limits.settle_ms;
            return;
        }
        let name = self.name_block(&text, &seqs);
        let key = keys.block(name);
        let bytes = key.len() + text.len();
        if !self.queue.share.fits(bytes) || storage.set(&key, &text).is_err() {
            self.compact_after_ms = now_ms + PAUSE_MS;
            return;
        }
        self.queue.share.wrote(bytes);
        self.unverified = Some(UnverifiedBlock {
            name,
            seqs,
            read_back_ms: now_ms + self.queue.limits.settle_ms,
        });
    }

    /// Reads a new block back. If storage kept it, removes the keys of its events.
    pub(super) fn verify_block(
        &mut self,
        storage: &mut impl Storage,
        keys: &StorageKeys,
        now_ms: u64,
    ) {
        let Some(unverified) =
            self.unverified.take_if(|unverified| unverified.read_back_ms <= now_ms)
        else {
            return;
        };
        let key = keys.block(unverified.name);
        let bytes = unverified.name.bytes;
        let mut left = Ranges::new();
        if storage.size(&key) == bytes {
            for entry in &mut self.queue.entries {
                if entry.location == Location::Storage && unverified.seqs.contains(entry.seq) {
                    let key = keys.event(self.queue.producer, entry.seq);
                    self.queue.share.stored -= key.len() + entry.text.len();
                    storage.remove(&key);
                    entry.location = Location::StorageBlock;
                    left.insert(entry.seq);
                }
            }
        } else {
            self.compact_after_ms = now_ms + PAUSE_MS;
        }
        self.add_storage_block(unverified.name, left);
        // Removes the block at once if it holds no unanswered event.
        self.remove_from_blocks(storage, keys, &Ranges::new());
    }
}

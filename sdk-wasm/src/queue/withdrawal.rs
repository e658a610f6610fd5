//! Emptying the queue when consent is withdrawn.

use lamplight_wire::Ranges;

use super::Queue;
use crate::keys::StorageKeys;
use crate::ports::Storage;

impl<const FULL: bool> Queue<FULL> {
    /// Deletes every event in memory and in storage; [`Queue::next_to_erase`] then names the blocks
    /// in the overflow. Returns the numbers that were neither answered nor dropped before.
    pub fn withdraw(&mut self, storage: &mut impl Storage, keys: &StorageKeys) -> Ranges {
        let mut seqs = Ranges::new();
        if FULL {
            for block in self.blocks.iter().filter(|block| block.is_unloaded) {
                seqs.union(&block.left);
            }
        }
        for entry in self.entries.iter().filter(|entry| !entry.is_dropped) {
            if FULL {
                seqs.insert(entry.seq);
            } else {
                seqs.append(entry.seq);
            }
        }
        self.remove(storage, keys, &|_| true);
        if FULL {
            self.empty_blocks(storage, keys);
        }
        (self.waiting, self.waiting_bytes) = (0, 0);
        (self.has_retries, self.quota_is_full, self.share_is_tight) = (false, false, false);
        (self.read_back_due_ms, self.move_to_storage_due_ms, self.spill_due_ms) =
            (None, None, None);
        seqs
    }

    fn empty_blocks(&mut self, storage: &mut impl Storage, keys: &StorageKeys) {
        for block in &mut self.blocks {
            block.left = Ranges::new();
        }
        if let Some(unverified) = self.unverified.take() {
            // Its events are deleted although the block was not read back yet.
            self.add_storage_block(unverified.name, Ranges::new());
            self.remove_from_blocks(storage, keys, &Ranges::new());
        }
    }
}

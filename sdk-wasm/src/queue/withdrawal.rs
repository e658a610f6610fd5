//! What the queue does when consent is withdrawn: nothing stays.

use lamplight_wire::Ranges;

use super::Queue;
use crate::keys::Keys;
use crate::ports::Storage;

impl<const FULL: bool> Queue<FULL> {
    /// Gives every event up, in memory and in storage; blocks in the overflow are then [`Queue::spent`]. Says which
    /// numbers were neither answered nor given up before.
    pub fn withdraw(&mut self, storage: &mut impl Storage, keys: &Keys) -> Ranges {
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
        (self.read_back_due_ms, self.move_in_due_ms, self.spill_due_ms) = (None, None, None);
        seqs
    }

    fn empty_blocks(&mut self, storage: &mut impl Storage, keys: &Keys) {
        for block in &mut self.blocks {
            block.left = Ranges::new();
        }
        if let Some(unverified) = self.unverified.take() {
            // Gone with the events it was made of, though nothing has read it back yet.
            self.add_storage_block(unverified.name, Ranges::new());
            self.remove_from_blocks(storage, keys, &Ranges::new());
        }
    }
}

//! Reading blocks back from the overflow, and erasing those that are finished.

use lamplight_wire::Ranges;

use super::BlockQueue;
use crate::queue::block::{self, BlockName};
use crate::queue::queued_event::{Location, QueuedEvent};

impl BlockQueue {
    /// The oldest unloaded block, once memory has room for its texts.
    pub fn next_to_load(&self) -> Option<BlockName> {
        // This check comes first because it runs for every event and rarely finds a block.
        let unloaded = self.overflow().find(|block| block.is_unloaded && !block.left.is_empty())?;
        let is_loaded =
            |entry: &&QueuedEvent| entry.location == Location::OverflowBlock && !entry.is_dropped;
        let loaded = self.queue.entries.iter().filter(is_loaded);
        let has_room = loaded.map(|entry| entry.text.len()).sum::<usize>() <= block::BYTES_MAX / 2;
        has_room.then_some(unloaded.name)
    }

    /// Takes the texts of a block that was read from the overflow.
    pub fn block_loaded(&mut self, name: BlockName, text: &str) {
        let Some(block) = self.blocks.iter_mut().find(|block| block.name == name) else { return };
        block.is_unloaded = false;
        let mut found = Ranges::new();
        for (seq, text) in block::lines(text) {
            let at = self.queue.entries.partition_point(|entry| entry.seq < seq);
            let is_loaded = self.queue.entries.get(at).is_some_and(|entry| entry.seq == seq);
            if !block.left.contains(seq) || is_loaded {
                continue;
            }
            found.insert(seq);
            self.queue.waiting += 1;
            self.queue.waiting_bytes += text.len();
            let location = Location::OverflowBlock;
            self.queue.entries.insert(at, QueuedEvent::new(seq, text, location));
        }
        // Events that are missing were sent by an adopter, or the user cleared the site's data.
        block.left = found;
    }

    /// A block in the overflow whose events were all answered.
    pub fn next_to_erase(&self) -> Option<BlockName> {
        self.overflow().find(|block| block.left.is_empty()).map(|block| block.name)
    }

    /// Forgets a block that was erased from the overflow.
    pub fn block_erased(&mut self, name: BlockName) {
        self.blocks.retain(|block| block.name != name);
    }
}

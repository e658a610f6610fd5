//! The queue's events in blocks: in storage after compaction, or in the overflow.
//!
//! The oldest events move into the overflow first. When memory has no room for a block's texts, the
//! block is unloaded, and read back when its events are the next to send.

use lamplight_wire::Ranges;

use super::{Location, Queue, QueuedEvent};
use crate::keys::StorageKeys;
use crate::ports::Storage;
use crate::queue::block::{self, BlockName};

/// The request number of events that are being written into a block.
pub(crate) const SPILLING: u32 = u32::MAX;
/// How long events that only memory has are gathered before they are written into a block, in
/// milliseconds.
pub(super) const GATHER_MS: u64 = 50;

/// A block of this producer.
#[derive(Debug)]
pub(super) struct OwnBlock {
    pub(super) name: BlockName,
    pub(super) in_storage: bool,
    /// Those of its events that no 2xx has answered yet.
    pub(super) left: Ranges,
    /// Memory does not have the texts of its events.
    pub(super) is_unloaded: bool,
}

impl<const FULL: bool> Queue<FULL> {
    /// Whether this producer has blocks in the overflow.
    pub fn has_overflow(&self) -> bool {
        FULL && self.overflow().next().is_some()
    }

    /// Unanswered events in the overflow, and the bytes of its blocks.
    pub fn overflowed(&self) -> (u64, u64) {
        if !FULL {
            return (0, 0);
        }
        self.overflow().fold((0, 0), |(events, bytes), block| {
            (events + block.left.count(), bytes + block.name.bytes as u64)
        })
    }

    /// How many unanswered events are in unloaded blocks.
    pub(super) fn unloaded_events(&self) -> u64 {
        self.overflow().filter(|block| block.is_unloaded).map(|block| block.left.count()).sum()
    }

    pub(super) fn is_unloaded(&self, seq: u64) -> bool {
        self.overflow().any(|block| block.is_unloaded && block.left.contains(seq))
    }

    fn overflow(&self) -> impl Iterator<Item = &OwnBlock> {
        self.blocks.iter().filter(|block| !block.in_storage)
    }

    /// When events should move into the overflow, if any should.
    pub fn spill_due_ms(&self) -> Option<u64> {
        if self.spilling.is_some() { None } else { self.spill_due_ms }
    }

    /// While the server fails, keeps part of the storage share free by moving blocks of the oldest
    /// events into the overflow. An event that finds room in storage survives a page that is killed
    /// at once; an event that has to wait for the overflow does not.
    pub fn make_room(&mut self, now_ms: u64, is_failing: bool) {
        self.share_is_tight = is_failing && self.share.is_tight();
        if self.share_is_tight {
            self.spill_due_ms.get_or_insert(now_ms);
        }
    }

    /// Takes waiting events for a block: first those that only memory has, otherwise the oldest if
    /// space in storage is needed. They are not sent before [`Queue::spill_finished`].
    pub fn spill(&mut self) -> Option<(BlockName, String)> {
        self.spill_due_ms = None;
        let waits = |entry: &&mut QueuedEvent| {
            entry.is_waiting() && entry.location != Location::OverflowBlock
        };
        let is_in_memory = |entry: &&mut QueuedEvent| {
            waits(entry) && matches!(entry.location, Location::Memory | Location::StorageRetry)
        };
        let mut taken = self.take_for_block(is_in_memory, SPILLING);
        if taken.0.is_empty() && (self.quota_is_full || self.share_is_tight) {
            taken = self.take_for_block(waits, SPILLING);
        }
        let (text, seqs) = taken;
        if text.is_empty() {
            self.quota_is_full = false;
            return None;
        }
        let name = self.name_block(&text, &seqs);
        self.spilling = Some((name, seqs));
        Some((name, text))
    }

    /// Joins as many of the events selected by `which` as fit into one block's text.
    pub(super) fn take_for_block(
        &mut self,
        which: impl Fn(&&mut QueuedEvent) -> bool,
        request: u32,
    ) -> (String, Ranges) {
        let (mut text, mut seqs) = (String::new(), Ranges::new());
        for entry in self.entries.iter_mut().filter(which).take(block::EVENTS_MAX) {
            if !text.is_empty() && text.len() + entry.text.len() > block::BYTES_MAX {
                break;
            }
            block::push_line(&mut text, entry.seq, &entry.text);
            seqs.insert(entry.seq);
            if request != 0 {
                entry.request = request;
                self.waiting -= 1;
                self.waiting_bytes -= entry.text.len();
            }
        }
        (text, seqs)
    }

    pub(super) fn name_block(&mut self, text: &str, seqs: &Ranges) -> BlockName {
        self.last_block += 1;
        let (number, bytes) = (self.last_block, text.len());
        BlockName { producer: self.producer, number, events: seqs.count(), bytes }
    }

    /// The block of [`Queue::spill`] was committed to the overflow, or not. If it was, its events
    /// are removed from storage, and from memory unless they are the next to send.
    pub fn spill_finished(
        &mut self,
        storage: &mut impl Storage,
        keys: &StorageKeys,
        now_ms: u64,
        done: bool,
    ) {
        self.requeue(SPILLING);
        self.spill_due_ms = Some(now_ms);
        let Some((name, seqs)) = self.spilling.take().filter(|_| done) else { return };
        // Some may have been sent meanwhile, because the page was about to close.
        let (mut left, mut in_flight) = (Ranges::new(), false);
        let mut loaded_bytes = 0;
        let producer = self.producer;
        for entry in &mut self.entries {
            if entry.location == Location::OverflowBlock {
                loaded_bytes += entry.text.len();
            }
            if !seqs.contains(entry.seq) {
                continue;
            }
            left.insert(entry.seq);
            in_flight |= !entry.is_waiting();
            match entry.location {
                Location::Storage => {
                    let key = keys.event(producer, entry.seq);
                    self.share.stored -= key.len() + entry.text.len();
                    storage.remove(&key);
                }
                Location::Memory | Location::StorageRetry => self.share.memory -= entry.text.len(),
                Location::StorageBlock | Location::OverflowBlock => {}
            }
            entry.location = Location::OverflowBlock;
            entry.read_back_ms = 0;
        }
        self.remove_from_blocks(storage, keys, &left);
        let is_unloaded = !in_flight && loaded_bytes + name.bytes > block::BYTES_MAX;
        if is_unloaded {
            let (waiting, waiting_bytes) = (&mut self.waiting, &mut self.waiting_bytes);
            self.entries.retain(|entry| {
                let stays = !left.contains(entry.seq);
                if !stays {
                    *waiting -= 1;
                    *waiting_bytes -= entry.text.len();
                }
                stays
            });
        }
        self.blocks.push(OwnBlock { name, in_storage: false, left, is_unloaded });
        self.schedule_move_to_storage();
    }

    /// Removes events from their blocks. A block in storage is removed with its last event.
    pub(super) fn remove_from_blocks(
        &mut self,
        storage: &mut impl Storage,
        keys: &StorageKeys,
        seqs: &Ranges,
    ) {
        let share = &mut self.share;
        self.blocks.retain_mut(|block| {
            block.left = block.left.minus(seqs);
            let stays = !block.in_storage || !block.left.is_empty();
            if !stays {
                let key = keys.block(block.name);
                share.stored -= key.len() + block.name.bytes;
                storage.remove(&key);
            }
            stays
        });
    }

    /// Records a block that was written to storage.
    pub(super) fn add_storage_block(&mut self, name: BlockName, left: Ranges) {
        self.blocks.push(OwnBlock { name, in_storage: true, left, is_unloaded: false });
    }

    /// The oldest unloaded block, once memory has room for its texts.
    pub fn next_to_load(&self) -> Option<BlockName> {
        // This check comes first because it runs for every event and rarely finds a block.
        let unloaded = self.overflow().find(|block| block.is_unloaded && !block.left.is_empty())?;
        let is_loaded =
            |entry: &&QueuedEvent| entry.location == Location::OverflowBlock && !entry.is_dropped;
        let loaded = self.entries.iter().filter(is_loaded);
        let has_room = loaded.map(|entry| entry.text.len()).sum::<usize>() <= block::BYTES_MAX / 2;
        has_room.then_some(unloaded.name)
    }

    /// Takes the texts of a block that was read from the overflow.
    pub fn block_loaded(&mut self, name: BlockName, text: &str) {
        let Some(block) = self.blocks.iter_mut().find(|block| block.name == name) else { return };
        block.is_unloaded = false;
        let mut found = Ranges::new();
        for (seq, text) in block::lines(text) {
            let at = self.entries.partition_point(|entry| entry.seq < seq);
            let is_loaded = self.entries.get(at).is_some_and(|entry| entry.seq == seq);
            if !block.left.contains(seq) || is_loaded {
                continue;
            }
            found.insert(seq);
            self.waiting += 1;
            self.waiting_bytes += text.len();
            let location = Location::OverflowBlock;
            self.entries.insert(at, QueuedEvent::new(seq, text, location));
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

//! Events of the queue that stand in blocks: in storage, where a long backlog is compacted, or in the overflow.
//!
//! The oldest go out first. A block in the overflow whose texts memory has no limits for is `out`, and is read back when
//! its turn to be sent comes.

use lamplight_wire::Ranges;

use super::{Location, Queue, QueuedEvent};
use crate::keys::Keys;
use crate::ports::Storage;
use crate::queue::block::{self, BlockName};

/// The request of events that are being written into a block.
pub(crate) const SPILLING: u32 = u32::MAX;
/// Events that only memory has are gathered for so long before they are written into a block, in milliseconds.
pub(super) const GATHER_MS: u64 = 50;

/// A block of ours.
#[derive(Debug)]
pub(super) struct OwnBlock {
    pub(super) name: BlockName,
    pub(super) in_storage: bool,
    /// Those of its events that no 2xx has answered yet.
    pub(super) left: Ranges,
    /// Memory does not have their texts.
    pub(super) is_unloaded: bool,
}

impl<const FULL: bool> Queue<FULL> {
    /// Whether there are blocks of ours in the overflow.
    pub fn overflows(&self) -> bool {
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

    /// Those of them whose texts memory does not have.
    pub(super) fn unloaded_events(&self) -> u64 {
        self.overflow().filter(|block| block.is_unloaded).map(|block| block.left.count()).sum()
    }

    pub(super) fn is_unloaded(&self, seq: u64) -> bool {
        self.overflow().any(|block| block.is_unloaded && block.left.contains(seq))
    }

    fn overflow(&self) -> impl Iterator<Item = &OwnBlock> {
        self.blocks.iter().filter(|block| !block.in_storage)
    }

    /// When events are to go out into the overflow, if any are.
    pub fn spill_due_ms(&self) -> Option<u64> {
        if self.spilling.is_some() { None } else { self.spill_due_ms }
    }

    /// While the server takes nothing, keeps a part of our share free by letting whole blocks of the oldest go out: an event that
    /// finds limits in storage survives a page that is killed at once, and one that must wait for the overflow does not.
    pub fn make_room(&mut self, now_ms: u64, is_failing: bool) {
        self.share_is_tight = is_failing && self.share.is_tight();
        if self.share_is_tight {
            self.spill_due_ms.get_or_insert(now_ms);
        }
    }

    /// Takes events that wait, to be written into a block: first those that only memory has; else the oldest, if storage is to be
    /// relieved of what we have there. They are not sent until [`Queue::spilled`].
    pub fn spill(&mut self) -> Option<(BlockName, String)> {
        self.spill_due_ms = None;
        let waits = |entry: &&mut QueuedEvent| {
            entry.is_waiting() && entry.location != Location::OverflowBlock
        };
        let is_outside = |entry: &&mut QueuedEvent| {
            waits(entry) && matches!(entry.location, Location::Memory | Location::StorageRetry)
        };
        let mut taken = self.take_for_block(is_outside, SPILLING);
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

    /// Puts those of `which` into one block's text, as many as fit.
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

    /// The block of [`Queue::spill`] is in the overflow, or could not be put there. If it is, its events leave storage;
    /// and memory, unless they are the next to be sent.
    pub fn spill_finished(
        &mut self,
        storage: &mut impl Storage,
        keys: &Keys,
        now_ms: u64,
        done: bool,
    ) {
        self.requeue(SPILLING);
        self.spill_due_ms = Some(now_ms);
        let Some((name, seqs)) = self.spilling.take().filter(|_| done) else { return };
        // Some may have been sent meanwhile, because the page was about to go.
        let (mut left, mut in_flight) = (Ranges::new(), false);
        let mut held = 0;
        let producer = self.producer;
        for entry in &mut self.entries {
            if entry.location == Location::OverflowBlock {
                held += entry.text.len();
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
        let is_unloaded = !in_flight && held + name.bytes > block::BYTES_MAX;
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

    /// Takes events out of the blocks they stood in. A block in storage goes with its last one.
    pub(super) fn remove_from_blocks(
        &mut self,
        storage: &mut impl Storage,
        keys: &Keys,
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

    /// Notes a block that stands in storage.
    pub(super) fn add_storage_block(&mut self, name: BlockName, left: Ranges) {
        self.blocks.push(OwnBlock { name, in_storage: true, left, is_unloaded: false });
    }

    /// The oldest block whose texts memory does not have, once memory has limits for them.
    pub fn next_to_load(&self) -> Option<BlockName> {
        // First, because it is asked for with every event, and mostly there is none.
        let out = self.overflow().find(|block| block.is_unloaded && !block.left.is_empty())?;
        let is_held =
            |entry: &&QueuedEvent| entry.location == Location::OverflowBlock && !entry.is_dropped;
        let held = self.entries.iter().filter(is_held);
        let has_room = held.map(|entry| entry.text.len()).sum::<usize>() <= block::BYTES_MAX / 2;
        has_room.then_some(out.name)
    }

    /// Brings the texts of a block back.
    pub fn block_loaded(&mut self, name: BlockName, text: &str) {
        let Some(block) = self.blocks.iter_mut().find(|block| block.name == name) else { return };
        block.is_unloaded = false;
        let mut found = Ranges::new();
        for (seq, text) in block::lines(text) {
            let at = self.entries.partition_point(|entry| entry.seq < seq);
            let is_here = self.entries.get(at).is_some_and(|entry| entry.seq == seq);
            if !block.left.contains(seq) || is_here {
                continue;
            }
            found.insert(seq);
            self.waiting += 1;
            self.waiting_bytes += text.len();
            let location = Location::OverflowBlock;
            self.entries.insert(at, QueuedEvent::new(seq, text, location));
        }
        // What is not in it was answered for us by an adopter, or the user cleared the site's data.
        block.left = found;
    }

    /// A block in the overflow of which every event was answered.
    pub fn next_to_erase(&self) -> Option<BlockName> {
        self.overflow().find(|block| block.left.is_empty()).map(|block| block.name)
    }

    /// The block is no longer in the overflow.
    pub fn block_erased(&mut self, name: BlockName) {
        self.blocks.retain(|block| block.name != name);
    }
}

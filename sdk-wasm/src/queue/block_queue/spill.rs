//! Moving events into the overflow.
//!
//! The oldest events move first. When memory has no room for a block's texts, the block is
//! unloaded, and read back when its events are the next to send.

use lamplight_wire::Ranges;

use super::{BlockQueue, OwnBlock};
use crate::keys::StorageKeys;
use crate::ports::Storage;
use crate::queue::block::{self, BlockName};
use crate::queue::page_queue::PageQueue;
use crate::queue::queued_event::{Location, QueuedEvent};

/// The request number of events that are being written into a block.
const SPILLING: u32 = u32::MAX;

impl BlockQueue {
    /// When events should move into the overflow, if any should.
    pub fn spill_due_ms(&self) -> Option<u64> {
        if self.spilling.is_some() { None } else { self.spill_due_ms }
    }

    /// While the server fails, keeps part of the storage share free by moving blocks of the oldest
    /// events into the overflow. An event that finds room in storage survives a page that is killed
    /// at once; an event that has to wait for the overflow does not.
    pub fn make_room(&mut self, now_ms: u64, is_failing: bool) {
        self.share_is_tight = is_failing && self.queue.share.is_tight();
        if self.share_is_tight {
            self.spill_due_ms.get_or_insert(now_ms);
        }
    }

    /// Takes waiting events for a block: first those that only memory has, otherwise the oldest if
    /// space in storage is needed. They are not sent before [`BlockQueue::spill_finished`].
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
        for entry in self.queue.entries.iter_mut().filter(which).take(block::EVENTS_MAX) {
            if !text.is_empty() && text.len() + entry.text.len() > block::BYTES_MAX {
                break;
            }
            block::push_line(&mut text, entry.seq, &entry.text);
            seqs.insert(entry.seq);
            if request != 0 {
                entry.request = request;
                self.queue.waiting -= 1;
                self.queue.waiting_bytes -= entry.text.len();
            }
        }
        (text, seqs)
    }

    pub(super) fn name_block(&mut self, text: &str, seqs: &Ranges) -> BlockName {
        self.last_block += 1;
        let (number, bytes) = (self.last_block, text.len());
        BlockName { producer: self.queue.producer, number, events: seqs.count(), bytes }
    }

    /// Lets the events of [`BlockQueue::spill`] be sent already, because its block may never be
    /// committed.
    pub fn requeue_spilling(&mut self) {
        self.requeue(SPILLING);
    }

    /// The block of [`BlockQueue::spill`] was committed to the overflow, or not. If it was, its
    /// events are removed from storage, and from memory unless they are the next to send.
    pub fn spill_finished(
        &mut self,
        storage: &mut impl Storage,
        keys: &StorageKeys,
        now_ms: u64,
        done: bool,
    ) {
        self.requeue_spilling();
        self.spill_due_ms = Some(now_ms);
        let Some((name, seqs)) = self.spilling.take().filter(|_| done) else { return };
        // Some may have been sent meanwhile, because the page was about to close.
        let (mut left, mut in_flight) = (Ranges::new(), false);
        let mut loaded_bytes = 0;
        let producer = self.queue.producer;
        for entry in &mut self.queue.entries {
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
                    self.queue.share.stored -= key.len() + entry.text.len();
                    storage.remove(&key);
                }
                Location::Memory | Location::StorageRetry => {
                    self.queue.share.memory -= entry.text.len();
                }
                Location::StorageBlock | Location::OverflowBlock => {}
            }
            entry.location = Location::OverflowBlock;
            entry.read_back_ms = 0;
        }
        self.remove_from_blocks(storage, keys, &left);
        let is_unloaded = !in_flight && loaded_bytes + name.bytes > block::BYTES_MAX;
        if is_unloaded {
            let (waiting, waiting_bytes) = (&mut self.queue.waiting, &mut self.queue.waiting_bytes);
            self.queue.entries.retain(|entry| {
                let stays = !left.contains(entry.seq);
                if !stays {
                    *waiting -= 1;
                    *waiting_bytes -= entry.text.len();
                }
                stays
            });
        }
        self.blocks.push(OwnBlock { name, in_storage: false, left, is_unloaded });
        self.queue.schedule_move_to_storage();
    }
}

//! The queue of a full client: events also move into blocks, in storage after compaction or in the
//! overflow.

mod compaction;
mod loading;
mod own_block;
mod spill;

use lamplight_wire::{Producer, Ranges};

use super::queued_event::QueuedEvent;
use super::{PageQueue, PushOutcome, Queue, QueueLimits};
use crate::due::earliest;
use crate::keys::StorageKeys;
use crate::ports::{Storage, StorageError};
use crate::queue::block::BlockName;
use compaction::UnverifiedBlock;
use own_block::OwnBlock;

/// How long events that only memory has are gathered before they are written into a block, in
/// milliseconds.
const GATHER_MS: u64 = 50;

/// One producer's unanswered events, some of them in blocks.
#[derive(Debug)]
pub struct BlockQueue {
    /// The events that memory has.
    pub(super) queue: Queue,
    /// In the order in which they were written.
    blocks: Vec<OwnBlock>,
    last_block: u64,
    unverified: Option<UnverifiedBlock>,
    compact_after_ms: u64,
    /// The block that is being written into the overflow, and its events.
    spilling: Option<(BlockName, Ranges)>,
    pub(super) spill_due_ms: Option<u64>,
    /// The origin's quota is used up, so our events in storage move into the overflow too.
    quota_is_full: bool,
    /// The storage share is nearly used up while the server fails, so the oldest events in storage
    /// move into the overflow.
    share_is_tight: bool,
}

impl PageQueue for BlockQueue {
    fn new(producer: Producer, limits: QueueLimits) -> Self {
        Self {
            queue: Queue::new(producer, limits),
            blocks: Vec::new(),
            last_block: 0,
            unverified: None,
            compact_after_ms: 0,
            spilling: None,
            spill_due_ms: None,
            quota_is_full: false,
            share_is_tight: false,
        }
    }

    fn base(&self) -> &Queue {
        &self.queue
    }

    fn base_mut(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn len(&self) -> usize {
        self.queue.len() + usize::try_from(self.unloaded_events()).unwrap_or(usize::MAX)
    }

    fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.unloaded_events() == 0
    }

    fn contains(&self, seq: u64) -> bool {
        self.queue.contains(seq)
            || self.overflow().any(|block| block.is_unloaded && block.left.contains(seq))
    }

    fn has_overflow(&self) -> bool {
        self.overflow().next().is_some()
    }

    fn push(
        &mut self,
        storage: &mut impl Storage,
        keys: &StorageKeys,
        now_ms: u64,
        seq: u64,
        text: String,
    ) -> PushOutcome {
        let outcome = self.queue.push(storage, keys, now_ms, seq, text);
        if let PushOutcome::StorageFailed(_) | PushOutcome::OverShare = outcome {
            self.spill_due_ms.get_or_insert(now_ms + GATHER_MS);
        }
        self.quota_is_full |= outcome == PushOutcome::StorageFailed(StorageError::QuotaExceeded);
        outcome
    }

    fn requeue(&mut self, request: u32) {
        self.queue.requeue(request);
        if self.queue.share.memory > 0 {
            self.spill_due_ms.get_or_insert(0);
        }
    }

    fn remove_accepted(
        &mut self,
        storage: &mut impl Storage,
        keys: &StorageKeys,
        request: u32,
    ) -> Ranges {
        let seqs = self.queue.remove_accepted(storage, keys, request);
        self.remove_from_blocks(storage, keys, &seqs);
        seqs
    }

    /// [`BlockQueue::next_to_erase`] names the blocks in the overflow afterwards.
    fn withdraw(&mut self, storage: &mut impl Storage, keys: &StorageKeys) -> Ranges {
        let mut seqs = self.queue.withdraw(storage, keys);
        for block in &mut self.blocks {
            if block.is_unloaded {
                seqs.union(&block.left);
            }
            block.left = Ranges::new();
        }
        if let Some(unverified) = self.unverified.take() {
            // Its events are deleted although the block was not read back yet.
            self.add_storage_block(unverified.name, Ranges::new());
        }
        self.remove_from_blocks(storage, keys, &Ranges::new());
        (self.spill_due_ms, self.quota_is_full, self.share_is_tight) = (None, false, false);
        seqs
    }

    fn due_ms(&self) -> Option<u64> {
        let unverified_ms = self.unverified.as_ref().map(|unverified| unverified.read_back_ms);
        let due_ms = earliest(u64::MAX, &[self.queue.due_ms(), unverified_ms]);
        Some(due_ms).filter(|due_ms| *due_ms < u64::MAX)
    }

    fn maintain(&mut self, storage: &mut impl Storage, keys: &StorageKeys, now_ms: u64) {
        self.queue.look_for_clearing(storage, keys, now_ms);
        if self.queue.read_back_when_due(storage, keys, now_ms) {
            self.quota_is_full = true;
            self.spill_due_ms.get_or_insert(now_ms);
        }
        self.verify_block(storage, keys, now_ms);
        self.quota_is_full |= self.queue.move_to_storage_when_due(storage, keys, now_ms);
    }
}

impl BlockQueue {
    /// Drops the only event of `request`, so that it is not sent again. Returns its number.
    pub fn drop_only_event(&mut self, request: u32) -> Option<u64> {
        let is_it = |entry: &&mut QueuedEvent| entry.request == request;
        let entry = self.queue.entries.iter_mut().find(is_it)?;
        entry.is_dropped = true;
        entry.request = 0;
        Some(entry.seq)
    }

    /// Removes dropped events once a 2xx answered their declaration.
    pub fn remove_declared(
        &mut self,
        storage: &mut impl Storage,
        keys: &StorageKeys,
        seqs: &Ranges,
    ) {
        let is_declared = |entry: &QueuedEvent| entry.is_dropped && seqs.contains(entry.seq);
        let removed = self.queue.remove(storage, keys, &is_declared);
        self.remove_from_blocks(storage, keys, &removed);
    }

    /// Unanswered events in the overflow, and the bytes of its blocks.
    pub fn overflowed(&self) -> (u64, u64) {
        self.overflow().fold((0, 0), |(events, bytes), block| {
            (events + block.left.count(), bytes + block.name.bytes as u64)
        })
    }

    /// How many unanswered events are in unloaded blocks.
    pub(super) fn unloaded_events(&self) -> u64 {
        self.overflow().filter(|block| block.is_unloaded).map(|block| block.left.count()).sum()
    }

    fn overflow(&self) -> impl Iterator<Item = &OwnBlock> {
        self.blocks.iter().filter(|block| !block.in_storage)
    }

    /// Removes events from their blocks. A block in storage is removed with its last event.
    pub(super) fn remove_from_blocks(
        &mut self,
        storage: &mut impl Storage,
        keys: &StorageKeys,
        seqs: &Ranges,
    ) {
        let share = &mut self.queue.share;
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
}

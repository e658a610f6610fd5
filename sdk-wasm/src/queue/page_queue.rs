//! What both clients do with their queues.

use lamplight_wire::{Producer, Ranges};

use super::{PushOutcome, Queue, QueueLimits};
use crate::keys::StorageKeys;
use crate::ports::Storage;

/// One producer's unanswered events: a [`Queue`], or a [`BlockQueue`](super::BlockQueue) with one
/// in it.
pub trait PageQueue {
    /// An empty queue of `producer`.
    fn new(producer: Producer, limits: QueueLimits) -> Self;

    /// The events that memory has.
    fn base(&self) -> &Queue;

    /// The events that memory has, to change them.
    fn base_mut(&mut self) -> &mut Queue;

    /// How many events are unanswered, those in flight included.
    fn len(&self) -> usize;

    /// Whether every event was answered.
    fn is_empty(&self) -> bool;

    /// Whether the event `seq` is unanswered.
    fn contains(&self, seq: u64) -> bool;

    /// Whether this producer has blocks in the overflow.
    fn has_overflow(&self) -> bool;

    /// Adds a new event. Its number must be above all numbers before. When this returns
    /// [`PushOutcome::Stored`], the event is in storage.
    fn push(
        &mut self,
        storage: &mut impl Storage,
        keys: &StorageKeys,
        now_ms: u64,
        seq: u64,
        text: String,
    ) -> PushOutcome;

    /// Puts the events of a failed `request` back into the queue.
    fn requeue(&mut self, request: u32);

    /// Removes the events of `request`, which a 2xx answered. Returns their numbers.
    fn remove_accepted(
        &mut self,
        storage: &mut impl Storage,
        keys: &StorageKeys,
        request: u32,
    ) -> Ranges;

    /// Deletes every event in memory and in storage, because consent was withdrawn. Returns the
    /// numbers that were neither answered nor dropped before.
    fn withdraw(&mut self, storage: &mut impl Storage, keys: &StorageKeys) -> Ranges;

    /// When [`PageQueue::maintain`] has something to do.
    fn due_ms(&self) -> Option<u64>;

    /// Verifies what was written, and stores what only memory has.
    fn maintain(&mut self, storage: &mut impl Storage, keys: &StorageKeys, now_ms: u64);

    /// Makes [`PageQueue::maintain`] look now whether the host has cleared storage.
    fn check_storage(&mut self) {
        self.base_mut().cleared_due_ms = Some(0);
    }

    /// How many events wait: they are not in flight and not dropped.
    fn waiting(&self) -> usize {
        self.base().waiting
    }

    /// How many bytes of events wait.
    fn waiting_bytes(&self) -> usize {
        self.base().waiting_bytes
    }

    /// Bytes in storage, keys included.
    fn stored_bytes(&self) -> usize {
        self.base().share.stored
    }

    /// Bytes of events that are in memory only.
    fn memory_bytes(&self) -> usize {
        self.base().share.memory
    }

    /// Whether so much was written that other pages' bytes must be counted before more is written.
    fn needs_scan(&self) -> bool {
        self.base().share.needs_scan()
    }

    /// Like [`PageQueue::needs_scan`], in a task of our own, where there is time to check whether
    /// other pages have freed space.
    fn needs_rescan(&self, now_ms: u64) -> bool {
        let rescan_due_ms = self.base().share.rescan_due_ms();
        self.needs_scan() || rescan_due_ms.is_some_and(|due_ms| due_ms <= now_ms)
    }

    /// Records how many bytes of the storage share other pages take.
    fn set_foreign_bytes(&mut self, now_ms: u64, foreign_bytes: usize) {
        self.base_mut().share.scanned(now_ms, foreign_bytes);
        self.base_mut().schedule_move_to_storage();
    }

    /// Assigns events to `request`, as many as fit, and appends their texts to `texts`, separated
    /// by commas: first those that only memory has, then the oldest. Takes at least one if any
    /// waits. Returns how many.
    fn take_batch(
        &mut self,
        request: u32,
        events_max: usize,
        bytes_max: usize,
        only_unstored: bool,
        texts: &mut String,
    ) -> usize {
        self.base_mut().take_events(request, events_max, bytes_max, only_unstored, texts)
    }
}

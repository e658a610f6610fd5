//! This page's events that no 2xx has answered yet. Each is in memory and in storage under its own
//! key, or in a block.

pub mod block;
mod compact;
mod handover;
mod maintenance;
mod queued_event;
mod spill;
mod storage_share;
mod withdrawal;

use lamplight_wire::{Producer, Ranges};

use crate::keys::StorageKeys;
use crate::ports::{Storage, StorageError};
use crate::queue::block::BlockName;
use compact::UnverifiedBlock;
pub use handover::HandedOverEvent;
use queued_event::{Location, QueuedEvent};
pub(crate) use spill::SPILLING;
use spill::{GATHER_MS, OwnBlock};
use storage_share::StorageShare;

/// Where a new event was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushOutcome {
    /// Storage: it survives the page.
    Stored,
    /// Memory, because storage refused it. It is offered to storage once more.
    StorageFailed(StorageError),
    /// Memory, because the storage share is used up.
    OverShare,
    /// Nowhere: the memory limit is reached as well.
    Dropped,
}

/// How much the queue may hold.
#[derive(Debug, Clone, Copy)]
pub struct QueueLimits {
    /// Most bytes of all pages' events in storage, keys included.
    pub storage_bytes_max: usize,
    /// Most bytes of events that are in memory only.
    pub memory_bytes_max: usize,
    /// The age at which a new key is read back, in milliseconds.
    pub settle_ms: u64,
}

/// One producer's unanswered events.
#[derive(Debug)]
pub struct Queue<const FULL: bool = true> {
    producer: Producer,
    /// The prefix of its events' keys; empty before the first event.
    prefix: String,
    limits: QueueLimits,
    /// Ascending by sequence number.
    entries: Vec<QueuedEvent>,
    waiting: usize,
    waiting_bytes: usize,
    share: StorageShare,
    /// At least one event is offered to storage once more.
    has_retries: bool,
    read_back_due_ms: Option<u64>,
    /// When events that only memory has are offered to storage again.
    move_to_storage_due_ms: Option<u64>,
    /// In the order in which they were written.
    blocks: Vec<OwnBlock>,
    last_block: u64,
    unverified: Option<UnverifiedBlock>,
    compact_after_ms: u64,
    /// The block that is being written into the overflow, and its events.
    spilling: Option<(BlockName, Ranges)>,
    spill_due_ms: Option<u64>,
    /// The origin's quota is used up, so our events in storage move into the overflow too.
    quota_is_full: bool,
    /// The storage share is nearly used up while the server fails, so the oldest events in storage
    /// move into the overflow.
    share_is_tight: bool,
}

impl<const FULL: bool> Queue<FULL> {
    /// An empty queue of `producer`.
    pub const fn new(producer: Producer, limits: QueueLimits) -> Self {
        Self {
            producer,
            prefix: String::new(),
            limits,
            entries: Vec::new(),
            waiting: 0,
            waiting_bytes: 0,
            share: StorageShare::new(limits.storage_bytes_max),
            has_retries: false,
            read_back_due_ms: None,
            move_to_storage_due_ms: None,
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

    /// How many events are unanswered, those in flight included.
    pub fn len(&self) -> usize {
        let unloaded = if FULL { self.unloaded_events() } else { 0 };
        self.entries.len() + usize::try_from(unloaded).unwrap_or(usize::MAX)
    }

    /// Whether every event was answered.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && (!FULL || self.unloaded_events() == 0)
    }

    /// How many events wait: they are not in flight and not dropped.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many bytes of events wait.
    pub fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// Bytes in storage, keys included.
    pub fn stored_bytes(&self) -> usize {
        self.share.stored
    }

    /// Bytes of events that are in memory only.
    pub fn memory_bytes(&self) -> usize {
        self.share.memory
    }

    /// Whether the event `seq` is unanswered.
    pub fn contains(&self, seq: u64) -> bool {
        for entry in &self.entries {
            if entry.seq == seq {
                return true;
            }
        }
        FULL && self.is_unloaded(seq)
    }

    /// Adds a new event. Its number must be above all numbers before. When this returns
    /// [`PushOutcome::Stored`], the event is in storage.
    pub fn push(
        &mut self,
        storage: &mut impl Storage,
        keys: &StorageKeys,
        now_ms: u64,
        seq: u64,
        text: String,
    ) -> PushOutcome {
        if self.prefix.is_empty() {
            self.prefix = keys.event_prefix(self.producer);
        }
        let bytes = self.prefix.len() + digits(seq) + text.len();
        let outcome = if self.share.fits(bytes) {
            let stored = storage.set_numbered(&self.prefix, seq, &text);
            stored.map_or_else(PushOutcome::StorageFailed, |()| PushOutcome::Stored)
        } else {
            PushOutcome::OverShare
        };
        if outcome != PushOutcome::Stored
            && self.share.memory + text.len() > self.limits.memory_bytes_max
        {
            return PushOutcome::Dropped;
        }
        let mut read_back_ms = 0;
        let location = match outcome {
            PushOutcome::Stored => {
                self.share.wrote(bytes);
                read_back_ms = now_ms + self.limits.settle_ms;
                self.read_back_due_ms.get_or_insert(read_back_ms);
                Location::Storage
            }
            PushOutcome::StorageFailed(StorageError::QuotaExceeded) => {
                self.has_retries = true;
                self.quota_is_full = true;
                Location::StorageRetry
            }
            _ => Location::Memory,
        };
        if location != Location::Storage {
            self.share.memory += text.len();
            self.spill_due_ms.get_or_insert(now_ms + GATHER_MS);
        }
        self.waiting += 1;
        self.waiting_bytes += text.len();
        self.entries.push(QueuedEvent { read_back_ms, ..QueuedEvent::new(seq, text, location) });
        outcome
    }

    /// Assigns events to `request`, as many as fit, and appends their texts to `texts`, separated
    /// by commas: first those that only memory has, then the oldest. Takes at least one if any
    /// waits. Returns how many.
    pub fn take_batch(
        &mut self,
        request: u32,
        events_max: usize,
        bytes_max: usize,
        only_unstored: bool,
        texts: &mut String,
    ) -> usize {
        let mut taken = 0;
        for stored in [false, true] {
            if stored && only_unstored {
                break;
            }
            for entry in &mut self.entries {
                let is_in_memory =
                    matches!(entry.location, Location::Memory | Location::StorageRetry);
                if !entry.is_waiting() || is_in_memory == stored {
                    continue;
                }
                let is_full = texts.len() + 1 + entry.text.len() > bytes_max || taken == events_max;
                if taken > 0 && is_full {
                    return taken;
                }
                if taken > 0 {
                    texts.push(',');
                }
                texts.push_str(&entry.text);
                entry.request = request;
                taken += 1;
                self.waiting -= 1;
                self.waiting_bytes -= entry.text.len();
            }
        }
        taken
    }

    /// Puts the events of a failed `request` back into the queue.
    pub fn requeue(&mut self, request: u32) {
        for entry in &mut self.entries {
            if entry.request == request {
                entry.request = 0;
                self.waiting += 1;
                self.waiting_bytes += entry.text.len();
            }
        }
        if self.share.memory > 0 {
            self.spill_due_ms.get_or_insert(0);
        }
    }

    /// Removes the events of `request`, which a 2xx answered. Returns their numbers.
    pub fn remove_accepted(
        &mut self,
        storage: &mut impl Storage,
        keys: &StorageKeys,
        request: u32,
    ) -> Ranges {
        self.remove(storage, keys, &|entry| entry.request == request)
    }

    /// Drops the only event of `request`, so that it is not sent again. Returns its number.
    pub fn drop_only_event(&mut self, request: u32) -> Option<u64> {
        let entry = self.entries.iter_mut().find(|entry| entry.request == request)?;
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
        self.remove(storage, keys, &|entry| entry.is_dropped && seqs.contains(entry.seq));
    }

    fn remove(
        &mut self,
        storage: &mut impl Storage,
        keys: &StorageKeys,
        should_remove: &dyn Fn(&QueuedEvent) -> bool,
    ) -> Ranges {
        let mut removed = Ranges::new();
        let producer = self.producer;
        let share = &mut self.share;
        self.entries.retain(|entry| {
            if !should_remove(entry) {
                return true;
            }
            removed.append(entry.seq);
            match entry.location {
                Location::Storage => {
                    let key = keys.event(producer, entry.seq);
                    share.stored -= key.len() + entry.text.len();
                    storage.remove(&key);
                }
                Location::Memory | Location::StorageRetry => share.memory -= entry.text.len(),
                Location::StorageBlock | Location::OverflowBlock => {}
            }
            false
        });
        if FULL {
            self.remove_from_blocks(storage, keys, &removed);
        }
        self.schedule_move_to_storage();
        removed
    }
}

/// How many decimal digits a number has.
const fn digits(number: u64) -> usize {
    match number.checked_ilog10() {
        Some(power) => power as usize + 1,
        None => 1,
    }
}

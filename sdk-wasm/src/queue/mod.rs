//! This page's events that no 2xx has answered yet. Each is in memory and in storage under its own
//! key, or in a block.
//!
//! [`Queue`] is the queue of a first client. The full client's [`BlockQueue`] contains one, and
//! moves its events into blocks. [`PageQueue`] is what both offer.

pub mod block;
mod block_queue;
mod handover;
mod maintenance;
mod page_queue;
mod queued_event;
mod storage_share;

use lamplight_wire::{Producer, Ranges, json};

use crate::due::earliest;
use crate::keys::StorageKeys;
use crate::ports::{Storage, StorageError};
pub use block_queue::BlockQueue;
pub use handover::HandedOverEvent;
pub use page_queue::PageQueue;
use queued_event::{Location, QueuedEvent};
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

/// One producer's unanswered events, in memory and in storage.
#[derive(Debug)]
pub struct Queue {
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
    /// When to look whether the host has cleared storage.
    cleared_due_ms: Option<u64>,
}

impl PageQueue for Queue {
    fn new(producer: Producer, limits: QueueLimits) -> Self {
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
            cleared_due_ms: None,
        }
    }

    fn base(&self) -> &Queue {
        self
    }

    fn base_mut(&mut self) -> &mut Queue {
        self
    }

    fn len(&self) -> usize {
        self.entries.len()
    }

    fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn contains(&self, seq: u64) -> bool {
        for entry in &self.entries {
            if entry.seq == seq {
                return true;
            }
        }
        false
    }

    fn has_overflow(&self) -> bool {
        false
    }

    fn push(
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
        let mut key = self.prefix.clone();
        json::push_integer(&mut key, seq);
        let bytes = key.len() + text.len();
        let outcome = if self.share.fits(bytes) {
            let stored = storage.set(&key, &text);
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
                Location::StorageRetry
            }
            _ => Location::Memory,
        };
        if location != Location::Storage {
            self.share.memory += text.len();
        }
        self.waiting += 1;
        self.waiting_bytes += text.len();
        self.entries.push(QueuedEvent { read_back_ms, ..QueuedEvent::new(seq, text, location) });
        outcome
    }

    fn requeue(&mut self, request: u32) {
        for entry in &mut self.entries {
            if entry.request == request {
                entry.request = 0;
                self.waiting += 1;
                self.waiting_bytes += entry.text.len();
            }
        }
    }

    fn remove_accepted(
        &mut self,
        storage: &mut impl Storage,
        keys: &StorageKeys,
        request: u32,
    ) -> Ranges {
        self.remove(storage, keys, &|entry| entry.request == request)
    }

    fn withdraw(&mut self, storage: &mut impl Storage, keys: &StorageKeys) -> Ranges {
        let mut seqs = Ranges::new();
        for entry in self.entries.iter().filter(|entry| !entry.is_dropped) {
            seqs.append(entry.seq);
        }
        self.remove(storage, keys, &|_| true);
        (self.waiting, self.waiting_bytes, self.has_retries) = (0, 0, false);
        (self.read_back_due_ms, self.move_to_storage_due_ms) = (None, None);
        self.cleared_due_ms = None;
        seqs
    }

    fn due_ms(&self) -> Option<u64> {
        if self.has_retries {
            return Some(0);
        }
        let times = [
            self.read_back_due_ms,
            self.move_to_storage_due_ms,
            self.cleared_due_ms,
            self.share.rescan_due_ms(),
        ];
        Some(earliest(u64::MAX, &times)).filter(|due_ms| *due_ms < u64::MAX)
    }

    fn maintain(&mut self, storage: &mut impl Storage, keys: &StorageKeys, now_ms: u64) {
        self.look_for_clearing(storage, keys, now_ms);
        self.read_back_when_due(storage, keys, now_ms);
        self.move_to_storage_when_due(storage, keys, now_ms);
    }
}

impl Queue {
    /// See [`PageQueue::take_batch`].
    fn take_events(
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

    /// Removes events from memory and from their own keys. Returns their numbers.
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
        self.schedule_move_to_storage();
        removed
    }
}

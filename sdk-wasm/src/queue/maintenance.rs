//! What the queue does in later tasks: verify what it wrote, and store what only memory has.

use super::{Location, Queue, QueuedEvent, StorageShare};
use crate::keys::StorageKeys;
use crate::ports::{Storage, StorageError};

/// How many keys are read back or written per task, so that a long backlog never makes a long task.
const READ_BACK_MAX: usize = 500;
const MOVE_TO_STORAGE_MAX: usize = 100;
/// How often a page with events in storage looks whether the host has cleared it, in milliseconds.
const CLEARED_MS: u64 = 5_000;
/// How long to wait after storage refused a write, in milliseconds.
const REFUSED_MS: u64 = 5_000;

impl Queue {
    /// Part of the storage share may be free again, so events that only memory has are offered to
    /// storage.
    pub(super) fn schedule_move_to_storage(&mut self) {
        if self.share.memory > 0 {
            self.move_to_storage_due_ms.get_or_insert(0);
        }
    }

    /// Retries events that storage refused, and reads new keys back and rewrites unanswered events
    /// that are missing, because Chromium silently reverts writes over the quota. Returns whether
    /// one was missing.
    pub(super) fn read_back_when_due(
        &mut self,
        storage: &mut impl Storage,
        keys: &StorageKeys,
        now_ms: u64,
    ) -> bool {
        let is_due =
            self.has_retries || self.read_back_due_ms.is_some_and(|due_ms| due_ms <= now_ms);
        is_due && self.read_back(storage, keys, now_ms)
    }

    /// Moves events that only memory has into storage while there is room. Returns whether the
    /// quota refused one.
    pub(super) fn move_to_storage_when_due(
        &mut self,
        storage: &mut impl Storage,
        keys: &StorageKeys,
        now_ms: u64,
    ) -> bool {
        let is_due = self.move_to_storage_due_ms.is_some_and(|due_ms| due_ms <= now_ms);
        is_due && self.move_to_storage(storage, keys, now_ms)
    }

    /// Reads all events back if the host has cleared storage, as many do when a user logs out.
    /// Other tabs remove events that they adopted, but never the session.
    pub(super) fn look_for_clearing(
        &mut self,
        storage: &mut impl Storage,
        keys: &StorageKeys,
        now_ms: u64,
    ) {
        let is_due = self.cleared_due_ms.is_some_and(|due_ms| due_ms <= now_ms);
        if self.cleared_due_ms.is_some() && !is_due {
            return;
        }
        let oldest = self.entries.iter().find(|entry| entry.location == Location::Storage);
        self.cleared_due_ms = oldest.is_some().then_some(now_ms + CLEARED_MS);
        let Some(oldest) = oldest.filter(|_| is_due) else { return };
        let key = keys.event(self.producer, oldest.seq);
        if storage.size(&keys.session()) > 0 || storage.size(&key) > 0 {
            return;
        }
        for entry in &mut self.entries {
            if entry.location == Location::Storage {
                // 0 stands for an event that need not be read.
                entry.read_back_ms = now_ms.max(1);
            }
        }
        self.read_back_due_ms = Some(now_ms);
    }

    fn read_back(&mut self, storage: &mut impl Storage, keys: &StorageKeys, now_ms: u64) -> bool {
        let (mut reads, mut next_ms, mut is_missing) = (0, None, false);
        for entry in &mut self.entries {
            let retries = entry.location == Location::StorageRetry;
            if !retries && entry.read_back_ms == 0 {
                continue;
            }
            if !retries && (entry.read_back_ms > now_ms || reads == READ_BACK_MAX) {
                let due_ms = entry.read_back_ms;
                next_ms = Some(next_ms.map_or(due_ms, |next_ms: u64| next_ms.min(due_ms)));
                continue;
            }
            let key = keys.event(self.producer, entry.seq);
            if !retries {
                reads += 1;
                entry.read_back_ms = 0;
                if storage.get(&key).is_some() {
                    continue;
                }
                self.share.stored -= key.len() + entry.text.len();
                self.share.memory += entry.text.len();
                is_missing = true;
            }
            entry.location = Location::Memory;
            if store(entry, &mut self.share, storage, &key).is_err() {
                self.move_to_storage_due_ms = Some(now_ms + REFUSED_MS);
            }
        }
        self.has_retries = false;
        self.read_back_due_ms = next_ms;
        is_missing
    }

    fn move_to_storage(
        &mut self,
        storage: &mut impl Storage,
        keys: &StorageKeys,
        now_ms: u64,
    ) -> bool {
        self.move_to_storage_due_ms = None;
        let in_memory = self.entries.iter_mut().filter(|entry| entry.location == Location::Memory);
        for (writes, entry) in in_memory.enumerate() {
            if writes == MOVE_TO_STORAGE_MAX || self.share.needs_scan() {
                self.move_to_storage_due_ms = Some(now_ms);
                return false;
            }
            let key = keys.event(self.producer, entry.seq);
            match store(entry, &mut self.share, storage, &key) {
                Ok(true) => {
                    entry.read_back_ms = now_ms + self.limits.settle_ms;
                    self.read_back_due_ms.get_or_insert(entry.read_back_ms);
                }
                Ok(false) | Err(StorageError::Blocked) => return false,
                Err(StorageError::QuotaExceeded) => {
                    self.move_to_storage_due_ms = Some(now_ms + REFUSED_MS);
                    return true;
                }
            }
        }
        false
    }
}

/// Writes an event that only memory has, if it fits into the storage share. Returns whether it did.
fn store(
    entry: &mut QueuedEvent,
    share: &mut StorageShare,
    storage: &mut impl Storage,
    key: &str,
) -> Result<bool, StorageError> {
    let bytes = key.len() + entry.text.len();
    if !share.fits(bytes) {
        return Ok(false);
    }
    storage.set(key, &entry.text)?;
    entry.location = Location::Storage;
    share.wrote(bytes);
    share.memory -= entry.text.len();
    Ok(true)
}

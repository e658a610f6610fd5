//! Sending the events of orphaned producers: scan, lock, lease, send.

use lamplight_wire::reason::DropReason;
use lamplight_wire::{Producer, Ranges};

use super::Client;
use super::request::{AdoptedEvents, RequestContents, ranges};
use crate::identity::session::Session;
use crate::notes::Note;
use crate::ports::Ports;
use crate::send::backoff::PROBE_MS_MAX;
use crate::send::batch::{self, DroppedNumbers};
use crate::send::flush::FlushReason;
use crate::tabs::lock::{LockAccess, LockPhase, LockRegister, LockWaits};
use crate::tabs::orphans::OrphanedProducer;

/// How often other tabs' keys are scanned, in milliseconds: while there are events anywhere, and
/// otherwise.
const SCAN_MS: u64 = 2_500;
const SCAN_QUIET_MS: u64 = 4_000;

/// How long a producer is skipped when its keys are listed but cannot be read, in milliseconds.
/// Either they were just removed, or this tab's copy of storage is inconsistent, as Firefox's can
/// be after a process was killed.
const SKIP_MS: u64 = 60_000;

/// Where storage is too full for the lock, one attempt in this many continues without it.
const LOCKLESS_ODDS: u32 = 4;

/// Events of an orphaned producer that the server rejected permanently. Their keys are removed once
/// that is declared.
#[derive(Debug)]
pub(super) struct DroppedOrphans {
    producer: Producer,
    dropped: DroppedNumbers,
}

impl<P: Ports, const FULL: bool> Client<P, FULL> {
    /// Takes the list of live producers that [`crate::ports::Liveness::query_locks`] requested.
    pub fn set_live_producers(&mut self, alive: &[Producer]) {
        self.foreign.update_liveness(alive);
        self.lease.update_liveness(alive);
        self.find_orphans();
    }

    /// Scans all keys and counts how much of the storage share other pages take.
    pub(super) fn scan_storage(&mut self, now_ms: u64) {
        let foreign_bytes = if FULL {
            self.foreign.scan(&self.ports, &self.keys, self.producer, now_ms);
            self.foreign.bytes()
        } else {
            self.foreign_bytes()
        };
        self.queue.set_foreign_bytes(now_ms, foreign_bytes);
    }

    /// Scans all keys when that is due.
    pub(super) fn scan(&mut self, now_ms: u64) {
        if now_ms < self.scan_due_ms || self.is_withdrawn() {
            return;
        }
        self.apply_consent_withdrawal();
        if self.person.sync(&self.ports, &self.keys) {
            // Like the person, the session is read from storage again.
            self.session = Session::default();
        }
        self.scan_storage(now_ms);
        let was_others = self.lease.is_held_elsewhere(now_ms);
        self.lease.refresh(&self.ports, &self.keys, now_ms, self.ports.wall_ms());
        if was_others && self.lease.holder().is_none() {
            // The lease was released: the tab that retried for all has succeeded, or has left.
            self.backoff.retry_now(now_ms);
        }
        let is_quiet = self.foreign.is_empty() && self.queue.is_empty();
        self.scan_due_ms = now_ms + if is_quiet { SCAN_QUIET_MS } else { SCAN_MS };
        let holder_is_known = self.lease.is_mine() || self.lease.holder().is_none();
        if self.options.liveness && (self.foreign.needs_lock_query(now_ms) || !holder_is_known) {
            self.ports.query_locks();
        }
        self.find_orphans();
    }

    /// Finds orphaned producers and requests the tab lock if there is shared work and no tab does
    /// it.
    pub(super) fn find_orphans(&mut self) {
        let now_ms = self.ports.monotonic_ms();
        self.orphans = self.foreign.orphaned(now_ms);
        self.release_unneeded_block();
        if self.lease.is_mine() {
            return;
        }
        if self.has_shared_work() && !self.lease.is_held_elsewhere(now_ms) && !self.is_suspended {
            let settle_ms = self.lag.settle_ms(self.options.settle_ms);
            self.lock.request(now_ms, LockWaits::from_settle(settle_ms));
        } else {
            self.lock.release(now_ms);
        }
    }

    /// Whether there is work that one tab should do for all: orphaned events, or retrying a server
    /// that fails.
    fn has_shared_work(&self) -> bool {
        !self.orphans.is_empty() || (self.backoff.is_failing() && !self.queue.is_empty())
    }

    /// Does the one access of this task, and the critical section if that acquired the lock.
    pub(super) fn step_lock(&mut self, now_ms: u64) {
        let Some(access) = self.lock.next_access(now_ms) else { return };
        let mut is_refused = false;
        let value = match access {
            LockAccess::Read(LockRegister::X) => self.ports.get(&self.keys.lock_x()),
            LockAccess::Read(LockRegister::Y) => self.ports.get(&self.keys.lock_y()),
            LockAccess::Write(register, text) => {
                let key = match register {
                    LockRegister::X => self.keys.lock_x(),
                    LockRegister::Y => self.keys.lock_y(),
                };
                is_refused = self.ports.set(&key, &text).is_err();
                None
            }
            LockAccess::RemoveY => {
                self.ports.remove(&self.keys.lock_y());
                None
            }
        };
        let random = self.ports.random_bits();
        self.lock.complete_access(self.ports.monotonic_ms(), value.as_deref(), random);
        let is_full = is_refused || self.lock.is_unusable();
        if is_full && !random.is_multiple_of(LOCKLESS_ODDS) {
            // Not every tab at once: the next scan tries again.
            self.lock.release(now_ms);
        } else if is_full || self.lock.phase() == LockPhase::Held {
            let wall_ms = self.ports.wall_ms();
            if self.lease.acquire(&mut self.ports, &self.keys, now_ms, wall_ms) {
                self.backoff.cap(now_ms, PROBE_MS_MAX);
            }
            self.lock.release(now_ms);
        }
    }

    /// Renews the lease while there is work, and releases it afterwards.
    pub(super) fn maintain_lease(&mut self, now_ms: u64) {
        if !self.lease.is_mine() {
            return;
        }
        let wall_ms = self.ports.wall_ms();
        if !self.has_shared_work() {
            self.lease.release(&mut self.ports, &self.keys, now_ms, wall_ms);
        } else if self.lease.due_ms().is_some_and(|due_ms| due_ms <= now_ms) {
            self.lease.renew(&mut self.ports, &self.keys, now_ms, wall_ms);
        }
    }

    /// When the lease must be renewed or released.
    pub(super) fn lease_due_ms(&self, now_ms: u64) -> Option<u64> {
        let due_ms = self.lease.due_ms()?;
        Some(if self.has_shared_work() { due_ms } else { now_ms })
    }

    /// When there is something to send for orphaned producers.
    pub(super) fn adoption_due_ms(&self, now_ms: u64) -> Option<u64> {
        let has_some = || self.orphans.iter().any(|orphans| self.is_sendable(orphans));
        if !self.lease.is_mine() || !self.requests.is_empty() || !has_some() {
            return None;
        }
        Some(self.backoff.until_ms().unwrap_or(now_ms).max(now_ms))
    }

    /// Sends a batch for orphaned producers if this tab has the lease and no request is in flight.
    pub(super) fn send_adopted(&mut self, now_ms: u64) {
        if self.adoption_due_ms(now_ms) != Some(now_ms) {
            return;
        }
        self.apply_consent_withdrawal();
        if self.is_withdrawn() {
            return;
        }
        self.load_block_from_storage();
        let mut texts = String::new();
        let mut adopted = Vec::new();
        let mut notes = Vec::new();
        let (mut events, mut is_unreadable) = (0, false);
        for orphans in self.orphans.clone() {
            if !self.is_sendable(&orphans) {
                continue;
            }
            let is_full = events > 0 && texts.len() >= self.options.batch_bytes_max;
            if is_full || events >= self.events_max {
                break;
            }
            let declared = self.dropped_of(orphans.producer);
            let seqs = self.read_orphaned(&orphans, &declared, &mut events, &mut texts);
            if seqs.is_empty() && declared.is_empty() && !orphans.seqs.is_empty() {
                self.foreign.skip_until(orphans.producer, now_ms + SKIP_MS);
                is_unreadable = true;
                continue;
            }
            let next = orphans.next.max(seqs.last().unwrap_or(0) + 1);
            notes.push((orphans.producer, batch::producer_note(next, &declared)));
            adopted.push(AdoptedEvents { producer: orphans.producer, seqs, declared });
        }
        if is_unreadable {
            self.orphans = self.foreign.orphaned(now_ms);
        }
        if !adopted.is_empty() {
            let id = self.last_request.wrapping_add(1);
            self.send_request(
                id,
                FlushReason::Adopted,
                events,
                &texts,
                &notes,
                RequestContents::Adopted(adopted),
            );
        }
    }

    /// Appends the texts of as many of `orphans` as still fit. Returns their numbers.
    fn read_orphaned(
        &mut self,
        orphans: &OrphanedProducer,
        declared: &DroppedNumbers,
        events: &mut usize,
        texts: &mut String,
    ) -> Ranges {
        let (mut read, mut missing) = (Vec::new(), Vec::new());
        let is_dropped = |seq: &u64| declared.iter().any(|(_, seqs)| seqs.contains(*seq));
        let mut add = |seq: u64, text: &str| {
            let is_full = texts.len() + text.len() > self.options.batch_bytes_max;
            if *events >= self.events_max || (*events > 0 && is_full) {
                return false;
            }
            if *events > 0 {
                texts.push(',');
            }
            texts.push_str(text);
            *events += 1;
            read.push(seq);
            true
        };
        let loaded =
            self.overflow.loaded.iter().filter(|block| block.producer() == orphans.producer);
        let lines = loaded.flat_map(|block| &block.lines).filter(|(seq, _)| !is_dropped(seq));
        let (mut has_room, mut loaded_seqs) = (true, Ranges::new());
        for (seq, text) in lines {
            loaded_seqs.insert(*seq);
            has_room = has_room && add(*seq, text);
        }
        let all = orphans.seqs.as_slice().iter().flat_map(|(from, to)| *from..=*to);
        for seq in all.filter(|seq| !is_dropped(seq) && !loaded_seqs.contains(*seq)) {
            if !has_room {
                break;
            }
            match self.ports.get(&self.keys.event(orphans.producer, seq)) {
                Some(text) => has_room = add(seq, &text),
                None => missing.push(seq),
            }
        }
        self.foreign.forget_events(orphans.producer, &ranges(&missing));
        ranges(&read)
    }

    /// Removes accepted events, and a producer's heartbeat with its last event.
    pub(super) fn accepted_adopted(&mut self, adopted: Vec<AdoptedEvents>) {
        for AdoptedEvents { producer, seqs, declared } in adopted {
            let mut finished = seqs.clone();
            for (_, seqs) in &declared {
                finished.union(seqs);
            }
            for (from, to) in finished.as_slice() {
                for seq in *from..=*to {
                    self.ports.remove(&self.keys.event(producer, seq));
                }
            }
            if let Some(block) =
                self.overflow.loaded.as_mut().filter(|block| block.producer() == producer)
            {
                block.lines.retain(|(seq, _)| !finished.contains(*seq));
            }
            self.finish_loaded_block();
            if self.foreign.forget_events(producer, &finished) {
                self.ports.remove(&self.keys.heartbeat(producer));
                self.foreign.forget_producer(producer);
                self.dropped_orphans.retain(|orphans| orphans.producer != producer);
            }
            self.declaration_accepted(producer, &declared);
            self.counts.adopted += seqs.count();
            if !seqs.is_empty() {
                self.notes.push(Note::Adopted { producer, seqs });
            }
        }
        self.orphans = self.foreign.orphaned(self.ports.monotonic_ms());
    }

    /// Drops the only event of a request.
    pub(super) fn drop_adopted(&mut self, adopted: Vec<AdoptedEvents>, reason: DropReason) {
        for AdoptedEvents { producer, seqs, .. } in adopted {
            let Some(seq) = seqs.last() else { continue };
            self.counts.dropped[reason as usize] += 1;
            self.notes.push(Note::Dropped { producer, seq, reason });
            let known =
                self.dropped_orphans.iter().position(|orphans| orphans.producer == producer);
            let at = known.unwrap_or_else(|| {
                self.dropped_orphans
                    .push(DroppedOrphans { producer, dropped: DroppedNumbers::new() });
                self.dropped_orphans.len() - 1
            });
            batch::add_dropped(&mut self.dropped_orphans[at].dropped, reason, &seqs);
        }
    }

    fn dropped_of(&self, producer: Producer) -> DroppedNumbers {
        let known = self.dropped_orphans.iter().find(|orphans| orphans.producer == producer);
        known.map(|orphans| orphans.dropped.clone()).unwrap_or_default()
    }
}

//! Finding the work that one tab does for all, and deciding which tab does it: scan, lock, lease.

use lamplight_wire::Producer;

use super::FullClient;
use crate::identity::session::Session;
use crate::ports::Ports;
use crate::queue::PageQueue;
use crate::send::backoff::PROBE_MS_MAX;
use crate::tabs::lock::{LockAccess, LockPhase, LockRegister, LockWaits};

/// How often other tabs' keys are scanned, in milliseconds: while there are events anywhere, and
/// otherwise.
const SCAN_MS: u64 = 2_500;
const SCAN_QUIET_MS: u64 = 4_000;

/// Where storage is too full for the lock, one attempt in this many continues without it.
const LOCKLESS_ODDS: u32 = 4;

impl<P: Ports> FullClient<P> {
    /// Takes the list of live producers that [`crate::ports::Liveness::query_locks`] requested.
    pub fn set_live_producers(&mut self, alive: &[Producer]) {
        self.foreign.update_liveness(alive);
        self.lease.update_liveness(alive);
        self.find_orphans();
    }

    /// Scans all keys and counts how much of the storage share other pages take.
    pub(super) fn scan_storage(&mut self, now_ms: u64) {
        self.foreign.scan(&self.core.ports, &self.core.keys, self.core.producer, now_ms);
        let foreign_bytes = self.foreign.bytes();
        self.core.queue.set_foreign_bytes(now_ms, foreign_bytes);
    }

    /// Scans all keys when that is due.
    pub(super) fn scan(&mut self, now_ms: u64) {
        if now_ms < self.scan_due_ms || self.core.is_withdrawn {
            return;
        }
        self.apply_consent_withdrawal();
        if self.core.person.sync(&self.core.ports, &self.core.keys) {
            // Like the person, the session is read from storage again.
            self.core.session = Session::default();
        }
        self.scan_storage(now_ms);
        let was_others = self.lease.is_held_elsewhere(now_ms);
        self.lease.refresh(&self.core.ports, &self.core.keys, now_ms, self.core.ports.wall_ms());
        if was_others && self.lease.holder().is_none() {
            // The lease was released: the tab that retried for all has succeeded, or has left.
            self.core.backoff.retry_now(now_ms);
        }
        let is_quiet = self.foreign.is_empty() && self.core.queue.is_empty();
        self.scan_due_ms = now_ms + if is_quiet { SCAN_QUIET_MS } else { SCAN_MS };
        let holder_is_known = self.lease.is_mine() || self.lease.holder().is_none();
        if self.core.options.liveness && (self.foreign.needs_lock_query(now_ms) || !holder_is_known)
        {
            self.core.ports.query_locks();
        }
        self.find_orphans();
    }

    /// Finds orphaned producers and requests the tab lock if there is shared work and no tab does
    /// it.
    pub(super) fn find_orphans(&mut self) {
        let now_ms = self.core.ports.monotonic_ms();
        self.orphans = self.foreign.orphaned(now_ms);
        self.release_unneeded_block();
        if self.lease.is_mine() {
            return;
        }
        if self.has_shared_work()
            && !self.lease.is_held_elsewhere(now_ms)
            && !self.core.is_suspended
        {
            let settle_ms = self.lag.settle_ms(self.core.options.settle_ms);
            self.lock.request(now_ms, LockWaits::from_settle(settle_ms));
        } else {
            self.lock.release(now_ms);
        }
    }

    /// Whether there is work that one tab should do for all: orphaned events, or retrying a server
    /// that fails.
    fn has_shared_work(&self) -> bool {
        !self.orphans.is_empty() || (self.core.backoff.is_failing() && !self.core.queue.is_empty())
    }

    /// Does the one access of this task, and the critical section if that acquired the lock.
    pub(super) fn step_lock(&mut self, now_ms: u64) {
        let Some(access) = self.lock.next_access(now_ms) else { return };
        let mut is_refused = false;
        let value = match access {
            LockAccess::Read(LockRegister::X) => self.core.ports.get(&self.core.keys.lock_x()),
            LockAccess::Read(LockRegister::Y) => self.core.ports.get(&self.core.keys.lock_y()),
            LockAccess::Write(register, text) => {
                let key = match register {
                    LockRegister::X => self.core.keys.lock_x(),
                    LockRegister::Y => self.core.keys.lock_y(),
                };
                is_refused = self.core.ports.set(&key, &text).is_err();
                None
            }
            LockAccess::RemoveY => {
                self.core.ports.remove(&self.core.keys.lock_y());
                None
            }
        };
        let random = self.core.ports.random_bits();
        self.lock.complete_access(self.core.ports.monotonic_ms(), value.as_deref(), random);
        let is_full = is_refused || self.lock.is_unusable();
        if is_full && !random.is_multiple_of(LOCKLESS_ODDS) {
            // Not every tab at once: the next scan tries again.
            self.lock.release(now_ms);
        } else if is_full || self.lock.phase() == LockPhase::Held {
            let wall_ms = self.core.ports.wall_ms();
            if self.lease.acquire(&mut self.core.ports, &self.core.keys, now_ms, wall_ms) {
                self.core.backoff.cap(now_ms, PROBE_MS_MAX);
            }
            self.lock.release(now_ms);
        }
    }

    /// Renews the lease while there is work, and releases it afterwards.
    pub(super) fn maintain_lease(&mut self, now_ms: u64) {
        if !self.lease.is_mine() {
            return;
        }
        let wall_ms = self.core.ports.wall_ms();
        if !self.has_shared_work() {
            self.lease.release(&mut self.core.ports, &self.core.keys, now_ms, wall_ms);
        } else if self.lease.due_ms().is_some_and(|due_ms| due_ms <= now_ms) {
            self.lease.renew(&mut self.core.ports, &self.core.keys, now_ms, wall_ms);
        }
    }

    /// When the lease must be renewed or released.
    pub(super) fn lease_due_ms(&self, now_ms: u64) -> Option<u64> {
        let due_ms = self.lease.due_ms()?;
        Some(if self.has_shared_work() { due_ms } else { now_ms })
    }

    /// Releases what would keep other tabs from working.
    ///
    /// There may be no later task, so check and removal happen in this one. At worst this removes a
    /// claim that has just replaced ours, and that tab starts again.
    pub(super) fn release_shared_work(&mut self, now_ms: u64) {
        let wall_ms = self.core.ports.wall_ms();
        self.lease.release(&mut self.core.ports, &self.core.keys, now_ms, wall_ms);
        self.lock.release(now_ms);
        while self.lock.due_ms().is_some() {
            self.step_lock(now_ms);
        }
    }
}

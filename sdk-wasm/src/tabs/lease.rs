//! The lease: which tab does the shared work. A tab acquires it under the tab lock and renews it.

use lamplight_wire::{Producer, json};

use crate::keys::StorageKeys;
use crate::ports::Storage;
use crate::text;

/// How often the holder renews the lease, in milliseconds.
const RENEW_MS: u64 = 10_000;
/// How many changes of holder are remembered for `stats()`.
const HISTORY_MAX: usize = 8;

/// A lease as it is stored: `<holder>:<epoch>:<beat>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LeaseRecord {
    holder: Producer,
    epoch: u64,
    beat: u64,
}

impl LeaseRecord {
    fn parse(text: &str) -> Option<Self> {
        let (holder, rest) = text::split_once(text, b':')?;
        let (epoch, beat) = text::split_once(rest, b':')?;
        let holder = Producer::parse(holder)?;
        Some(Self { holder, epoch: text::parse_number(epoch)?, beat: text::parse_number(beat)? })
    }

    fn write(self) -> String {
        let mut text = String::new();
        self.holder.push_to(&mut text);
        for part in [self.epoch, self.beat] {
            text.push(':');
            json::push_integer(&mut text, part);
        }
        text
    }
}

/// A period during which one tab held the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseTenure {
    /// The tab that held it.
    pub holder: Producer,
    /// The number of this lease, counted from 1.
    pub epoch: u64,
    /// When this tab first saw it, in milliseconds since 1970.
    pub since_ms: u64,
}

/// What one tab knows about the lease.
#[derive(Debug)]
pub struct Lease {
    me: Producer,
    stale_ms: u64,
    seen: Option<LeaseRecord>,
    /// When `seen` last changed, by this tab's monotonic clock. No two clocks are ever compared.
    changed_ms: u64,
    /// The holder was missing from the last list of live producers.
    holder_is_gone: bool,
    is_mine: bool,
    /// This tab holds it, but storage was too full to write that down.
    is_unwritten: bool,
    renew_due_ms: u64,
    history: Vec<LeaseTenure>,
}

impl Lease {
    /// An unknown lease. It counts as free when the holder has not renewed it for `stale_ms`.
    pub const fn new(me: Producer, stale_ms: u64) -> Self {
        Self {
            me,
            stale_ms,
            seen: None,
            changed_ms: 0,
            holder_is_gone: false,
            is_mine: false,
            is_unwritten: false,
            renew_due_ms: 0,
            history: Vec::new(),
        }
    }

    /// Whether this tab holds it, as far as it knows.
    pub const fn is_mine(&self) -> bool {
        self.is_mine
    }

    /// Who holds it, as far as this tab knows.
    pub fn holder(&self) -> Option<Producer> {
        self.seen.map(|text| text.holder)
    }

    /// The last holders, oldest first.
    pub fn history(&self) -> &[LeaseTenure] {
        &self.history
    }

    /// Whether another tab holds it and seems alive.
    pub fn is_held_elsewhere(&self, now_ms: u64) -> bool {
        self.seen.is_some_and(|text| text.holder != self.me)
            && !self.holder_is_gone
            && now_ms < self.changed_ms + self.stale_ms
    }

    /// When this tab has to renew it.
    pub fn due_ms(&self) -> Option<u64> {
        self.is_mine.then_some(self.renew_due_ms)
    }

    /// Reads the lease from storage and records what changed.
    pub fn refresh(
        &mut self,
        storage: &impl Storage,
        keys: &StorageKeys,
        now_ms: u64,
        wall_ms: u64,
    ) {
        let text = storage.get(&keys.lease()).and_then(|text| LeaseRecord::parse(&text));
        if text == self.seen {
            return;
        }
        let known = |text: LeaseRecord| (text.holder, text.epoch);
        if let Some(text) = text.filter(|text| self.seen.map(known) != Some(known(*text))) {
            self.holder_is_gone = false;
            if self.history.len() == HISTORY_MAX {
                self.history.remove(0);
            }
            let LeaseRecord { holder, epoch, .. } = text;
            self.history.push(LeaseTenure { holder, epoch, since_ms: wall_ms });
        }
        self.seen = text;
        self.changed_ms = now_ms;
        let is_ours = text.map_or(self.is_unwritten, |text| text.holder == self.me);
        self.is_mine = self.is_mine && is_ours;
    }

    /// Takes the list of live producers.
    pub fn update_liveness(&mut self, alive: &[Producer]) {
        self.holder_is_gone = self.holder().is_some_and(|holder| !alive.contains(&holder));
    }

    /// Acquires the lease if no live tab holds it; returns whether it is ours now.
    ///
    /// Call it inside the lock's critical section. Without the lock it may be called only where
    /// storage is too full for a lock, because then only sending frees space.
    pub fn acquire(
        &mut self,
        storage: &mut impl Storage,
        keys: &StorageKeys,
        now_ms: u64,
        wall_ms: u64,
    ) -> bool {
        self.refresh(storage, keys, now_ms, wall_ms);
        if self.is_held_elsewhere(now_ms) {
            return false;
        }
        let epoch = self.seen.map_or(0, |text| text.epoch) + 1;
        let text = LeaseRecord { holder: self.me, epoch, beat: 1 };
        self.is_unwritten = storage.set(&keys.lease(), &text.write()).is_err();
        self.is_mine = true;
        self.refresh(storage, keys, now_ms, wall_ms);
        self.renew_due_ms = now_ms + RENEW_MS;
        self.is_mine
    }

    /// Renews the lease when that is due. Returns whether it is still ours.
    pub fn renew(
        &mut self,
        storage: &mut impl Storage,
        keys: &StorageKeys,
        now_ms: u64,
        wall_ms: u64,
    ) -> bool {
        self.refresh(storage, keys, now_ms, wall_ms);
        if self.is_mine && now_ms >= self.renew_due_ms {
            self.renew_due_ms = now_ms + RENEW_MS;
            // A lease that storage had no room for has no text.
            if let Some(text) = self.seen {
                let text = LeaseRecord { beat: text.beat + 1, ..text };
                // If storage refuses this write, the lease goes stale and another tab takes over.
                let _ = storage.set(&keys.lease(), &text.write());
                self.refresh(storage, keys, now_ms, wall_ms);
            }
        }
        self.is_mine
    }

    /// Releases the lease if it is still ours.
    pub fn release(
        &mut self,
        storage: &mut impl Storage,
        keys: &StorageKeys,
        now_ms: u64,
        wall_ms: u64,
    ) {
        self.refresh(storage, keys, now_ms, wall_ms);
        if self.is_mine {
            if !self.is_unwritten {
                storage.remove(&keys.lease());
            }
            self.is_mine = false;
            self.is_unwritten = false;
            self.seen = None;
            self.changed_ms = now_ms;
        }
    }
}

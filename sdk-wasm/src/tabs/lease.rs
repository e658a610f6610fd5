//! The lease: who works for the others, apply_consent on under the tab lock and kept alive by a beat.

use lamplight_wire::{Producer, json};

use crate::keys::Keys;
use crate::ports::Storage;
use crate::text;

/// How often a holder moves its beat, in milliseconds.
const RENEW_MS: u64 = 10_000;
/// How many changes of holder are remembered for `stats()`.
const HISTORY_MAX: usize = 8;

/// A lease as it stands in storage: `<holder>:<epoch>:<beat>`.
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

/// Somebody held the lease from some time on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tenure {
    /// Who.
    pub holder: Producer,
    /// The how manieth lease it was.
    pub epoch: u64,
    /// When this tab first saw it, in milliseconds since 1970.
    pub since_ms: u64,
}

/// What one tab knows of the lease.
#[derive(Debug)]
pub struct Lease {
    me: Producer,
    stale_ms: u64,
    seen: Option<LeaseRecord>,
    /// When `seen` last changed, by our own monotonic clock: no two clocks are ever compared.
    changed_ms: u64,
    /// The holder's page was not in the last list of live ones.
    holder_is_gone: bool,
    is_mine: bool,
    /// It is ours, but storage is too full to say so.
    is_unwritten: bool,
    renew_due_ms: u64,
    history: Vec<Tenure>,
}

impl Lease {
    /// Nothing is known yet. A beat that stands still for `stale_ms` frees the lease.
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
    pub fn history(&self) -> &[Tenure] {
        &self.history
    }

    /// Whether somebody else holds it and seems alive.
    pub fn is_held_elsewhere(&self, now_ms: u64) -> bool {
        self.seen.is_some_and(|text| text.holder != self.me)
            && !self.holder_is_gone
            && now_ms < self.changed_ms + self.stale_ms
    }

    /// When the holder's beat is due.
    pub fn due_ms(&self) -> Option<u64> {
        self.is_mine.then_some(self.renew_due_ms)
    }

    /// Reads the lease and notes what changed.
    pub fn refresh(&mut self, storage: &impl Storage, keys: &Keys, now_ms: u64, wall_ms: u64) {
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
            self.history.push(Tenure { holder, epoch, since_ms: wall_ms });
        }
        self.seen = text;
        self.changed_ms = now_ms;
        let is_ours = text.map_or(self.is_unwritten, |text| text.holder == self.me);
        self.is_mine = self.is_mine && is_ours;
    }

    /// Notes who is alive.
    pub fn update_liveness(&mut self, alive: &[Producer]) {
        self.holder_is_gone = self.holder().is_some_and(|holder| !alive.contains(&holder));
    }

    /// Takes the lease if nobody alive has it. Inside the lock's section; or without the lock where storage is too full
    /// for one, because then only sending makes room again. Says whether it is ours now.
    pub fn acquire(
        &mut self,
        storage: &mut impl Storage,
        keys: &Keys,
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

    /// Moves the beat on when it is due. Says whether the lease is still ours.
    pub fn renew(
        &mut self,
        storage: &mut impl Storage,
        keys: &Keys,
        now_ms: u64,
        wall_ms: u64,
    ) -> bool {
        self.refresh(storage, keys, now_ms, wall_ms);
        if let Some(text) = self.seen.filter(|_| self.is_mine && now_ms >= self.renew_due_ms) {
            let text = LeaseRecord { beat: text.beat + 1, ..text };
            // A beat that storage refuses only makes the lease go stale.
            let _ = storage.set(&keys.lease(), &text.write());
            self.renew_due_ms = now_ms + RENEW_MS;
            self.refresh(storage, keys, now_ms, wall_ms);
        }
        self.is_mine
    }

    /// Gives the lease back if it is still ours.
    pub fn release(&mut self, storage: &mut impl Storage, keys: &Keys, now_ms: u64, wall_ms: u64) {
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

//! The tab lock: Lamport's fast mutex as a pure state machine.
//!
//! Algorithm 1 (the timing form) of L. Lamport, "A Fast Mutual Exclusion Algorithm", ACM
//! Transactions on Computer Systems 5(1), 1987:
//!
//! ```text
//! start: x := i;
//!        if y ≠ 0 then goto start;
//!        y := i;
//!        if x ≠ i then delay; if y ≠ i then goto start;
//!        critical section;
//!        y := 0
//! ```
//!
//! It is adapted to localStorage, a register whose writes other tabs see late:
//!
//! - one storage access per task;
//! - a settle time T after each write before anything is read;
//! - `y` is read once more just before acting;
//! - a wait that ends more than T late means that the tab was paused, so the algorithm starts
//!   again.
//!
//! The lock only saves work. Correctness never rests on it: two holders cost a duplicate on the
//! wire.

use lamplight_wire::{Producer, json};

use crate::text;

/// The longest critical section, in milliseconds.
pub const SECTION_MS_MAX: u64 = 500;

/// After this many claims in a row that vanished although no other tab replaced them, storage does
/// not keep what is written.
const VANISHED_MAX: u32 = 4;

/// One of the two shared registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LockRegister {
    /// The tab that requested the lock last.
    X,
    /// The tab that holds the lock, or is about to.
    Y,
}

/// The one storage access of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockAccess {
    /// Read the register and pass its value on.
    Read(LockRegister),
    /// Write this text into the register.
    Write(LockRegister, String),
    /// Remove register Y.
    RemoveY,
}

/// The state of one tab in the algorithm. Each phase is named after the access that comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LockPhase {
    /// The tab does not want the lock.
    Idle,
    /// `x := i`.
    WriteX,
    /// `if y ≠ 0`, after the settle time.
    ReadY,
    /// `y := i`, in the next task.
    WriteY,
    /// `if x ≠ i`, after the settle time.
    ReadX,
    /// `if y ≠ i`: in the next task without contention, otherwise after the delay.
    CheckY,
    /// The critical section may run.
    Held,
    /// Before `y := 0`: reads whether `y` is still ours.
    ReleaseCheck,
    /// `y := 0`.
    Release,
}

impl LockPhase {
    /// Every name.
    pub const NAMES: [&'static str; 6] =
        ["idle", "requesting", "claiming", "checking", "held", "releasing"];

    /// The name that `stats()` shows.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::WriteX | Self::ReadY => "requesting",
            Self::WriteY | Self::ReadX => "claiming",
            Self::CheckY => "checking",
            Self::Held => "held",
            Self::ReleaseCheck | Self::Release => "releasing",
        }
    }
}

/// How long the waits of the lock are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LockWaits {
    /// The settle time T, in milliseconds.
    pub settle_ms: u64,
    /// The delay D on contention, in milliseconds.
    pub delay_ms: u64,
}

impl LockWaits {
    /// The waits for a settle time: D is T plus the longest critical section.
    pub const fn from_settle(settle_ms: u64) -> Self {
        Self { settle_ms, delay_ms: settle_ms + SECTION_MS_MAX }
    }
}

/// One tab's view of the lock.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lock {
    me: Producer,
    attempt: u64,
    waits: LockWaits,
    phase: LockPhase,
    due_ms: u64,
    /// Another tab's `y` as last read, and when it first had this value.
    seen: Option<(String, u64)>,
    /// How many of this tab's claims in a row vanished without another tab's claim in their place.
    vanished: u32,
}

impl Lock {
    /// A lock for the tab named `me`, which does not want it yet.
    pub const fn new(me: Producer) -> Self {
        let waits = LockWaits::from_settle(0);
        Self { me, attempt: 0, waits, phase: LockPhase::Idle, due_ms: 0, seen: None, vanished: 0 }
    }

    /// The current phase.
    pub const fn phase(&self) -> LockPhase {
        self.phase
    }

    /// Whether storage loses what is written because it is full. No tab can get the lock then.
    pub const fn is_unusable(&self) -> bool {
        self.vanished >= VANISHED_MAX
    }

    /// When the next access is due, by the monotonic clock.
    pub fn due_ms(&self) -> Option<u64> {
        (!matches!(self.phase, LockPhase::Idle | LockPhase::Held)).then_some(self.due_ms)
    }

    /// Starts to acquire the lock, unless that is already under way.
    pub fn request(&mut self, now_ms: u64, waits: LockWaits) {
        if self.phase == LockPhase::Idle {
            self.waits = waits;
            self.restart(now_ms);
        }
    }

    /// Releases the lock, or stops acquiring it.
    pub fn release(&mut self, now_ms: u64) {
        self.due_ms = now_ms;
        if self.is_unusable() {
            // Sending frees space, so the next attempt starts normally.
            self.vanished = 0;
        }
        self.phase = match self.phase {
            // `y` may be ours already.
            LockPhase::ReadX
            | LockPhase::CheckY
            | LockPhase::Held
            | LockPhase::ReleaseCheck
            | LockPhase::Release => LockPhase::ReleaseCheck,
            LockPhase::Idle | LockPhase::WriteX | LockPhase::ReadY | LockPhase::WriteY => {
                LockPhase::Idle
            }
        };
    }

    /// The access that is due at `now_ms`, if any. Do it and call [`Lock::complete_access`] in the
    /// same task.
    pub fn next_access(&mut self, now_ms: u64) -> Option<LockAccess> {
        if self.due_ms()? > now_ms {
            return None;
        }
        if self.missed_deadline(now_ms) {
            self.restart(now_ms);
        }
        Some(match self.phase {
            LockPhase::WriteX => LockAccess::Write(LockRegister::X, self.claim()),
            LockPhase::WriteY => LockAccess::Write(LockRegister::Y, self.claim()),
            LockPhase::ReadX => LockAccess::Read(LockRegister::X),
            LockPhase::Release => LockAccess::RemoveY,
            _ => LockAccess::Read(LockRegister::Y),
        })
    }

    /// Takes the value that the access read (`None` for an empty register and after a write) and
    /// advances. `random` spreads the back-off. If [`Lock::phase`] is [`LockPhase::Held`]
    /// afterwards, run the critical section now.
    pub fn complete_access(&mut self, now_ms: u64, value: Option<&str>, random: u32) {
        if self.missed_deadline(now_ms) {
            self.restart(now_ms);
            return;
        }
        let mine = value == Some(self.claim().as_str());
        let is_free = self.phase == LockPhase::ReadY && self.is_free(value, now_ms);
        if self.phase == LockPhase::CheckY {
            // Storage over its quota restores the previous value: none, an earlier claim of ours,
            // or a dead holder's.
            let before = self.seen.as_ref().map(|(text, _)| text.as_str());
            let is_earlier = self.is_own_claim(value) && !mine;
            let is_put_back = value.is_none() || value == before || is_earlier;
            self.vanished = if is_put_back { self.vanished + 1 } else { 0 };
        }
        match self.phase {
            LockPhase::WriteX => self.enter(LockPhase::ReadY, now_ms + self.waits.settle_ms),
            LockPhase::ReadY if is_free => self.enter(LockPhase::WriteY, now_ms),
            LockPhase::WriteY => self.enter(LockPhase::ReadX, now_ms + self.waits.settle_ms),
            LockPhase::ReadX if mine => self.enter(LockPhase::CheckY, now_ms),
            LockPhase::ReadX => self.enter(LockPhase::CheckY, now_ms + self.waits.delay_ms),
            LockPhase::CheckY if mine => self.phase = LockPhase::Held,
            LockPhase::ReadY | LockPhase::CheckY => {
                let settle_ms = self.waits.settle_ms;
                let spread_ms = u64::from(random) % (3 * settle_ms + 1);
                self.restart(now_ms + settle_ms + spread_ms);
            }
            LockPhase::ReleaseCheck if self.is_own_claim(value) => {
                self.enter(LockPhase::Release, now_ms);
            }
            LockPhase::ReleaseCheck | LockPhase::Release => self.phase = LockPhase::Idle,
            LockPhase::Idle | LockPhase::Held => {}
        }
    }

    fn enter(&mut self, phase: LockPhase, due_ms: u64) {
        self.phase = phase;
        self.due_ms = due_ms;
    }

    fn restart(&mut self, due_ms: u64) {
        self.attempt += 1;
        self.enter(LockPhase::WriteX, due_ms);
    }

    /// Whether the tab was paused during a wait that other tabs rely on. Starting late and
    /// releasing late are harmless.
    fn missed_deadline(&self, now_ms: u64) -> bool {
        !matches!(self.phase, LockPhase::WriteX | LockPhase::ReleaseCheck | LockPhase::Release)
            && self.due_ms().is_some_and(|due_ms| now_ms > due_ms + self.waits.settle_ms)
    }

    /// `<producer>.<attempt>.<T>`: the attempt makes every claim unique, T tells other tabs how
    /// long a claim lasts.
    fn claim(&self) -> String {
        let mut name = String::new();
        self.me.push_to(&mut name);
        for part in [self.attempt, self.waits.settle_ms] {
            name.push('.');
            json::push_integer(&mut name, part);
        }
        name
    }

    fn is_own_claim(&self, value: Option<&str>) -> bool {
        value.and_then(parse_claim).is_some_and(|(holder, _)| holder == self.me)
    }

    /// Whether no live tab claims `y`: it is empty, left by an earlier attempt of ours, or a dead
    /// holder's. A holder is dead when its claim has stayed the same for longer than a live tab can
    /// keep it.
    fn is_free(&mut self, value: Option<&str>, now_ms: u64) -> bool {
        let Some(value) = value.filter(|value| !self.is_own_claim(Some(value))) else {
            self.seen = None;
            return true;
        };
        match &self.seen {
            Some((seen, since_ms)) if seen == value => {
                let settle_ms = parse_claim(value).map_or(0, |(_, settle_ms)| settle_ms);
                now_ms > since_ms + stale_ms(settle_ms.max(self.waits.settle_ms))
            }
            _ => {
                self.seen = Some((String::from(value), now_ms));
                false
            }
        }
    }
}

/// The producer that made a claim, and its settle time.
fn parse_claim(name: &str) -> Option<(Producer, u64)> {
    let (holder, rest) = text::split_once(name, b'.')?;
    let (_, settle_ms) = text::split_once(rest, b'.')?;
    Some((Producer::parse(holder)?, text::parse_number(settle_ms)?))
}

/// A claim lasts for T to settle, D on contention, the critical section, and up to T of lateness
/// for each of the three.
const fn stale_ms(settle_ms: u64) -> u64 {
    5 * settle_ms + 2 * SECTION_MS_MAX
}

#[cfg(test)]
mod tests;

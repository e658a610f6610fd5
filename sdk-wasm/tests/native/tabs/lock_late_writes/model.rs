//! The states of the model, and every step from one to the next.

use std::collections::VecDeque;

use lamplight_sdk::tabs::lock::{Lock, LockAccess, LockPhase, LockRegister, LockWaits};
use lamplight_wire::Producer;

/// The longest critical section, in units of the model's time.
pub(super) const SECTION: u64 = 1;
pub(super) const SETTLE: u64 = 2;
/// The longest time until a write is everywhere: less than the settle time.
pub(super) const DELAY: u64 = 1;
pub(super) const WAITS: LockWaits = LockWaits { settle_ms: SETTLE, delay_ms: SETTLE + SECTION };

/// What a broken lock does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// It never writes X.
    XNotWritten,
    /// It acts as if X were always its own.
    XNotRead,
    /// It reads Y right after it wrote X.
    NoWaitAfterX,
    /// It reads X right after it wrote Y.
    NoWaitAfterY,
    /// It does not look at Y again before it acts.
    YNotReadAgain,
    /// It does not notice that it was paused.
    PauseUnnoticed,
}

/// A claim, shorter than its text: its tab and the tab's attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Claim {
    tab: u8,
    attempt: u8,
}

/// A write on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Write {
    by: u8,
    register: LockRegister,
    value: Option<Claim>,
    at: u64,
}

/// What the last look at Y showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct LastRead(Option<Claim>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Tab {
    lock: Lock,
    /// How far its clock is off, because a fault hides the time from it.
    skew: i64,
    /// Its copies of X and Y.
    copy: [Option<Claim>; 2],
    /// Its writes that have not reached the browser.
    out: VecDeque<Write>,
    /// Writes that the browser has ordered and that have not reached it.
    inbox: VecDeque<Write>,
    /// The last claim that it wrote into Y.
    claim: Option<Claim>,
    /// It has read Y for the last time and not acted yet.
    read: Option<LastRead>,
    pub(super) held_since: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) now: u64,
    pub(super) tabs: Vec<Tab>,
}

impl Claim {
    fn parse(at: usize, text: &str) -> Self {
        let attempt = text.split('.').nth(1).unwrap().parse().unwrap();
        Self { tab: u8::try_from(at).unwrap(), attempt }
    }

    fn text(self) -> String {
        format!("{}.{}.{SETTLE}", producer(self.tab), self.attempt)
    }
}

const fn producer(tab: u8) -> Producer {
    Producer::from_bits(tab as u128 + 1)
}

const fn index(register: LockRegister) -> usize {
    match register {
        LockRegister::X => 0,
        LockRegister::Y => 1,
    }
}

impl Tab {
    fn clock(&self, now: u64) -> u64 {
        now.saturating_add_signed(self.skew)
    }

    /// Whether its own write of this register is still under way.
    fn has_pending(&self, at: usize, register: LockRegister) -> bool {
        let is_own = |write: &Write| usize::from(write.by) == at && write.register == register;
        self.out.iter().chain(&self.inbox).any(is_own)
    }

    /// The oldest write that the browser has ordered arrives.
    fn receive(&mut self, at: usize) {
        if let Some(write) = self.inbox.pop_front()
            && !self.has_pending(at, write.register)
        {
            self.copy[index(write.register)] = write.value;
        }
        self.skip_own(at);
    }

    /// The tab has seen its own writes already.
    fn skip_own(&mut self, at: usize) {
        while self.inbox.front().is_some_and(|write| usize::from(write.by) == at) {
            self.inbox.pop_front();
        }
    }

    /// Hides time from the lock, as the fault does.
    fn hide_time(&mut self, now: u64, fault: Fault) {
        let Some(due) = self.lock.due_ms() else { return };
        let (clock, phase) = (self.clock(now), self.lock.phase());
        let is_skipped = matches!(
            (fault, phase),
            (Fault::NoWaitAfterX, LockPhase::ReadY) | (Fault::NoWaitAfterY, LockPhase::ReadX)
        );
        let is_late = fault == Fault::PauseUnnoticed && clock > due + SETTLE;
        let shown = if is_skipped && clock < due {
            due
        } else if is_late {
            due + SETTLE
        } else {
            clock
        };
        self.skew += i64::try_from(shown).unwrap() - i64::try_from(clock).unwrap();
    }
}

impl State {
    pub(super) fn start(tabs: u8) -> Self {
        let tabs = (0..tabs).map(|tab| {
            let mut lock = Lock::new(producer(tab));
            lock.request(0, WAITS);
            Tab {
                lock,
                skew: 0,
                copy: [None, None],
                out: VecDeque::new(),
                inbox: VecDeque::new(),
                claim: None,
                read: None,
                held_since: None,
            }
        });
        Self { now: 0, tabs: tabs.collect() }
    }

    /// Every possible next state.
    pub(super) fn next(
        &self,
        fault: Fault,
        orders_at_once: bool,
        horizon: u64,
        out: &mut Vec<Self>,
    ) {
        let mut may_wait = self.now < horizon;
        for (at, tab) in self.tabs.iter().enumerate() {
            if let Some(write) = tab.out.front() {
                out.push(self.order(at));
                may_wait &= self.now < write.at + DELAY;
            }
            if let Some(since) = tab.held_since {
                out.push(self.release(at));
                may_wait &= self.now < since + SECTION;
                continue;
            }
            let mut seen = tab.clone();
            seen.hide_time(self.now, fault);
            let clock = seen.clock(self.now);
            if let Some(due) = seen.lock.due_ms().filter(|due| *due <= clock) {
                let reads = matches!(
                    seen.lock.phase(),
                    LockPhase::ReadX
                        | LockPhase::ReadY
                        | LockPhase::CheckY
                        | LockPhase::ReleaseCheck
                );
                let arrivals = if reads && tab.read.is_none() { tab.inbox.len() } else { 0 };
                let mut before = self.clone();
                out.push(before.step(at, fault, orders_at_once));
                for _ in 0..arrivals {
                    before.tabs[at].receive(at);
                    out.push(before.step(at, fault, orders_at_once));
                }
                // Waiting any longer is the same as starting again; with a hidden pause, the model
                // looks at one more unit of time than a section takes.
                let more =
                    if fault == Fault::PauseUnnoticed { 2 * SETTLE + SECTION } else { SETTLE };
                may_wait &= tab.clock(self.now) <= due + more;
            }
        }
        if may_wait {
            let mut next = self.clone();
            for (at, tab) in next.tabs.iter_mut().enumerate() {
                while tab.inbox.front().is_some_and(|write| write.at + DELAY <= self.now) {
                    tab.receive(at);
                }
            }
            next.now += 1;
            out.push(next);
        }
    }

    /// The browser receives the oldest write of a tab and puts it after all others.
    fn order(&self, at: usize) -> Self {
        let mut next = self.clone();
        if let Some(write) = next.tabs[at].out.pop_front() {
            for (at, tab) in next.tabs.iter_mut().enumerate() {
                tab.inbox.push_back(write);
                tab.skip_own(at);
            }
        }
        next
    }

    fn step(&self, at: usize, fault: Fault, orders_at_once: bool) -> Self {
        let mut next = self.clone();
        let now = self.now;
        let tab = &mut next.tabs[at];
        tab.hide_time(now, fault);
        let clock = tab.clock(now);
        let value = if let Some(LastRead(value)) = tab.read.take() {
            value
        } else {
            let Some(access) = tab.lock.next_access(clock) else { return next };
            let write = |tab: &mut Tab, register, value: Option<Claim>| {
                if register == LockRegister::X && fault == Fault::XNotWritten {
                    return;
                }
                tab.copy[index(register)] = value;
                let by = u8::try_from(at).unwrap();
                tab.out.push_back(Write { by, register, value, at: now });
            };
            match access {
                LockAccess::Read(register) => {
                    let is_last = tab.lock.phase() == LockPhase::CheckY;
                    let is_x = register == LockRegister::X;
                    if (is_last && fault == Fault::YNotReadAgain)
                        || (is_x && fault == Fault::XNotRead)
                    {
                        tab.claim
                    } else if is_last {
                        // What follows happens now or after a pause.
                        tab.read = Some(LastRead(tab.copy[index(register)]));
                        return next;
                    } else {
                        tab.copy[index(register)]
                    }
                }
                LockAccess::Write(register, name) => {
                    let claim = Claim::parse(at, &name);
                    assert_eq!(claim.text(), name);
                    if register == LockRegister::Y {
                        tab.claim = Some(claim);
                    }
                    write(tab, register, Some(claim));
                    None
                }
                LockAccess::RemoveY => {
                    write(tab, LockRegister::Y, None);
                    None
                }
            }
        };
        tab.lock.complete_access(clock, value.map(Claim::text).as_deref(), 0);
        if tab.lock.phase() == LockPhase::Held {
            tab.held_since = Some(now);
        }
        if orders_at_once { next.order(at) } else { next }
    }

    fn release(&self, at: usize) -> Self {
        let mut next = self.clone();
        let tab = &mut next.tabs[at];
        tab.held_since = None;
        let clock = tab.clock(self.now);
        tab.lock.release(clock);
        next
    }
}

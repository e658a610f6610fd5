//! Every interleaving of tabs that want the tab lock, on registers as localStorage has them: each
//! tab has its own copy, and a write arrives late.
//!
//! A tab's writes reach the browser in order; the browser puts all writes into one order and passes
//! them on to each tab in that order. A tab does not see another tab's write of a key while its own
//! write of it is under way, because its own comes later. A write is everywhere in less than the
//! settle time. Each step on the way happens at any time until then. What arrives matters only when
//! the tab reads, so the model lets any number of writes arrive right before a read.
//!
//! Time is a counter, as in `lock_interleavings`. A tab may come late by any time, and it may be
//! paused between the last look at Y and the critical section.
#![allow(clippy::print_stdout, reason = "it prints how many states were visited")]

use std::collections::{HashSet, VecDeque};

use lamplight_sdk::tabs::lock::{Lock, LockAccess, LockPhase, LockRegister, LockWaits};
use lamplight_wire::Producer;

/// The longest critical section, in units of the model's time.
const SECTION: u64 = 1;
const SETTLE: u64 = 2;
/// The longest time until a write is everywhere: less than the settle time.
const DELAY: u64 = 1;
const WAITS: LockWaits = LockWaits { settle_ms: SETTLE, delay_ms: SETTLE + SECTION };

/// What a broken lock does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
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
struct Tab {
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
    held_since: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    now: u64,
    tabs: Vec<Tab>,
}

/// The result of visiting every state.
#[derive(Debug, Default)]
struct Exploration {
    states: usize,
    /// States with two holders.
    overlaps: usize,
    /// The earliest time at which a tab held the lock.
    first_held: Option<u64>,
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
    fn start(tabs: u8) -> Self {
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
    fn next(&self, fault: Fault, orders_at_once: bool, horizon: u64, out: &mut Vec<Self>) {
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

/// Visits every state up to the horizon, or until one with two holders. With `orders_at_once`, the
/// browser puts writes into the order in which they were made.
fn explore(tabs: u8, fault: Fault, orders_at_once: bool, horizon: u64) -> Exploration {
    let mut found = Exploration::default();
    let mut seen = HashSet::new();
    let mut open = VecDeque::from([State::start(tabs)]);
    let mut next = Vec::new();
    while let Some(state) = open.pop_front() {
        if !seen.insert(state.clone()) {
            continue;
        }
        found.states += 1;
        let holders = state.tabs.iter().filter(|tab| tab.held_since.is_some()).count();
        if holders > 0 && found.first_held.is_none_or(|first| state.now < first) {
            found.first_held = Some(state.now);
        }
        if holders > 1 {
            found.overlaps += 1;
            break;
        }
        state.next(fault, orders_at_once, horizon, &mut next);
        open.extend(next.drain(..));
    }
    println!("{tabs} tabs, {fault:?}: {found:?}");
    found
}

#[test]
fn two_tabs_exclude_each_other_although_writes_arrive_late() {
    let found = explore(2, Fault::None, false, 11);
    assert_eq!((found.overlaps, found.first_held), (0, Some(2 * SETTLE)));
}

#[test]
fn three_tabs_exclude_each_other_although_writes_arrive_late() {
    let found = explore(3, Fault::None, true, 7);
    assert_eq!((found.overlaps, found.first_held), (0, Some(2 * SETTLE)));
}

#[test]
fn each_part_of_the_lock_is_needed() {
    for fault in [
        Fault::XNotRead,
        Fault::NoWaitAfterX,
        Fault::NoWaitAfterY,
        Fault::YNotReadAgain,
        Fault::PauseUnnoticed,
    ] {
        assert!(explore(2, fault, false, 14).overlaps > 0, "{fault:?} costs nothing");
    }
    // Who does not write X cannot know that it is alone.
    let found = explore(2, Fault::XNotWritten, false, 9);
    assert_eq!(found.first_held, Some(2 * SETTLE + WAITS.delay_ms));
}

//! Every interleaving of two and three tabs that want the tab lock, on atomic registers.
//!
//! Time is a counter. At any time, any tab whose access is due may make it, in any order, or come
//! late. A tab that comes later than the settle time notices it and starts again. A holder's
//! critical section lasts any time up to its limit. Every state up to a horizon is visited once.
#![allow(clippy::print_stdout, reason = "it prints how many states were visited")]

use std::collections::{HashSet, VecDeque};

use lamplight_sdk::tabs::lock::{Lock, LockAccess, LockPhase, LockRegister, LockWaits};
use lamplight_wire::Producer;

/// The longest critical section, in units of the model's time.
const SECTION: u64 = 1;
const SETTLE: u64 = 2;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Tab {
    lock: Lock,
    held_since: Option<u64>,
    has_held: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    now: u64,
    x: Option<String>,
    y: Option<String>,
    tabs: Vec<Tab>,
}

/// The result of visiting every state.
#[derive(Debug, Default)]
struct Exploration {
    states: usize,
    /// States with two holders.
    overlaps: usize,
    /// States at the horizon in which some tab has held the lock, and in which none has.
    with_holder: usize,
    without_holder: usize,
}

impl State {
    fn start(tabs: u128, waits: LockWaits) -> Self {
        let tabs = (1..=tabs).map(|bits| {
            let mut lock = Lock::new(Producer::from_bits(bits));
            lock.request(0, waits);
            Tab { lock, held_since: None, has_held: false }
        });
        Self { now: 0, x: None, y: None, tabs: tabs.collect() }
    }

    /// Every possible next state.
    fn next(&self, waits: LockWaits, horizon: u64, out: &mut Vec<Self>) {
        let mut may_wait = self.now < horizon;
        for (at, tab) in self.tabs.iter().enumerate() {
            if let Some(since) = tab.held_since {
                out.push(self.release(at));
                may_wait &= self.now < since + SECTION;
            } else if let Some(due) = tab.lock.due_ms().filter(|due| *due <= self.now) {
                out.push(self.step(at));
                // Waiting any longer is the same as starting again.
                may_wait &= self.now <= due + waits.settle_ms;
            }
        }
        if may_wait {
            out.push(Self { now: self.now + 1, ..self.clone() });
        }
    }

    fn step(&self, at: usize) -> Self {
        let mut next = self.clone();
        let tab = &mut next.tabs[at];
        let Some(access) = tab.lock.next_access(self.now) else { return next };
        let value = match access {
            LockAccess::Read(LockRegister::X) => next.x.clone(),
            LockAccess::Read(LockRegister::Y) => next.y.clone(),
            LockAccess::Write(LockRegister::X, name) => {
                next.x = Some(name);
                None
            }
            LockAccess::Write(LockRegister::Y, name) => {
                next.y = Some(name);
                None
            }
            LockAccess::RemoveY => {
                next.y = None;
                None
            }
        };
        tab.lock.complete_access(self.now, value.as_deref(), 0);
        if tab.lock.phase() == LockPhase::Held {
            tab.held_since = Some(self.now);
            tab.has_held = true;
        }
        next
    }

    fn release(&self, at: usize) -> Self {
        let mut next = self.clone();
        next.tabs[at].held_since = None;
        next.tabs[at].lock.release(self.now);
        next
    }
}

/// Visits every state up to the horizon, or until one with two holders if `until_overlap`.
fn explore(tabs: u128, waits: LockWaits, horizon: u64, until_overlap: bool) -> Exploration {
    let mut found = Exploration::default();
    let mut seen = HashSet::new();
    let mut open = VecDeque::from([State::start(tabs, waits)]);
    let mut next = Vec::new();
    while let Some(state) = open.pop_front() {
        if seen.contains(&state) {
            continue;
        }
        found.states += 1;
        found.overlaps +=
            usize::from(state.tabs.iter().filter(|tab| tab.held_since.is_some()).count() > 1);
        if until_overlap && found.overlaps > 0 {
            break;
        }
        if state.now == horizon {
            let has_holder = state.tabs.iter().any(|tab| tab.has_held);
            found.with_holder += usize::from(has_holder);
            found.without_holder += usize::from(!has_holder);
        }
        state.next(waits, horizon, &mut next);
        open.extend(next.drain(..));
        seen.insert(state);
    }
    println!("{tabs} tabs: {found:?}");
    found
}

const WAITS: LockWaits = LockWaits { settle_ms: SETTLE, delay_ms: SETTLE + SECTION };

#[test]
fn two_tabs_never_hold_the_lock_at_once() {
    let found = explore(2, WAITS, 18, false);
    assert_eq!(found.overlaps, 0);
    assert!(found.with_holder > 0, "no tab ever held the lock, so the model proves nothing");
}

#[test]
fn three_tabs_never_hold_the_lock_at_once() {
    let found = explore(3, WAITS, 8, false);
    assert_eq!(found.overlaps, 0);
    assert!(found.with_holder > 0, "no tab ever held the lock, so the model proves nothing");
}

#[test]
fn without_the_settle_time_two_tabs_hold_the_lock_at_once() {
    let found = explore(2, LockWaits { settle_ms: 0, delay_ms: 0 }, 6, true);
    assert!(found.overlaps > 0, "the model cannot tell a working lock from a broken one");
}

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

mod model;

use std::collections::{HashSet, VecDeque};

use model::{Fault, SETTLE, State, WAITS};

/// The result of visiting every state.
#[derive(Debug, Default)]
struct Exploration {
    states: usize,
    /// States with two holders.
    overlaps: usize,
    /// The earliest time at which a tab held the lock.
    first_held: Option<u64>,
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

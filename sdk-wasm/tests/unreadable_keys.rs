//! Keys that a page sees listed and cannot read, as Firefox has at times, are left to pages that can.
#![cfg(not(target_arch = "wasm32"))]

mod origin;

use lamplight_sdk::options::Options;
use origin::{World, down, well};

/// Two tabs that are gone and left three events each, and one that lives; the keys of the first one's events.
fn orphaned() -> (World, String) {
    let mut world =
        World::new(Options { adopt_after_ms: 500, beat_stale_ms: 1_000, ..Options::default() });
    for _ in 0..2 {
        let gone = world.open();
        world.track(gone, 3);
    }
    let first = world.clients[0].producer();
    world.pass(100, &down());
    world.clients.clear();
    world.open();
    let mut start = String::new();
    first.push_to(&mut start);
    let origin = world.origin.borrow();
    let key = origin.values.keys().find(|key| key.contains(":q:") && key.contains(&start)).cloned();
    drop(origin);
    let key = key.unwrap_or_default();
    assert!(!key.is_empty());
    (world, key.trim_end_matches(|letter: char| letter != ':').to_owned())
}

fn left(world: &World, start: &str) -> usize {
    world.origin.borrow().values.keys().filter(|key| key.starts_with(start)).count()
}

#[test]
fn they_hold_up_nobody_else_s_events_and_stay_where_they_are() {
    let (mut world, start) = orphaned();
    world.clients[0].ports().unreadable = Some(start.clone());
    world.pass(30_000, &well());
    assert_eq!(left(&world, &start), 3);
    let events = world.origin.borrow().values.keys().filter(|key| key.contains(":q:")).count();
    assert_eq!(events, 3, "the other tab's events were not delivered");
}

#[test]
fn a_page_that_can_read_them_delivers_them_although_another_was_first_to_work_for_the_others() {
    let (mut world, start) = orphaned();
    world.clients[0].ports().unreadable = Some(start.clone());
    world.pass(3_000, &well());
    world.open();
    world.pass(30_000, &well());
    assert_eq!(left(&world, &start), 0);
}

#[test]
fn the_page_that_could_not_read_them_looks_again_after_a_minute() {
    let (mut world, start) = orphaned();
    world.clients[0].ports().unreadable = Some(start.clone());
    world.pass(30_000, &well());
    world.clients[0].ports().unreadable = None;
    world.pass(10_000, &well());
    assert_eq!(left(&world, &start), 3);
    world.pass(60_000, &well());
    assert_eq!(left(&world, &start), 0);
}

//! Keys that a page sees listed and cannot read, as Firefox has at times, are left to pages that can.

use crate::origin::{World, down, well};
use lamplight_sdk::options::Options;

/// Two tabs that are gone and left three events each, and one that lives; what the keys of one tab's events begin with: of
/// the one whose keys come first, or of the other.
fn orphaned(is_first: bool) -> (World, String) {
    let options = Options { adopt_after_ms: 500, beat_stale_ms: 1_000, ..Options::default() };
    let mut world = World::new(options);
    for _ in 0..2 {
        let gone = world.open();
        world.track(gone, 3);
    }
    world.pass(100, &down());
    world.clients.clear();
    world.open();
    let origin = world.origin.borrow();
    let mut keys = origin.values.keys().filter(|key| key.contains(":q:"));
    let key = if is_first { keys.next() } else { keys.next_back() }.cloned().unwrap_or_default();
    drop(origin);
    assert!(!key.is_empty());
    (world, key.trim_end_matches(|letter: char| letter != ':').to_owned())
}

fn left(world: &World, start: &str) -> usize {
    world.origin.borrow().values.keys().filter(|key| key.starts_with(start)).count()
}

#[test]
fn they_hold_up_nobody_else_s_events_and_stay_where_they_are() {
    for is_first in [true, false] {
        let (mut world, start) = orphaned(is_first);
        world.clients[0].ports().unreadable = Some(start.clone());
        world.pass(30_000, &well());
        assert_eq!(left(&world, &start), 3);
        let events = world.origin.borrow().values.keys().filter(|key| key.contains(":q:")).count();
        assert_eq!(events, 3, "the other tab's events were not delivered");
    }
}

#[test]
fn a_page_that_can_read_them_delivers_them_although_another_was_first_to_work_for_the_others() {
    let (mut world, start) = orphaned(true);
    world.clients[0].ports().unreadable = Some(start.clone());
    world.pass(3_000, &well());
    world.open();
    world.pass(30_000, &well());
    assert_eq!(left(&world, &start), 0);
}

#[test]
fn the_page_that_could_not_read_them_looks_again_after_a_minute() {
    let (mut world, start) = orphaned(true);
    world.clients[0].ports().unreadable = Some(start.clone());
    world.pass(30_000, &well());
    world.clients[0].ports().unreadable = None;
    world.pass(10_000, &well());
    assert_eq!(left(&world, &start), 3);
    world.pass(60_000, &well());
    assert_eq!(left(&world, &start), 0);
}

//! Keys that a page sees listed but cannot read, as Firefox has at times, are left to pages that
//! can.

use crate::origin::{TestTabs, accepted, failing};
use lamplight_sdk::client::Client;
use lamplight_sdk::options::Options;

/// Two closed tabs that left three events each, and a live one. Also returns the prefix of one
/// closed tab's keys: the first one if `is_first`, otherwise the second.
fn orphaned(is_first: bool) -> (TestTabs, String) {
    let options = Options { adopt_after_ms: 500, heartbeat_stale_ms: 1_000, ..Options::default() };
    let mut tabs = TestTabs::new(options);
    for _ in 0..2 {
        let gone = tabs.open();
        tabs.track(gone, 3);
    }
    tabs.advance(100, &failing());
    tabs.clients.clear();
    tabs.open();
    let origin = tabs.origin.borrow();
    let mut keys = origin.values.keys().filter(|key| key.contains(":q:"));
    let key = if is_first { keys.next() } else { keys.next_back() }.cloned().unwrap_or_default();
    drop(origin);
    assert!(!key.is_empty());
    (tabs, key.trim_end_matches(|letter: char| letter != ':').to_owned())
}

fn left(tabs: &TestTabs, start: &str) -> usize {
    tabs.origin.borrow().values.keys().filter(|key| key.starts_with(start)).count()
}

#[test]
fn unreadable_keys_stay_and_delay_no_other_events() {
    for is_first in [true, false] {
        let (mut tabs, start) = orphaned(is_first);
        tabs.clients[0].ports().unreadable = Some(start.clone());
        tabs.advance(30_000, &accepted());
        assert_eq!(left(&tabs, &start), 3);
        let events = tabs.origin.borrow().values.keys().filter(|key| key.contains(":q:")).count();
        assert_eq!(events, 3, "the other tab's events were not delivered");
    }
}

#[test]
fn another_page_that_can_read_the_keys_delivers_them() {
    let (mut tabs, start) = orphaned(true);
    tabs.clients[0].ports().unreadable = Some(start.clone());
    tabs.advance(3_000, &accepted());
    tabs.open();
    tabs.advance(30_000, &accepted());
    assert_eq!(left(&tabs, &start), 0);
}

#[test]
fn unreadable_keys_are_tried_again_after_a_minute() {
    let (mut tabs, start) = orphaned(true);
    tabs.clients[0].ports().unreadable = Some(start.clone());
    tabs.advance(30_000, &accepted());
    tabs.clients[0].ports().unreadable = None;
    tabs.advance(10_000, &accepted());
    assert_eq!(left(&tabs, &start), 3);
    tabs.advance(60_000, &accepted());
    assert_eq!(left(&tabs, &start), 0);
}

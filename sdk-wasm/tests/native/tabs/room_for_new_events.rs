//! While the server fails, the oldest events of all tabs move into the overflow early enough that
//! new ones find room in storage, where they survive a tab that is killed at once.

use std::collections::BTreeMap;

use crate::origin::{TestTabs, failing};
use lamplight_sdk::client::{Client, NewEvent, TrackOutcome};
use lamplight_sdk::options::Options;

/// The events that had only memory, by second and tab, while tabs make events at these rates a
/// second for 40 s.
fn only_in_memory(rates: &[u64]) -> BTreeMap<(u64, usize), usize> {
    let mut tabs = TestTabs::new(Options::default());
    for _ in rates {
        tabs.open();
    }
    tabs.advance(10_000, &failing());
    let padding = format!("{{\"padding\":\"{}\"}}", "x".repeat(200));
    let event = NewEvent { name: "opened", properties_json: &padding, ..NewEvent::default() };
    let mut found = BTreeMap::new();
    for step in 0..400 {
        for (tab, rate) in rates.iter().enumerate() {
            let count = (step + 1) * rate / 10 - step * rate / 10;
            for _ in 0..count {
                if tabs.clients[tab].track(&event).outcome != TrackOutcome::Stored {
                    *found.entry((step / 10, tab)).or_default() += 1;
                }
            }
        }
        tabs.advance(100, &failing());
    }
    found
}

#[test]
fn tabs_that_make_fifty_events_a_second_store_each_of_them() {
    for tabs in [1, 5, 12] {
        assert_eq!(only_in_memory(&vec![50; tabs]), BTreeMap::new(), "{tabs} tabs");
    }
}

#[test]
fn a_busy_tab_finds_room_among_many_tabs_that_are_not() {
    for others in [4, 19] {
        let mut rates = vec![5; others];
        rates.push(200);
        assert_eq!(only_in_memory(&rates), BTreeMap::new(), "{others} others");
    }
}

//! While the server fails, one tab tries it again for all; when it is back, all send at once.

use crate::origin::{World, down, well};
use lamplight_sdk::client::Client;
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::Answer;

/// Tabs with one waiting event each.
fn opened(count: usize) -> World {
    let mut tabs = World::new(Options::default());
    for _ in 0..count {
        let tab = tabs.open();
        tabs.track(tab, 1);
    }
    tabs
}

#[test]
fn after_a_first_failure_each_only_the_holder_of_the_lease_tries_again() {
    let mut tabs = opened(8);
    tabs.pass(20_000, &down());
    let requests = tabs.pass(120_000, &down());
    let trying = requests.iter().filter(|requests| **requests > 2).count();
    assert_eq!(trying, 1, "{requests:?}");
    assert_eq!(tabs.clients.iter().filter(|client| client.holds_lease()).count(), 1);
    let others: usize = requests.iter().sum::<usize>() - requests.iter().max().unwrap();
    // A tab that waits on a holder without end would never send again: it tries once in a long while.
    assert!((1..=2 * 7).contains(&others), "{requests:?}");
}

#[test]
fn the_first_request_after_the_server_s_recovery_comes_within_five_seconds() {
    for outage_ms in [10_000, 60_000, 600_000] {
        let mut tabs = opened(4);
        tabs.pass(outage_ms, &down());
        let requests: usize = tabs.pass(5_000, &down()).iter().sum();
        assert!((1..=5).contains(&requests), "{requests} after {outage_ms} ms");
    }
}

#[test]
fn a_server_that_names_a_time_is_not_asked_before() {
    let mut tabs = opened(4);
    let asked = Answer { status: 503, retry_after_ms: Some(30_000), ..Answer::default() };
    tabs.pass(1_000, &asked);
    let requests: usize = tabs.pass(28_000, &asked).iter().sum();
    assert_eq!(requests, 0);
}

#[test]
fn when_the_holder_gets_through_all_send_within_a_scan() {
    let mut tabs = opened(8);
    tabs.pass(30_000, &down());
    let holder = tabs.clients.iter().position(Client::holds_lease).unwrap();
    while tabs.pass(1, &well())[holder] == 0 {}
    tabs.pass(2_600, &well());
    assert!(tabs.clients.iter().all(|client| !client.is_queued(1)));
    assert!(tabs.clients.iter().all(|client| !client.holds_lease()));
}

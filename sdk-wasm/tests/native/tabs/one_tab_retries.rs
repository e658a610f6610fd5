//! While the server fails, one tab retries for all. When the server is back, all tabs send at once.

use crate::origin::{TestTabs, accepted, failing};
use lamplight_sdk::client::{Client, FullClient};
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::Response;

/// Tabs with one waiting event each.
fn opened(count: usize) -> TestTabs {
    let mut tabs = TestTabs::new(Options::default());
    for _ in 0..count {
        let tab = tabs.open();
        tabs.track(tab, 1);
    }
    tabs
}

#[test]
fn after_one_failure_each_only_the_lease_holder_retries() {
    let mut tabs = opened(8);
    tabs.advance(20_000, &failing());
    let requests = tabs.advance(120_000, &failing());
    let trying = requests.iter().filter(|requests| **requests > 2).count();
    assert_eq!(trying, 1, "{requests:?}");
    assert_eq!(tabs.clients.iter().filter(|client| client.holds_lease()).count(), 1);
    let others: usize = requests.iter().sum::<usize>() - requests.iter().max().unwrap();
    // A tab that waited for the holder without a limit would never send again, so it retries after
    // a long wait.
    assert!((1..=2 * 7).contains(&others), "{requests:?}");
}

#[test]
fn a_request_reaches_a_recovered_server_within_five_seconds() {
    for outage_ms in [10_000, 60_000, 600_000] {
        let mut tabs = opened(4);
        tabs.advance(outage_ms, &failing());
        let requests: usize = tabs.advance(5_000, &failing()).iter().sum();
        assert!((1..=5).contains(&requests), "{requests} after {outage_ms} ms");
    }
}

#[test]
fn no_request_is_sent_before_the_retry_after_time() {
    let mut tabs = opened(4);
    let retry_after = Response { status: 503, retry_after_ms: Some(30_000), ..Response::default() };
    tabs.advance(1_000, &retry_after);
    let requests: usize = tabs.advance(28_000, &retry_after).iter().sum();
    assert_eq!(requests, 0);
}

#[test]
fn all_tabs_send_within_one_scan_after_the_holder_succeeds() {
    let mut tabs = opened(8);
    tabs.advance(30_000, &failing());
    let holder = tabs.clients.iter().position(FullClient::holds_lease).unwrap();
    while tabs.advance(1, &accepted())[holder] == 0 {}
    tabs.advance(2_600, &accepted());
    assert!(tabs.clients.iter().all(|client| !client.is_queued(1)));
    assert!(tabs.clients.iter().all(|client| !client.holds_lease()));
}

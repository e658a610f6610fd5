//! What is no loss raises no alarm.

use lamplight_server::system::clock::{Clock, SystemClock};
use serde_json::json;

use super::losses::age;
use super::tab::{Tab, figure, ranges, told};
use crate::console::visitor::Visitor;
use crate::harness::{Server, now};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

#[test]
fn slow_repeated_and_crashed_requests_are_no_loss() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let mut slow = Tab::new(1);
    slow.make(20);
    let late = slow.batch(1..=5);
    slow.send(&server, 11..=20);
    slow.send(&server, 6..=10);
    server.settled();
    let visitor = Visitor::admin(&server);
    assert_eq!(told(&visitor, &slow), ("In flight".into(), ranges(&[("1–5", "In flight")])));
    server.send(&late);
    server.send(&late);
    let mut backwards = Tab::new(2);
    backwards.make(9);
    for number in (1..=9).rev() {
        backwards.send(&server, [number]);
    }
    let mut crashed = Tab::new(3);
    crashed.make(50);
    let first = crashed.batch(1..=50);
    server.send(&first);
    server.kill_9();
    let server = Server::serve(dir.path());
    server.send(&first);
    crashed.send_all(&server);
    server.settled();
    let visitor = Visitor::admin(&server);
    for tab in [&slow, &backwards, &crashed] {
        assert_eq!(told(&visitor, tab), ("Complete".into(), vec![]));
    }
}

#[test]
fn clocks_of_clients_decide_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let visitor = Visitor::admin(&server);
    for (number, ahead_ms) in [(1, 400 * DAY_MS), (2, -4_000 * DAY_MS), (3, -1_700_000_000_000)] {
        let mut tab = Tab::new(number);
        tab.make(6);
        tab.ahead_ms = ahead_ms;
        tab.send(&server, 1..=2);
        tab.ahead_ms = -ahead_ms;
        tab.send(&server, 5..=6);
        server.settled();
        assert_eq!(told(&visitor, &tab), ("In flight".into(), ranges(&[("3–4", "In flight")])));
        tab.send_all(&server);
        server.settled();
        assert_eq!(told(&visitor, &tab).0, "Complete");
    }
    assert_eq!(figure(&visitor.page("/producers"), "Lost"), 0);
}

#[test]
fn offline_and_frozen_tabs_are_in_flight_for_thirty_days() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let mut tab = Tab::new(1);
    tab.make(10);
    tab.send(&server, 1..=4);
    server.settled();
    assert_eq!(server.stop(), Some(0));
    age(dir.path(), 29 * DAY_MS);
    let server = Server::serve(dir.path());
    let visitor = Visitor::admin(&server);
    assert_eq!(told(&visitor, &tab), ("In flight".into(), ranges(&[("5–10", "In flight")])));
    assert_eq!(server.stop(), Some(0));
    age(dir.path(), 2 * DAY_MS);
    let server = Server::serve(dir.path());
    let visitor = Visitor::admin(&server);
    assert_eq!(told(&visitor, &tab), ("Lost".into(), ranges(&[("5–10", "Lost")])));
    // Even then it may come back.
    tab.send_all(&server);
    server.settled();
    assert_eq!(told(&visitor, &tab), ("Complete".into(), vec![]));
}

#[test]
fn a_server_whose_clock_jumps_ahead_calls_nothing_lost() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let mut tab = Tab::new(1);
    tab.make(10);
    tab.send(&server, 1..=4);
    server.settled();
    assert_eq!(server.stop(), Some(0));
    // To the next start, the clock is 40 days ahead of when the tab was heard from.
    age(dir.path(), 40 * DAY_MS);
    let known = SystemClock.now_ms() - 40 * DAY_MS;
    std::fs::write(dir.path().join("clock"), json!({"time_ms": known, "doubt": null}).to_string())
        .unwrap();
    let server = Server::serve(dir.path());
    let begun = now();
    while server.read("/api/queues").json()["retention"]["as_of"].is_null() {
        assert!(begun.elapsed().as_secs() < 20);
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let visitor = Visitor::admin(&server);
    assert_eq!(told(&visitor, &tab), ("In flight".into(), ranges(&[("5–10", "In flight")])));
    let page = visitor.page("/producers");
    assert_eq!((figure(&page, "Lost"), figure(&page, "In flight")), (0, 6));
    assert!(page.contains("The server's clock differs by 40 days"), "{page}");
    assert_eq!(server.totals()["lost"], 0);
    assert_eq!(
        server.read(&format!("/api/events/{}-7", tab.producer)).json()["state"],
        "in_flight"
    );
    let trusted = visitor.submit("/api/retention/trust-clock", "");
    assert_eq!(trusted.status, 200, "{trusted:?}");
    assert_eq!(told(&visitor, &tab), ("Lost".into(), ranges(&[("5–10", "Lost")])));
    assert_eq!(server.read(&format!("/api/events/{}-7", tab.producer)).json()["state"], "lost");
}

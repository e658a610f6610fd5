//! A PostgreSQL that stops, crashes and comes back.

use std::time::Duration;

use super::instance::Instance;
use super::load::{Load, is_ready, until};
use super::{rounds, server_on};
use crate::harness::now;

/// After this long, whoever sends a payload has an answer.
const ANSWER_MAX: Duration = Duration::from_secs(9);
/// After this long, a server works again once the database does.
const BACK_MAX: Duration = Duration::from_secs(10);

/// Lets a fault happen under load, and the database come back after a while.
fn survive(name: &str, fault: impl Fn(&mut Instance)) {
    let mut instance = Instance::start("");
    let (server, mut load) = (server_on(&instance.url("lamp")), Load::new());
    for _ in 0..rounds(1) {
        let (back, answers) = load.run(&[&server], || {
            std::thread::sleep(Duration::from_millis(400));
            fault(&mut instance);
            until("it says that it is not ready", ANSWER_MAX, || !is_ready(&server));
            // Shorter ones are not noticed: what was sent is written again for some seconds.
            std::thread::sleep(Duration::from_secs(6));
            let begun = now();
            instance.up();
            until("it is ready again", BACK_MAX, || is_ready(&server));
            let back = begun.elapsed();
            std::thread::sleep(Duration::from_millis(300));
            back
        });
        answers.check(ANSWER_MAX);
        assert!(answers.refused > 0 && answers.broken == 0, "{answers:?}");
        println!("{name}: ready again {back:?} after the start, {answers:?}");
    }
    load.finish(&server, &instance);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_fast_shutdown_of_the_database_is_an_outage_that_ends_by_itself() {
    survive("fast shutdown", |instance| instance.stop("fast"));
}

#[test]
fn an_immediate_shutdown_of_the_database_is_an_outage_that_ends_by_itself() {
    survive("immediate shutdown", |instance| instance.stop("immediate"));
}

#[test]
fn a_database_that_is_killed_loses_nothing_and_comes_back() {
    survive("kill -9 of all processes", Instance::kill_9);
}

#[test]
fn backends_killed_in_a_transaction_make_the_database_recover_and_lose_nothing() {
    let mut instance = Instance::start("");
    let (server, mut load) = (server_on(&instance.url("lamp")), Load::new());
    for _ in 0..rounds(2) {
        let ((), answers) = load.run(&[&server], || {
            std::thread::sleep(Duration::from_millis(300));
            instance.kill_9_backends("state <> 'idle'");
            std::thread::sleep(Duration::from_millis(500));
            until("the database recovers", BACK_MAX, || instance.psql("lamp", "SELECT 1").0);
            until("it is ready again", BACK_MAX, || is_ready(&server));
        });
        answers.check(ANSWER_MAX);
        assert_eq!(answers.broken, 0, "{answers:?}");
    }
    load.finish(&server, &instance);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_server_that_stops_under_load_stores_what_it_answered_and_frees_its_leases() {
    let instance = Instance::start("");
    let url = instance.url("lamp");
    let (stopping, other, mut load) = (server_on(&url), server_on(&url), Load::new());
    let ((), answers) = load.run(&[&stopping, &other], || {
        std::thread::sleep(Duration::from_millis(500));
        crate::harness::ending::ask_to_stop(stopping.pid());
        std::thread::sleep(Duration::from_millis(500));
    });
    assert!(answers.wrong.is_empty(), "{answers:?}");
    let begun = now();
    let log = stopping.stop_with_log();
    assert!(!log.contains("did not finish") && !log.contains("did not close"), "{log}");
    assert!(!log.contains("failed to end leases") && !log.contains("database is down"), "{log}");
    load.finish(&other, &instance);
    assert!(begun.elapsed() < Duration::from_secs(30), "nothing waits for a lease to end");
}

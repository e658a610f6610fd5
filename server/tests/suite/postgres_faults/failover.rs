//! A primary that fails, and its synchronous standby that takes over.

use std::time::Duration;

use super::instance::Instance;
use super::load::{Load, is_ready, until};
use super::server_on;
use super::starting::refused;
use crate::harness::now;

/// After this long, whoever sends a payload has an answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
const BACK_MAX: Duration = Duration::from_secs(12);

/// A primary and its synchronous standby.
fn pair() -> (Instance, Instance) {
    let (primary, mut standby) = (Instance::start(""), Instance::new());
    standby.run(&format!(
        "\"$CLIENTS/pg_basebackup\" -h 127.0.0.1 -p {} -U postgres -D \"$DIR/data\" -R -X stream -c fast --no-sync",
        primary.port
    ));
    standby.configure("");
    standby.up();
    primary.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (*)'");
    primary.sql("postgres", "SELECT pg_reload_conf()");
    until("the standby is synchronous", Duration::from_secs(20), || {
        primary.sql("postgres", "SELECT sync_state FROM pg_stat_replication") == "quorum"
    });
    (primary, standby)
}

fn url_of(one: &Instance, other: &Instance) -> String {
    let (one, other) = (one.port, other.port);
    format!(
        "postgres://postgres@127.0.0.1:{one},127.0.0.1:{other}/lamp?target_session_attrs=read-write"
    )
}

fn promote(standby: &mut Instance) {
    standby.run("\"$BIN/pg_ctl\" -D \"$DIR/data\" -w promote");
}

#[test]
fn a_standby_takes_over_from_a_killed_primary_and_nothing_is_lost() {
    let (mut primary, mut standby) = pair();
    let why = refused(&standby.url("lamp"));
    assert!(why.contains("takes no writes. It is a standby"), "{why}");
    let url = url_of(&primary, &standby);
    let (one, other, mut load) = (server_on(&url), server_on(&url), Load::new());
    let (back, answers) = load.run(&[&one, &other], || {
        std::thread::sleep(Duration::from_millis(500));
        primary.kill_9();
        std::thread::sleep(Duration::from_secs(1));
        promote(&mut standby);
        let back = until("both are ready again", BACK_MAX, || is_ready(&one) && is_ready(&other));
        // The old primary comes back, and takes no writes.
        primary.configure("default_transaction_read_only = on");
        primary.up();
        std::thread::sleep(Duration::from_secs(1));
        back
    });
    answers.check(ANSWER_MAX);
    println!("failover: ready {back:?} after the promotion, {answers:?}");
    let accepted = answers.accepted;
    let ((), answers) = load.run(&[&one, &other], || {
        one_by_one(&standby);
        std::thread::sleep(Duration::from_secs(1));
    });
    answers.check(ANSWER_MAX);
    let logs = || [one.log(), other.log()].join("\n");
    assert!(accepted > 0 && answers.accepted > 0, "{answers:?}");
    assert_eq!(answers.refused, 0, "{answers:?}: {}", logs());
    load.finish(&one, &standby);
    assert_eq!((one.stop(), other.stop()), (Some(0), Some(0)));
}

/// Ends connections one by one, so that each is made again while the old primary, the first host of
/// the URL, takes connections.
fn one_by_one(instance: &Instance) {
    for _ in 0..10 {
        instance.sql(
            "lamp",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lamplight' \
             ORDER BY random() LIMIT 1",
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn connections_to_a_primary_that_was_demoted_are_thrown_away() {
    let (primary, mut standby) = pair();
    let (server, mut load) = (server_on(&url_of(&primary, &standby)), Load::new());
    let (back, answers) = load.run(&[&server], || {
        std::thread::sleep(Duration::from_millis(500));
        primary.sql("postgres", "ALTER SYSTEM SET default_transaction_read_only = on");
        primary.sql("postgres", "SELECT pg_reload_conf()");
        until("it says that it is not ready", ANSWER_MAX, || !is_ready(&server));
        promote(&mut standby);
        let back = until("it is ready again", BACK_MAX, || is_ready(&server));
        std::thread::sleep(Duration::from_millis(500));
        back
    });
    answers.check(ANSWER_MAX);
    println!("demoted: ready {back:?} after the promotion, {answers:?}");
    // A commit that waited for the standby when that was promoted waits without end. The server
    // has given it up.
    let of_lamplight = "SELECT concat_ws(' ', state, wait_event, query) FROM pg_stat_activity \
         WHERE application_name = 'lamplight' AND wait_event IS DISTINCT FROM 'SyncRep'";
    load.finish(&server, &standby);
    let begun = now();
    loop {
        // Idle connections are closed when they would be used.
        assert!(load.sends(&server), "{}", server.log());
        server.totals();
        let left = primary.sql("lamp", of_lamplight);
        if left.is_empty() {
            break;
        }
        assert!(begun.elapsed() < BACK_MAX, "connections to the old primary are left: {left}");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(server.stop(), Some(0));
}

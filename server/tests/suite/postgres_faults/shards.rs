//! Real servers on two databases, of which one stops and comes back.

use std::time::Duration;

use lamplight_server::store::postgres::verify::verify;
use lamplight_server::store::postgres::{TalliesRepaired, repair};
use serde_json::{Value, json};

use super::instance::Instance;
use super::load::{Load, is_ready, until, wait_until_processed};
use super::{rounds, server_on};
use crate::console::visitor::Visitor;
use crate::harness::{Server, now};
use crate::kill::check;

/// After this long, whoever asks has an answer.
pub(crate) const ANSWER_MAX: Duration = Duration::from_secs(12);
/// After this long, everything works again once the database does.
pub(crate) const BACK_MAX: Duration = Duration::from_secs(12);

/// What an answer says that it lacks.
pub(crate) fn partial(server: &Server) -> Value {
    let reply = server.read("/api/totals");
    assert_eq!(reply.status, 200, "{reply:?}");
    let said = reply.json()["partial"].clone();
    let header = said.as_array().map(|_| "2");
    assert_eq!(reply.header("lamplight-partial"), header, "{reply:?}");
    said
}

/// The rules of one database, with nothing left to do.
pub(crate) fn check_database(instance: &Instance) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let url = instance.url("lamp").parse().unwrap();
    let TalliesRepaired { events, changed, .. } =
        runtime.block_on(repair(&url, &mut |_, _| {})).unwrap();
    assert!(events > 0, "it has its part");
    assert_eq!(changed, 0, "tallies");
    let violations = runtime.block_on(verify(&url, &mut |_| {})).unwrap();
    assert!(violations.is_empty(), "{violations:?}");
}

#[test]
fn servers_on_two_databases_lose_nothing_and_say_what_is_missing_while_one_is_down() {
    let (one, mut two) = (Instance::start(""), Instance::start(""));
    let urls = format!("{}\n{}", one.url("lamp"), two.url("lamp"));
    let (first, second) = (server_on(&urls), server_on(&urls));
    let (visitor, mut load) = (Visitor::admin(&first), Load::new());
    for _ in 0..rounds(1) {
        let (during, answers) = load.run(&[&first, &second], || {
            std::thread::sleep(Duration::from_millis(600));
            assert_eq!(partial(&first), Value::Null);
            two.stop("fast");
            for server in [&first, &second] {
                until("answers lack it", ANSWER_MAX, || partial(server) == json!([2]));
                assert!(is_ready(server), "the other one takes payloads");
            }
            let page = visitor.page("/events");
            assert!(page.contains("Shard 2 does not answer"), "{page}");
            let asked = now();
            let events = first.read("/api/events?limit=5");
            assert_eq!(events.json()["events"].as_array().unwrap().len(), 5);
            assert!(asked.elapsed() < ANSWER_MAX);
            let metrics = first.read("/metrics").text;
            assert!(metrics.contains("lamplight_shard_up{shard=\"2\"} 0"), "{metrics}");
            assert!(!metrics.contains("lamplight_events_made"), "no sum that is too small");
            let before = first.totals()["stored"].as_u64().unwrap();
            // Long enough for retries, and for payloads that are sent meanwhile.
            std::thread::sleep(Duration::from_secs(7));
            let during = first.totals()["stored"].as_u64().unwrap() - before;
            two.up();
            for server in [&first, &second] {
                until("answers are whole", BACK_MAX, || partial(server) == Value::Null);
            }
            assert!(!visitor.page("/events").contains("does not answer"));
            std::thread::sleep(Duration::from_millis(600));
            during
        });
        answers.check(ANSWER_MAX);
        assert!(during > 0, "the other database went on: {answers:?}");
        assert!(answers.refused > 0 && answers.broken == 0, "{answers:?}");
        println!("one of two databases down: {during} events stored meanwhile, {answers:?}");
    }
    load.send_rest(&first);
    for instance in [&one, &two] {
        wait_until_processed(&first, instance);
    }
    check(&first, &load.pages);
    let (totals, made) = (second.totals(), load.made());
    for (name, want) in [("made", made), ("stored", made), ("lost", 0), ("in_flight", 0)] {
        assert_eq!(totals[name], want, "{name}: {totals}");
    }
    assert_eq!(first.stop(), Some(0));
    assert_eq!(second.stop(), Some(0));
    for instance in [&one, &two] {
        check_database(instance);
    }
}

#[test]
fn a_server_refuses_databases_that_are_not_those_of_its_installation() {
    let (one, two, other) = (Instance::start(""), Instance::start(""), Instance::start(""));
    let urls = |all: &[&Instance]| -> String {
        all.iter().map(|it| it.url("lamp")).collect::<Vec<_>>().join(" ")
    };
    let said = |urls: &str| {
        let data = tempfile::tempdir().unwrap();
        let output = super::serve_on(urls, data.path()).output().unwrap();
        assert!(!output.status.success(), "it refuses to start");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let same =
        format!("{0} {0}&connect_timeout=3", format!("{}?application_name=x", one.url("lamp")));
    assert!(said(&same).contains("it is the same database as"), "{}", said(&same));
    // In any order: the numbers are in the databases.
    assert_eq!(server_on(&urls(&[&one, &two])).stop(), Some(0));
    assert_eq!(server_on(&urls(&[&two, &one])).stop(), Some(0));
    let numbers = |it: &Instance| it.sql("lamp", "SELECT number, epoch FROM lamplight.shard");
    assert_eq!((numbers(&one), numbers(&two)), ("1|1".to_owned(), "2|1".to_owned()));
    for (given, want) in [
        (vec![&one], "one of several shards"),
        (vec![&one, &one, &two], "it is shard 1, and so is"),
    ] {
        let said = said(&urls(&given));
        assert!(said.contains(want), "{want}: {said}");
    }
    // An installation of its own.
    assert_eq!(server_on(&urls(&[&other])).stop(), Some(0));
    let joining = said(&urls(&[&one, &two, &other]));
    assert!(joining.contains("it is not empty"), "{joining}");
    two.sql("lamp", "UPDATE lamplight.shard SET installation = gen_random_uuid()");
    let foreign = said(&urls(&[&one, &two]));
    assert!(foreign.contains("it belongs to another installation"), "{foreign}");
}

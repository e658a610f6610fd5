//! A database that is dumped while servers write to it, and restored into another cluster, with the
//! commands of the guide.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use super::instance::Instance;
use super::load::{Load, recount, wait_until_processed};
use super::server_on;
use crate::harness::{ADMIN_TOKEN, Server};
use crate::http::live::Follower;

/// After this long, whoever sends a payload has an answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// How many events a page sends again that the dump has.
const AGAIN: usize = 50;
const PAID: &str = r#"[{"name":"paid","id":"order-1","user":{"id":"u1"},"properties":{}}]"#;
const AFTER: &str = r#"[{"name":"after","id":"order-2","user":{"id":"u2"},"properties":{}}]"#;

/// Numbers of events, by producer.
type Numbers = BTreeMap<String, BTreeSet<u64>>;

/// Makes the role of the guide, and gives its URL.
fn owned(instance: &Instance) -> String {
    instance.sql("postgres", "CREATE ROLE lamplight LOGIN CREATEROLE");
    instance.sql("postgres", "ALTER DATABASE lamp OWNER TO lamplight");
    instance.url("lamp").replace("postgres@", "lamplight@")
}

fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

/// The numbers of all events, each of which is there once.
fn numbers(server: &Server) -> Numbers {
    let mut numbers = Numbers::new();
    server.each_event(|event| {
        let Some(seq) = event["seq"].as_u64() else { return };
        assert_eq!(event["properties"]["n"], seq, "an event is what was sent");
        let producer = event["producer"].as_str().unwrap().to_owned();
        assert!(numbers.entry(producer).or_default().insert(seq), "stored twice: {event}");
    });
    numbers
}

/// What the pages know as acknowledged.
fn acknowledged(load: &Load) -> Numbers {
    let pages = load.pages.iter();
    pages.map(|page| (page.producer.to_string(), page.acknowledged.clone())).collect()
}

/// Those of `all` that are not in `known`.
fn without(all: &Numbers, known: &Numbers) -> Numbers {
    let none = BTreeSet::new();
    let of = |producer| known.get(producer).unwrap_or(&none);
    let left = all.iter().map(|(producer, all)| (producer.clone(), all - of(producer)));
    left.filter(|(_, left)| !left.is_empty()).collect()
}

/// The holes that the API names.
fn holes(server: &Server) -> Numbers {
    let page = server.read("/api/producers?verdict=in_flight&limit=100").json();
    let numbers = |producer: &Value| -> BTreeSet<u64> {
        let ranges = producer["holes"].as_array().unwrap().iter();
        ranges.flat_map(|it| it[0].as_u64().unwrap()..=it[1].as_u64().unwrap()).collect()
    };
    let producers = page["producers"].as_array().unwrap().iter();
    producers
        .map(|it| {
            assert_eq!(it["next_number"], Value::Null, "all of its holes: {it}");
            (it["producer"].as_str().unwrap().to_owned(), numbers(it))
        })
        .collect()
}

/// The numbers that a live view shows after a position, up to the event `after`. It misses nothing,
/// and shows nothing twice.
fn live_after(server: &Server, position: &str) -> Numbers {
    let (mut follower, mut seen) = (Follower::follow(server, "", Some(position)), Numbers::new());
    loop {
        let (kind, event) = follower.next().expect("the stream goes on");
        assert_eq!(kind, "event", "{position} is known: {event}");
        if let Some(seq) = event["seq"].as_u64() {
            let producer = event["producer"].as_str().unwrap().to_owned();
            assert!(seen.entry(producer).or_default().insert(seq), "shown twice: {event}");
        }
        if event["name"] == "after" {
            return seen;
        }
    }
}

/// A position of the live view: that of the first event which is sent now.
fn position(server: &Server, load: &mut Load) -> String {
    let mut follower = Follower::follow(server, "", None);
    assert!(load.sends(server), "{}", server.log());
    follower.next().unwrap();
    follower.last_id
}

#[test]
fn a_dump_of_a_busy_database_goes_on_in_another_cluster() {
    let mut source = Instance::start("");
    let url = owned(&source);
    let (one, two, mut load) = (server_on(&url), server_on(&url), Load::new());
    assert_eq!(one.send(PAID).status, 200);
    load.run(&[&one, &two], || pause(600)).1.check(ANSWER_MAX);
    let known_position = position(&one, &mut load);
    load.run(&[&one, &two], || pause(300)).1.check(ANSWER_MAX);
    let before = acknowledged(&load);
    let ((), answers) = load.run(&[&one, &two], || {
        source.run(&format!(
            "\"$CLIENTS/pg_dump\" --format=directory --jobs=4 --no-privileges --file=\"$DIR/dump\" '{url}'"
        ));
        pause(500);
    });
    answers.check(ANSWER_MAX);
    assert!(answers.accepted > 0 && answers.refused == 0, "a dump is in nobody's way: {answers:?}");
    let lost_position = position(&one, &mut load);
    one.kill_9();
    two.kill_9();
    source.stop("immediate");

    let mut target = Instance::of_clients();
    let url = owned(&target);
    target.run(&format!(
        "\"$CLIENTS/pg_restore\" --dbname='{url}' --jobs=4 --no-owner --no-privileges --exit-on-error '{}'",
        source.folder.join("dump").display()
    ));
    let server = server_on(&url);
    wait_until_processed(&server, &target);
    let dumped = numbers(&server);
    assert_eq!(without(&before, &dumped), Numbers::new(), "was acknowledged before the dump");
    let after = acknowledged(&load);
    assert_eq!(without(&dumped, &after), Numbers::new(), "a page knows of every event");
    let lost = without(&after, &dumped);
    assert_eq!(lost.len(), load.pages.len(), "every page sent events after the dump: {lost:?}");

    // Every other page still has its events, and sends some again that the dump has.
    let mut gone = lost.clone();
    for page in load.pages.iter_mut().step_by(2) {
        let producer = page.producer.to_string();
        page.queue.extend(dumped[&producer].iter().rev().take(AGAIN));
        page.queue.extend(gone.remove(&producer).unwrap());
    }
    assert_eq!(server.send(PAID).status, 200);
    load.run(&[&server], || pause(600)).1.check(ANSWER_MAX);
    load.send_rest(&server);
    wait_until_processed(&server, &target);
    assert_eq!(server.send(AFTER).status, 200);
    wait_until_processed(&server, &target);

    let made = load.pages.iter().map(|it| (it.producer.to_string(), (1..it.next).collect()));
    let stored = numbers(&server);
    assert_eq!(stored, without(&made.collect(), &gone), "all that a page had is stored once");
    assert_eq!(holes(&server), gone, "exactly what the dump lacks is a hole");
    let (totals, missing) = (server.totals(), gone.values().map(BTreeSet::len).sum::<usize>());
    let want = [
        ("made", load.made() + 2),
        ("in_flight", missing as u64),
        ("lost", 0),
        ("stored", load.made() - missing as u64 + 2),
        ("invalid", 0),
    ];
    for (name, want) in want {
        assert_eq!(totals[name], want, "{name}: {totals}");
    }
    let again = AGAIN * load.pages.len().div_ceil(2) + 1;
    assert!(totals["duplicates"].as_u64().unwrap() >= again as u64, "{totals}");
    recount(&target);

    let new = without(&stored, &dumped);
    assert_eq!(without(&new, &live_after(&server, &known_position)), Numbers::new());
    assert_eq!(without(&new, &live_after(&server, &lost_position)), Numbers::new());
    assert_eq!(counted_by_sql(&server), json!([[totals["stored"]]]));
    println!("dumped {} of {} events, {missing} are gone", count(&dumped), count(&after));
    assert_eq!(server.stop(), Some(0));
}

/// The answer to a statement that counts all events.
fn counted_by_sql(server: &Server) -> Value {
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    let sql = json!({"sql": "SELECT count(*) FROM events"}).to_string();
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let counted = server.post("/api/query", &headers, sql.as_bytes());
    assert_eq!(counted.status, 200, "{counted:?}");
    counted.json()["rows"].clone()
}

fn count(numbers: &Numbers) -> usize {
    numbers.values().map(BTreeSet::len).sum()
}

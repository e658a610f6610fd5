//! Real servers that start while one of their databases is down.

use std::time::Duration;

use serde_json::{Value, json};

use super::instance::Instance;
use super::load::{Load, is_ready, until, wait_until_processed};
use super::server_on;
use super::shards::{ANSWER_MAX, BACK_MAX, check_database, partial};
use super::starting::refused;
use crate::harness::{Server, now};
use crate::kill::check;

/// Three databases, of which the last two may be down.
fn three() -> (Instance, Instance, Instance, String) {
    let (one, two, three) = (Instance::start(""), Instance::start(""), Instance::start(""));
    let urls: Vec<String> = [&one, &two, &three].iter().map(|it| it.url("lamp")).collect();
    (one, two, three, urls.join(" "))
}

/// The database that has this number.
pub(crate) fn number_of(instance: &Instance) -> u64 {
    instance.sql("lamp", "SELECT number FROM lamplight.shard").parse().unwrap()
}

/// Sends what is left, and checks that everything is stored once.
pub(crate) fn finish(server: &Server, load: &mut Load, instances: &[&Instance]) {
    load.send_rest(server);
    for instance in instances {
        wait_until_processed(server, instance);
    }
    check(server, &load.pages);
    let (totals, made) = (server.totals(), load.made());
    for (name, want) in [("made", made), ("stored", made), ("lost", 0), ("in_flight", 0)] {
        assert_eq!(totals[name], want, "{name}: {totals}");
    }
}

#[test]
fn a_server_starts_without_two_of_three_databases_and_takes_them_in_later() {
    let (one, two, three, urls) = three();
    let (server, mut load) = (server_on(&urls), Load::new());
    // The first one has the keys, whichever it is.
    let mut by_number = [one, two, three];
    by_number.sort_by_key(number_of);
    let [one, mut two, mut three] = by_number;
    let ((), answers) = load.run(&[&server], || std::thread::sleep(Duration::from_millis(600)));
    answers.check(ANSWER_MAX);
    assert_eq!(server.stop(), Some(0));
    for instance in [&mut two, &mut three] {
        instance.stop("fast");
    }

    let server = server_on(&urls);
    let log = server.log();
    assert!(log.contains("starting without, and answers lack what is there"), "{log}");
    assert!(is_ready(&server), "the first one takes payloads");
    let lacks = || {
        let reply = server.read("/api/totals");
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()["partial"].clone()
    };
    assert_eq!(lacks(), json!([2, 3]));
    let ((), answers) = load.run(&[&server], || {
        std::thread::sleep(Duration::from_millis(600));
        // They come back one after the other, the last one first.
        three.up();
        until("the third is there", BACK_MAX, || lacks() == json!([2]));
        std::thread::sleep(Duration::from_millis(600));
        two.up();
        until("both are there", BACK_MAX, || lacks() == Value::Null);
        std::thread::sleep(Duration::from_millis(600));
    });
    answers.check(ANSWER_MAX);
    assert!(answers.refused > 0 && answers.accepted > 0 && answers.broken == 0, "{answers:?}");
    finish(&server, &mut load, &[&one, &two, &three]);
    assert_eq!(server.stop(), Some(0));
    for instance in [&one, &two, &three] {
        check_database(instance);
    }
}

#[test]
fn a_database_that_comes_back_is_checked_as_at_the_start() {
    let (one, two) = (Instance::start(""), Instance::start(""));
    let urls = format!("{} {}", one.url("lamp"), two.url("lamp"));
    assert_eq!(server_on(&urls).stop(), Some(0));
    let mut by_number = [one, two];
    by_number.sort_by_key(number_of);
    let [mut one, mut two] = by_number;
    let installation = one.sql("lamp", "SELECT installation FROM lamplight.shard");
    let newer = "UPDATE lamplight.compatibility SET version = 99, oldest = 99; \
                 INSERT INTO lamplight.refinery_schema_history (version, name, applied_on, checksum) \
                 SELECT 99, 'later', applied_on, '1' FROM lamplight.refinery_schema_history LIMIT 1";
    two.sql("lamp", "UPDATE lamplight.shard SET installation = gen_random_uuid()");
    two.stop("fast");
    let server = server_on(&urls);
    assert_eq!(partial(&server), json!([2]));
    two.up();
    let says = |what: &str| {
        until(what, BACK_MAX, || server.log().contains(what));
        assert_eq!(partial(&server), json!([2]));
    };
    says("it belongs to another installation than the other databases");
    two.sql(
        "lamp",
        &format!("UPDATE lamplight.shard SET installation = '{installation}', number = 7"),
    );
    says("it is no shard that is missing");
    two.sql("lamp", newer);
    says("cannot work with it");
    two.sql("lamp", "UPDATE lamplight.shard SET number = 2; DELETE FROM lamplight.refinery_schema_history WHERE version = 99");
    until("it is there", BACK_MAX, || partial(&server) == Value::Null);
    assert!(server.log().contains("shard 2 is there"), "{}", server.log());
    assert_eq!(server.stop(), Some(0));

    // Without the one that has the keys, and without any, there is no start.
    one.stop("fast");
    let said = refused(&urls);
    assert!(said.contains("start without shard 1, which has the keys"), "{said}");
    assert!(said.contains("connect to"), "{said}");
    two.stop("fast");
    assert!(refused(&urls).contains("connect to"));
    one.up();
    // It is a database that nobody knows, rather than one that is missing.
    let nobody = format!("{urls} {}", Instance::start("").url("lamp"));
    let begun = now();
    assert!(refused(&nobody).contains("connect to"));
    assert!(begun.elapsed() < Duration::from_secs(30));
}

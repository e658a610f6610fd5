//! Connections that are refused or ended, and locks that are held for long.

use std::time::Duration;

use tokio_postgres::NoTls;

use super::instance::Instance;
use super::load::{Load, is_ready, until};
use super::{rounds, server_on};

/// After this long, whoever sends a payload has an answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
const BACK_MAX: Duration = Duration::from_secs(12);

/// Connections that others hold, as many as the database lets them. Gives them free when dropped.
struct Hogs(tokio::runtime::Runtime, Vec<tokio_postgres::Client>);

impl Hogs {
    fn take_all(instance: &Instance, role: &str) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let url = instance.url("lamp").replace("postgres@", &format!("{role}@"));
        let mut clients = Vec::new();
        while let Ok((client, connection)) = runtime.block_on(tokio_postgres::connect(&url, NoTls))
        {
            runtime.spawn(connection);
            clients.push(client);
        }
        Self(runtime, clients)
    }

    /// Takes what became free.
    fn take_more(&mut self, instance: &Instance, role: &str) {
        let more = Self::take_all(instance, role);
        self.1.extend(more.1);
        // Its connections run there.
        std::mem::forget(more.0);
    }
}

#[test]
fn without_a_free_connection_in_the_database_what_is_open_goes_on() {
    let instance = Instance::start("max_connections = 30");
    instance.sql("lamp", "CREATE ROLE lamplight LOGIN; CREATE ROLE other LOGIN");
    instance.sql("lamp", "GRANT CREATE ON DATABASE lamp TO lamplight");
    let url = instance.url("lamp").replace("postgres@", "lamplight@");
    let (server, mut load) = (server_on(&url), Load::new());
    let ((), answers) = load.run(&[&server], || std::thread::sleep(Duration::from_millis(500)));
    answers.check(ANSWER_MAX);
    let ((), answers) = load.run(&[&server], || {
        let _hogs = Hogs::take_all(&instance, "other");
        std::thread::sleep(Duration::from_secs(2));
        assert!(is_ready(&server), "{}", server.log());
    });
    answers.check(ANSWER_MAX);
    assert!(answers.accepted > 0 && answers.refused == 0, "{answers:?}");
    let (back, answers) = load.run(&[&server], || {
        let mut hogs = Hogs::take_all(&instance, "other");
        instance.sql(
            "lamp",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lamplight'",
        );
        hogs.take_more(&instance, "other");
        std::thread::sleep(Duration::from_secs(3));
        drop(hogs);
        until("it is ready again", BACK_MAX, || is_ready(&server))
    });
    answers.check(ANSWER_MAX);
    println!("crowded out: ready again after {back:?}, {answers:?}");
    // So is a limit of its role that is lowered meanwhile.
    let ((), answers) = load.run(&[&server], || {
        instance.sql("lamp", "ALTER ROLE lamplight CONNECTION LIMIT 5");
        instance.sql(
            "lamp",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lamplight'",
        );
        std::thread::sleep(Duration::from_secs(3));
        assert!(is_ready(&server), "{}", server.log());
        instance.sql("lamp", "ALTER ROLE lamplight CONNECTION LIMIT -1");
    });
    answers.check(ANSWER_MAX);
    assert!(answers.accepted > 0, "{answers:?}");
    load.finish(&server, &instance);
}

#[test]
fn a_lock_that_an_operator_holds_is_an_outage_that_sets_nothing_aside() {
    let instance = Instance::start("");
    let (server, mut load) = (server_on(&instance.url("lamp")), Load::new());
    for table in ["payloads", "events", "totals", "queue_counts"] {
        for _ in 0..rounds(1) {
            let ((), answers) = load.run(&[&server], || {
                std::thread::sleep(Duration::from_millis(300));
                let lock = format!(
                    "BEGIN; LOCK TABLE lamplight.{table} IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(11); COMMIT"
                );
                // It locks partitions after their table, so a statement that has one of them may
                // wait for the other. Then the database may end the operator's statement.
                loop {
                    let (is_done, said) = instance.psql("lamp", &lock);
                    if is_done {
                        break;
                    }
                    assert!(said.contains("deadlock detected"), "{said}");
                }
                until("it is ready again", BACK_MAX, || is_ready(&server));
            });
            answers.check(ANSWER_MAX);
            assert!(answers.accepted > 0 && answers.broken == 0, "{table}: {answers:?}");
            println!("{table} locked: {answers:?}");
        }
    }
    load.finish(&server, &instance);
}

#[test]
fn connections_that_an_operator_ends_all_the_time_lose_and_double_nothing() {
    let instance = Instance::start("");
    let (server, mut load) = (server_on(&instance.url("lamp")), Load::new());
    let ((), answers) = load.run(&[&server], || {
        for round in 0..rounds(1) * 40 {
            let which = ["true", "state = 'idle in transaction'", "state = 'active'"][usize::try_from(round % 3).unwrap()];
            instance.sql(
                "lamp",
                &format!(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lamplight' \
                     AND {which} ORDER BY random() LIMIT 3"
                ),
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    answers.check(ANSWER_MAX);
    assert!(answers.accepted > 0 && answers.broken == 0, "{answers:?}");
    println!("connections ended: {answers:?}");
    until("it is ready", BACK_MAX, || is_ready(&server));
    load.finish(&server, &instance);
}

#[test]
fn a_frozen_server_that_holds_lanes_makes_no_other_refuse_payloads() {
    let instance = Instance::start("");
    let (server, mut load) = (server_on(&instance.url("lamp")), Load::new());
    load.run(&[&server], || std::thread::sleep(Duration::from_millis(300))).1.check(ANSWER_MAX);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for _ in 0..rounds(1) {
        // Stands for a frozen server whose connections share the lanes of the writers. The watch
        // must not take that for a database that is down.
        let url = instance.url("lamp");
        let (mut frozen, connection) =
            runtime.block_on(tokio_postgres::connect(&url, NoTls)).unwrap();
        runtime.spawn(connection);
        let holding = runtime.block_on(frozen.transaction()).unwrap();
        let hold = "UPDATE lamplight.queue_counts SET payloads = payloads WHERE lane = 0 OR lane IN \
                    (SELECT pid % 64 FROM pg_stat_activity WHERE query LIKE 'WITH staged%')";
        let lanes = runtime.block_on(holding.execute(hold, &[])).unwrap();
        assert!(lanes > 1, "writers have lanes");
        let ((), answers) = load.run(&[&server], || {
            std::thread::sleep(Duration::from_secs(12));
            assert!(is_ready(&server), "{}", server.log());
        });
        answers.check(ANSWER_MAX);
        assert!(answers.accepted > 0 && answers.refused == 0, "{answers:?}");
        runtime.block_on(holding.rollback()).unwrap();
        println!("lanes held: {answers:?}");
    }
    load.finish(&server, &instance);
}

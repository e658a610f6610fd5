//! Each check complains about what breaks its rule, and about nothing else.

use std::collections::BTreeSet;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use lamplight_server::store::sqlite::verify::{CHECKS, Databases, run};
use lamplight_server::store::week::WEEK_MS;
use lamplight_server::store::{
    Encoding, NewPayload, PayloadId, PayloadMetadata, RetentionLimits, Week,
};
use rusqlite::Connection;
use uuid::Uuid;

use super::violations;
use crate::store::sqlite::upgrade::server::{NOW, Server};

/// Weeks after the first: more than are open for writing at a time.
const WEEKS: i64 = 5;

/// A data directory with everything in it, as a server leaves it.
async fn fill(folder: &Path) {
    let server = Server::open(folder).unwrap();
    server.stage(0..70, 0).await;
    server.process(NOW + 100_000).await;
    assert_eq!(server.deliver(NOW + 100_000, 40, false).await, 40);
    for week in 1..=WEEKS {
        server.stage(300 + week * 4..304 + week * 4, week * WEEK_MS).await;
        server.process(NOW).await;
    }
    identify(&server).await;
    server.process(NOW + 200_000).await;
    // These wait.
    server.stage(400..406, WEEKS * WEEK_MS).await;
    server.close().await;
}

/// Stages a payload by which users get profiles that their events show.
async fn identify(server: &Server) {
    let user = r#""user":{"id":"ann"}"#;
    let event =
        |name: &str, traits: &str| format!(r#"{{"name":"{name}",{user},"properties":{traits}}}"#);
    let traits =
        |number: u32| format!(r#"{{"plan":"p{number}","city":"a city with a long name"}}"#);
    let mut events: Vec<_> = (0..4).map(|number| event("identify", &traits(number))).collect();
    events.push(event("seen", "{}"));
    let body = format!("[{}]", events.join(","));
    let received_ms = NOW + 150_000;
    let metadata = PayloadMetadata {
        id: PayloadId(Uuid::from_u128(u128::try_from(received_ms).unwrap() << 80)),
        received_ms,
        key_id: "wk_1".into(),
        source: "web".into(),
        encoding: Encoding::Identity,
        events: 5,
        unpacked_bytes: u32::try_from(body.len()).unwrap(),
        user_agent: None,
        origin: None,
        client: None,
    };
    let payload = NewPayload { metadata, body: body.into() };
    server.storage.payload_queue.stage(payload).await.unwrap();
}

fn copied(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.path().join(entry.file_name())).unwrap();
    }
    to
}

fn events_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_week = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.strip_prefix("events-").is_some_and(|rest| rest.strip_suffix(".db").is_some())
    };
    let mut files: Vec<_> = entries.filter(is_week).collect();
    files.sort();
    files
}

fn first_week(folder: &Path) -> PathBuf {
    events_files(folder).remove(0)
}

/// What breaks a database.
enum Break {
    Store(&'static str),
    Intake(&'static str),
    /// In the file of the first week.
    Week(&'static str),
    ByHand(fn(&Path)),
}

fn execute(path: &Path, sql: &str) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(sql).unwrap();
    let changed: i64 =
        connection.query_row("SELECT total_changes()", [], |row| row.get(0)).unwrap();
    assert!(changed > 0, "nothing is broken by {sql}");
}

impl Break {
    fn run(&self, folder: &Path) {
        match self {
            Self::Store(sql) => execute(&folder.join("store.db"), sql),
            Self::Intake(sql) => execute(&folder.join("intake.db"), sql),
            Self::Week(sql) => execute(&first_week(folder), sql),
            Self::ByHand(run) => run(folder),
        }
    }
}

fn damage_an_index(folder: &Path) {
    let path = first_week(folder);
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'events_name'";
    let page: u64 = Connection::open(&path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap();
    let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start((page - 1) * 4096 + 8)).unwrap();
    file.write_all(&[0x55; 600]).unwrap();
}

fn store_a_number_again(folder: &Path) {
    let mut files = events_files(folder).into_iter();
    let (first, second) = (files.next().unwrap(), files.next().unwrap());
    let connection = Connection::open(&second).unwrap();
    connection.execute("ATTACH ?1 AS first", [first.to_str().unwrap()]).unwrap();
    connection.execute_batch("INSERT INTO runs SELECT * FROM first.runs LIMIT 1").unwrap();
}

/// The check that each of these breaks first, and all that complain.
const BREAKS: &[(&str, Break, &[&str])] = &[
    ("integrity", Break::ByHand(damage_an_index), &["integrity"]),
    (
        "schema",
        Break::Store(
            "DELETE FROM refinery_schema_history WHERE version = (SELECT max(version) FROM refinery_schema_history)",
        ),
        &["schema"],
    ),
    (
        "week-files",
        Break::ByHand(|folder| std::fs::remove_file(first_week(folder)).unwrap()),
        // What is missing also shows where it is counted.
        &["week-files", "marks", "ledgers"],
    ),
    (
        "week-events",
        Break::Store(
            "UPDATE weeks SET events = events + 1 WHERE week = (SELECT min(week) FROM weeks); UPDATE totals SET stored = stored + 1",
        ),
        &["week-events"],
    ),
    (
        "row-ids",
        Break::Week(
            "UPDATE events SET received_ms = received_ms + 1 WHERE id = (SELECT min(id) FROM events)",
        ),
        &["row-ids"],
    ),
    (
        "marks",
        Break::Store(
            "UPDATE applied SET stored = stored + 1 WHERE payload_id = (SELECT min(payload_id) FROM applied WHERE stored > 0)",
        ),
        &["marks"],
    ),
    (
        "outcomes",
        Break::Store(
            "UPDATE outcomes SET payload_id = zeroblob(16) WHERE id = (SELECT min(id) FROM outcomes)",
        ),
        &["outcomes"],
    ),
    (
        "runs",
        Break::Week(
            "UPDATE runs SET first_id = CAST(substr(first_id, 1, 14) || x'FFF0' AS BLOB) WHERE first_id = (SELECT min(first_id) FROM runs)",
        ),
        &["runs"],
    ),
    ("numbers", Break::ByHand(store_a_number_again), &["runs", "numbers"]),
    (
        "ledgers",
        Break::Store(
            "UPDATE producers SET received_json = '[[1,1]]' WHERE producer = (SELECT min(producer) FROM producers) AND received_json IS NOT NULL",
        ),
        &["ledgers"],
    ),
    (
        "client-ids",
        Break::Store(
            "UPDATE event_ids SET id = CAST(substr(id, 1, 14) || x'FFFF' AS BLOB) WHERE event_id = (SELECT min(event_id) FROM event_ids WHERE refused = 0)",
        ),
        &["client-ids"],
    ),
    ("totals", Break::Store("UPDATE totals SET made = made + 1"), &["totals"]),
    ("sources", Break::Store("UPDATE sources SET made = made + 1"), &["sources"]),
    ("queue", Break::Intake("UPDATE payload_queue SET share = share + 100"), &["queue"]),
    ("discarded", Break::Intake("UPDATE discarded_sums SET payloads = -1"), &["discarded"]),
    (
        "settled",
        Break::Intake(
            "DELETE FROM payload_queue WHERE position = (SELECT max(position) FROM payload_queue)",
        ),
        &["settled"],
    ),
    ("sinks", Break::Store("UPDATE sinks SET waiting = waiting + 1"), &["sinks"]),
    (
        "deliveries",
        Break::Store(
            "DELETE FROM delivery_queue WHERE event_id = (SELECT max(event_id) FROM delivery_queue); UPDATE sinks SET waiting = waiting - 1",
        ),
        &["deliveries"],
    ),
    (
        "delivery-events",
        Break::Store(
            "INSERT INTO deliveries SELECT CAST(substr(event_id, 1, 14) || x'FFFE' AS BLOB), sink, 0, at_ms, 'sent', 1, NULL, NULL, NULL FROM deliveries LIMIT 1",
        ),
        &["delivery-events"],
    ),
    (
        "profile-words",
        Break::Store(
            "UPDATE profile_words SET event_id = CAST(substr(event_id, 1, 14) || x'FFFD' AS BLOB) WHERE profile = (SELECT min(profile) FROM profile_words)",
        ),
        &["profile-words"],
    ),
    (
        "profile-versions",
        Break::Store(
            "UPDATE profile_states SET revision = 0 WHERE id = (SELECT min(id) FROM profile_states)",
        ),
        &["profile-versions"],
    ),
];

#[tokio::test]
async fn each_check_complains_about_what_it_is_for_and_no_other_does() {
    let whole = tempfile::tempdir().unwrap();
    fill(whole.path()).await;
    assert_eq!(violations(whole.path()), [""; 0], "a server left it like that");
    for (check, broken, complain) in BREAKS {
        let folder = copied(whole.path());
        broken.run(folder.path());
        let databases = Databases::open(folder.path()).unwrap();
        let found = run(&databases, &mut |_| {}).unwrap();
        let names: BTreeSet<_> = found.iter().map(|violation| violation.check).collect();
        let want: BTreeSet<_> = complain.iter().copied().collect();
        assert_eq!(names, want, "{check}: {found:#?}");
        for violation in &found {
            let line = violation.to_string();
            assert!(violation.count > 0 && !line.contains('\n') && line.contains(".db"), "{line}");
        }
    }
    let broken: BTreeSet<_> = BREAKS.iter().map(|(check, ..)| *check).collect();
    let checks: BTreeSet<_> = CHECKS.iter().map(|check| check.name).collect();
    assert_eq!(broken, checks, "each check has a database that it complains about");
}

#[tokio::test]
async fn what_retention_removed_is_nothing_to_complain_about() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path()).await;
    let server = Server::open(folder.path()).unwrap();
    let newest = Week::of_ms(NOW + WEEKS * WEEK_MS);
    for kept_weeks in [4, 1, 0] {
        let from_ms = newest.to_ms() - kept_weeks * WEEK_MS;
        let limits = RetentionLimits {
            events_from_ms: Some(from_ms),
            events_bytes: None,
            ids_from_ms: from_ms,
            pending_from_ms: i64::MAX,
            now_ms: newest.to_ms(),
        };
        for _ in 0..3 {
            server.storage.events.prune(limits).await.unwrap();
            assert_eq!(violations(folder.path()), [""; 0], "{kept_weeks} weeks are kept");
        }
    }
    // A payload that was received in a removed week is applied late.
    server.process(NOW + 100_000_000).await;
    server.close().await;
    assert_eq!(violations(folder.path()), [""; 0]);
}

#[tokio::test]
async fn rows_of_an_unfinished_commit_are_nothing_to_complain_about() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path()).await;
    let server = Server::open(folder.path()).unwrap();
    // The file of events is one commit ahead of store.db: the process ended in between.
    let before = copied(folder.path());
    server.process(NOW + WEEKS * WEEK_MS + 1_000_000).await;
    server.close().await;
    let last = events_files(folder.path()).pop().unwrap();
    std::fs::copy(&last, before.path().join(last.file_name().unwrap())).unwrap();
    // The newer file as a whole, without the log of the older one.
    for log in ["-wal", "-shm"] {
        let mut name = before.path().join(last.file_name().unwrap()).into_os_string();
        name.push(log);
        let _ = std::fs::remove_file(name);
    }
    assert_eq!(violations(before.path()), [""; 0]);
    let server = Server::open(before.path()).unwrap();
    server.process(NOW + WEEKS * WEEK_MS + 1_000_000).await;
    server.close().await;
    assert_eq!(violations(before.path()), [""; 0], "processed again");
}

//! What breaks the rules of databases, and which checks complain.

use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

pub(super) fn events_files(folder: &Path) -> Vec<PathBuf> {
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
pub(super) enum Break {
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
    pub(super) fn run(&self, folder: &Path) {
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
pub(super) const BREAKS: &[(&str, Break, &[&str])] = &[
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
    ("trends", Break::Store("UPDATE trend_mark SET mark_json = '{}'"), &["trends"]),
    ("trends", Break::Store("UPDATE trends SET begin_ms = begin_ms + 1000"), &["trends"]),
    ("trends", Break::Store("UPDATE trends SET resolution = 4 WHERE resolution = 3"), &["trends"]),
    ("trends", Break::Store("UPDATE trends SET figures_json = '{'"), &["trends"]),
    (
        "trends",
        Break::Store(
            "UPDATE trends SET figures_json = '{\"memory_bytes\":[2,9,1,3,2]}' WHERE resolution = 1",
        ),
        &["trends"],
    ),
    (
        "trends",
        Break::Store(
            "UPDATE trends SET figures_json = '{\"memory_bytes\":[2,4,1,3,9]}' WHERE resolution = 1",
        ),
        &["trends"],
    ),
    (
        "trends",
        Break::Store(
            "UPDATE trends SET figures_json = '{\"memory_bytes\":2}' WHERE resolution = 3",
        ),
        &["trends"],
    ),
    (
        "trends",
        Break::Store("UPDATE trends SET figures_json = '{}' WHERE resolution = 2"),
        &["trends"],
    ),
    ("alerts", Break::Store("UPDATE alert_mark SET mark_json = '{}'"), &["alerts"]),
    ("tallies", Break::Store("UPDATE totals SET tally_log = x''"), &["tallies"]),
    ("alerts", Break::Store("UPDATE alert_states SET phase_json = '{}'"), &["alerts"]),
    (
        "alerts",
        Break::Store("UPDATE alert_notices SET notice_json = '{}' WHERE id = 5"),
        &["alerts"],
    ),
    (
        "alerts",
        Break::Store("UPDATE alert_notices SET delivery = 'lost' WHERE id = 1"),
        &["alerts"],
    ),
    ("alerts", Break::Store("UPDATE alert_notices SET due_ms = 1 WHERE id = 1"), &["alerts"]),
    ("alerts", Break::Store("UPDATE alert_notices SET due_ms = NULL WHERE id = 3"), &["alerts"]),
    ("alerts", Break::Store("UPDATE alert_notices SET ended_ms = NULL WHERE id = 2"), &["alerts"]),
    ("alerts", Break::Store("DELETE FROM alert_notices WHERE id = 3"), &["alerts"]),
    (
        "alerts",
        Break::Store(
            "UPDATE alert_notices SET notice_json = replace(replace(notice_json, '\"alert\":\"c\"', '\"alert\":\"a\"'), '\"firing\"', '\"recovered\"') WHERE id = 5",
        ),
        &["alerts"],
    ),
    (
        "alerts",
        Break::Store(
            "INSERT INTO alert_notices (notice_json, delivery) SELECT it.notice_json, 'silent' FROM alert_notices AS it, (WITH RECURSIVE counted (at) AS (SELECT 1 UNION ALL SELECT at + 1 FROM counted WHERE at < 1000) SELECT at FROM counted) WHERE it.id = 5",
        ),
        &["alerts"],
    ),
];

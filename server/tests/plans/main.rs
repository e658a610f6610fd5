//! The query plan of every statement that storage runs: none reads more of a table than it needs.
//!
//! Every method of the traits is called once, on little data. SQLite plans by the schema alone.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

mod delivering;
mod everything;
mod watching;

/// Tables that may be read completely, and why that is little.
const SMALL: [(&str, &str); 10] = [
    ("totals", "one row"),
    ("keys", "a few rows, made by hand"),
    ("weeks", "a row a week"),
    ("batch", "the rows of one transaction"),
    ("refinery_schema_history", "a row a migration"),
    ("sqlite_schema", "a row a table or index"),
    ("sinks", "a few rows, made by hand"),
    ("sources", "one row for each source that a key was made for"),
    ("alert_states", "what is pending or firing: at most a few things for each rule"),
    ("alert_notices", "at most 1,000 rows"),
];
/// Statements that may begin at a table's first row, or sort, with how each begins and why it reads
/// little.
const EXCUSED: [(&str, &str); 13] = [
    ("SELECT count(*), coalesce(sum(events), 0) FROM payload_queue", "once, at the start"),
    ("SELECT count(*), coalesce(sum(events), 0) FROM set_aside", "once, at the start"),
    ("SELECT received_ms FROM set_aside ORDER BY position LIMIT 1", "the first row, along the key"),
    (
        "UPDATE payload_queue SET due_ms = 1, lease_token = NULL WHERE due_ms > 0 AND lease_token IS NOT NULL",
        "once, at the start",
    ),
    (
        "SELECT position, received_ms FROM payloads WHERE position NOT IN (SELECT position FROM set_aside WHERE discarded_ms IS NULL) \
         ORDER BY position LIMIT ?1",
        "the first rows, along the key, and those that are set aside among them",
    ),
    (
        "SELECT id, first_id, last_id, after_id, payloads, rewritten, restored, accepted, skipped, begun_ms, ended_ms \
         FROM replays ORDER BY id DESC LIMIT ?1",
        "the last rows, along the key",
    ),
    (
        "SELECT id, first_id, last_id, after_id, payloads, rewritten, restored, accepted, skipped, begun_ms, ended_ms \
         FROM replays WHERE ended_ms IS NULL ORDER BY id LIMIT 1",
        "the first row of an index of few: replays that are not finished",
    ),
    (
        "SELECT id FROM events WHERE event_id = ?1 AND (?2 IS NULL OR source = ?2)",
        "sorts the events of one name and source: one in each span in which names are known",
    ),
    (
        "SELECT id FROM event_ids WHERE event_id = ?1 AND (?2 IS NULL OR source = ?2)",
        "sorts a row a source",
    ),
    (
        "SELECT kind, owner, label, id FROM tallies",
        "once, at the start, an index of at most 2,000 names for each source, and of errors",
    ),
    (
        "SELECT id, state, reason, detail, source, received_ms FROM outcomes",
        "once, when outcomes of earlier versions are counted",
    ),
    ("SELECT count(*) FROM tallies", "once, after events of earlier versions were counted"),
    ("SELECT id, kind, source, hash", "sorts a few keys, made by hand"),
];

/// The steps of a statement's query plan. Empty for statements without one.
fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let begins = sql.trim_start().get(..6).unwrap_or_default().to_uppercase();
    if !["SELECT", "INSERT", "UPDATE", "DELETE"].contains(&begins.as_str()) {
        return Vec::new();
    }
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let parameters = statement.parameter_count();
    for at in 1..=parameters {
        statement.raw_bind_parameter(at, rusqlite::types::Null).unwrap();
    }
    let mut rows = statement.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        steps.push(row.get(3).unwrap());
    }
    steps
}

/// Whether a step of a query plan may read a whole table: it begins at the first row, or sorts what
/// it read. A LIMIT does not help, because the steps before it may still read everything.
fn is_whole(step: &str) -> bool {
    if step.starts_with("USE TEMP B-TREE") {
        return true;
    }
    let Some(what) = step.strip_prefix("SCAN ") else { return false };
    let table = what.split(' ').next().unwrap();
    // A subquery has its own steps, and a constant row is one row.
    let is_table = !table.starts_with('(') && table != "CONSTANT";
    is_table && !SMALL.iter().any(|(known, _)| *known == table)
}

/// Whether the statement is part of a migration, which runs once and may read everything.
fn is_migration(sql: &str) -> bool {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite");
    let files = std::fs::read_dir(folder).unwrap().flat_map(|kind| {
        std::fs::read_dir(kind.unwrap().path()).unwrap().map(|file| file.unwrap().path())
    });
    files.map(|file| std::fs::read_to_string(file).unwrap()).any(|text| text.contains(sql))
}

#[test]
fn no_statement_reads_an_unbounded_range() {
    lamplight_sql_log::begin();
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().canonicalize().unwrap();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(everything::run(&folder));
    let mut judged: BTreeMap<String, usize> = BTreeMap::new();
    let (mut whole, mut excused) = (Vec::new(), BTreeSet::new());
    for (path, sql) in lamplight_sql_log::statements(&folder) {
        if is_migration(&sql) {
            continue;
        }
        let connection = Connection::open(of_its_kind(&path)).unwrap();
        let steps = plan(&connection, &sql);
        *judged.entry(file_kind(&path)).or_default() += usize::from(!steps.is_empty());
        let excuse = EXCUSED.iter().find(|(known, _)| sql.starts_with(known));
        excused.extend(excuse.map(|(known, _)| *known));
        if excuse.is_none() && steps.iter().any(|step| is_whole(step)) {
            whole.push(format!("{sql}\n    {}", steps.join("\n    ")));
        }
    }
    assert!(whole.is_empty(), "give these an index:\n{}", whole.join("\n"));
    assert_eq!(excused.len(), EXCUSED.len(), "an excuse that nothing needs: {excused:?}");
    let enough = [("events", 8), ("intake", 12), ("store", 25)];
    for (kind, least) in enough {
        assert!(judged.get(kind).is_some_and(|count| *count >= least), "{kind}: {judged:?}");
    }
}

/// Most statements that a sample and an evaluation run in a minute in which nothing begins or ends,
/// with those that begin and end their transactions.
const MINUTE_STATEMENTS_MAX: u64 = 20;

#[test]
fn a_minute_of_trends_and_alerts_runs_a_few_statements() {
    lamplight_sql_log::begin();
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().canonicalize().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let counted = runtime.block_on(watching::count_a_minute(&folder));
    assert!((8..=MINUTE_STATEMENTS_MAX).contains(&counted), "{counted} statements");
}

/// The file, or another one with the same tables if retention deleted it.
fn of_its_kind(path: &Path) -> PathBuf {
    if path.exists() {
        return path.to_owned();
    }
    let files = std::fs::read_dir(path.parent().unwrap()).unwrap().map(|file| file.unwrap().path());
    let mut same = files.filter(|other| {
        other.extension().is_some_and(|it| it == "db") && file_kind(other) == file_kind(path)
    });
    same.next().unwrap()
}

fn file_kind(path: &Path) -> String {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    name.split(['-', '.']).next().unwrap().to_owned()
}

#[test]
fn a_statement_that_reads_everything_is_noticed() {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch("CREATE TABLE t (a, b); CREATE INDEX t_a ON t (a);").unwrap();
    let is_bad = |sql: &str| plan(&connection, sql).iter().any(|step| is_whole(step));
    assert!(is_bad("SELECT * FROM t WHERE b = ?1"));
    assert!(is_bad("SELECT count(*) FROM t"));
    assert!(is_bad("DELETE FROM t WHERE b = ?1"));
    assert!(!is_bad("SELECT * FROM t WHERE a = ?1"));
    assert!(is_bad("SELECT * FROM t WHERE b = ?1 LIMIT 5"));
    assert!(is_bad("SELECT * FROM t WHERE a > ?1 ORDER BY b LIMIT 5"));
    assert!(!is_bad("SELECT * FROM t WHERE a > ?1 ORDER BY a LIMIT 5"));
}

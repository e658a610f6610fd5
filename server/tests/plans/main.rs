//! The plan of every statement that storage runs: none looks at more of a table than it needs.
//!
//! Everything that the two traits can do is done once, on small data; SQLite plans by the schema alone.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

mod delivering;
mod everything;

/// What reads a whole table or index on purpose, and why that is little.
const WHOLE: [(&str, &str); 7] = [
    ("totals", "one row"),
    ("keys", "a few rows, made by hand"),
    ("weeks", "a row a week"),
    ("batch", "the rows of one transaction"),
    ("refinery_schema_history", "a row a migration"),
    ("sqlite_schema", "a row a table or index"),
    ("sinks", "a few rows, made by hand"),
];
/// What reads a whole queue once, at the start.
const AT_START: [&str; 2] = [
    "SELECT count(*), coalesce(sum(events), 0) FROM payload_queue",
    "UPDATE payload_queue SET due_ms = 1, lease_token = NULL WHERE due_ms > 0 AND lease_token IS NOT NULL",
];

/// The steps of a statement's plan; none for what has no plan.
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

/// Whether a step of a plan may look at everything there is.
fn is_whole(sql: &str, step: &str) -> bool {
    let Some(what) = step.strip_prefix("SCAN ") else { return false };
    let table = what.split(' ').next().unwrap();
    // A subquery is judged by its own steps, a constant row is one row.
    let is_table = !table.starts_with('(') && table != "CONSTANT";
    is_table && !sql.contains(" LIMIT ") && !WHOLE.iter().any(|(known, _)| *known == table)
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
    let mut whole = Vec::new();
    for (path, sql) in lamplight_sql_log::statements(&folder) {
        let connection = Connection::open(of_its_kind(&path)).unwrap();
        let steps = plan(&connection, &sql);
        *judged.entry(file_kind(&path)).or_default() += usize::from(!steps.is_empty());
        let is_at_start = AT_START.contains(&sql.as_str());
        if !is_at_start && steps.iter().any(|step| is_whole(&sql, step)) {
            whole.push(format!("{sql}\n    {}", steps.join("\n    ")));
        }
    }
    assert!(whole.is_empty(), "give these an index or a LIMIT:\n{}", whole.join("\n"));
    let enough = [("events", 8), ("intake", 12), ("store", 25)];
    for (kind, least) in enough {
        assert!(judged.get(kind).is_some_and(|count| *count >= least), "{kind}: {judged:?}");
    }
}

/// The file, or, if retention deleted it, another one with the same tables.
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
    let is_bad = |sql: &str| plan(&connection, sql).iter().any(|step| is_whole(sql, step));
    assert!(is_bad("SELECT * FROM t WHERE b = ?1"));
    assert!(is_bad("SELECT count(*) FROM t"));
    assert!(is_bad("DELETE FROM t WHERE b = ?1"));
    assert!(!is_bad("SELECT * FROM t WHERE a = ?1"));
    assert!(!is_bad("SELECT * FROM t ORDER BY a LIMIT 5"));
}

//! Everything in a data directory, table by table.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::Value;

use crate::store::sqlite::upgrade::older::events_files;

/// What is not moved: what a live view shows, who is signed in, and how this backend commits.
const LEFT_OUT: [&str; 4] = ["recent", "sessions", "batch", "migration_progress"];
/// What only this backend keeps, or numbers again.
const OWN: [&str; 9] = [
    "position",
    "share",
    "state",
    "batch",
    "schema",
    "lease_token",
    "earlier_words",
    "earlier_shown",
    "earlier_ms",
];

/// The rows of each table of each file, in an order of their own.
pub(super) fn dump(folder: &Path) -> BTreeMap<String, Vec<String>> {
    let mut files = vec![folder.join("intake.db"), folder.join("store.db")];
    files.extend(events_files(folder));
    let mut dumped = BTreeMap::new();
    for file in files {
        let connection = Connection::open(&file).unwrap();
        let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' \
                      AND name NOT LIKE 'refinery_%'";
        for table in names(&connection, tables) {
            if LEFT_OUT.contains(&table.as_str()) {
                continue;
            }
            let file = file.file_name().unwrap().to_str().unwrap();
            let rows = rows(&connection, &table);
            dumped.insert(format!("{file} {table}"), rows);
        }
    }
    dumped
}

fn rows(connection: &Connection, table: &str) -> Vec<String> {
    let mut columns = names(connection, &format!("SELECT name FROM pragma_table_info('{table}')"));
    let is_own = |column: &String| match column.as_str() {
        // Of alerts and outcomes, it is what they are about.
        "state" => table == "weeks",
        own => OWN.contains(&own),
    };
    columns.retain(|column| !is_own(column));
    let sql = format!("SELECT {} FROM {table}", columns.join(", "));
    let mut statement = connection.prepare(&sql).unwrap();
    let count = columns.len();
    let mut rows: Vec<String> = statement
        .query_map([], |row| {
            let values: Vec<Value> = (0..count).map(|at| row.get(at).unwrap()).collect();
            Ok(format!("{values:?}"))
        })
        .unwrap()
        .map(Result::unwrap)
        .collect();
    rows.sort();
    rows
}

fn names(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// Fails unless two directories have the same rows, and names the first table that differs.
pub(super) fn assert_same(left: &Path, right: &Path) {
    let (left, right) = (dump(left), dump(right));
    let tables =
        |dumped: &BTreeMap<String, Vec<String>>| dumped.keys().cloned().collect::<Vec<_>>();
    assert_eq!(tables(&left), tables(&right));
    for (table, rows) in left {
        assert_eq!(rows, right[&table], "{table}");
    }
}

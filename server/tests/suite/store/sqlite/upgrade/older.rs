//! Makes databases as earlier versions left them: an older schema, with today's rows as far as it
//! has their tables and columns.

use std::path::{Path, PathBuf};

use refinery::{Migration, Runner};
use rusqlite::Connection;

/// The steps of a schema, in order.
pub(crate) fn steps(schema: &str) -> Vec<Migration> {
    steps_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite").join(schema))
}

/// The steps in a folder, in order.
pub(crate) fn steps_in(folder: &Path) -> Vec<Migration> {
    let files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let step = |file: &PathBuf| {
        let name = file.file_stem().unwrap().to_str().unwrap();
        Migration::unapplied(name, &std::fs::read_to_string(file).unwrap()).unwrap()
    };
    let mut steps: Vec<Migration> = files.iter().map(step).collect();
    steps.sort_by_key(Migration::version);
    steps
}

/// Copies the database `from` to `to` with version `version` of `schema`.
pub(crate) fn leave(schema: &str, version: usize, from: &Path, to: &Path) {
    let mut older = Connection::open(to).unwrap();
    older.execute_batch("PRAGMA journal_mode = WAL").unwrap();
    Runner::new(&steps(schema)[..version]).run(&mut older).unwrap();
    older.execute("ATTACH ?1 AS today", [from.to_str().unwrap()]).unwrap();
    for table in names(
        &older,
        "SELECT name FROM main.sqlite_schema WHERE type = 'table' \
         AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'refinery_%' \
         AND name IN (SELECT name FROM today.sqlite_schema)",
    ) {
        let columns = names(&older, &format!("SELECT name FROM pragma_table_info('{table}')"));
        let columns = columns.join(", ");
        older
            .execute_batch(&format!(
                "DELETE FROM main.{table};
                 INSERT INTO main.{table} ({columns}) SELECT {columns} FROM today.{table};"
            ))
            .unwrap();
    }
    older.execute("DETACH today", []).unwrap();
    if schema == "store" && version >= 5 {
        let week = steps("week")[week_steps(version) - 1].version();
        older.execute("UPDATE weeks SET schema = ?1", [week]).unwrap();
    }
}

/// How many steps the schema of a week had in the version in which that of the store had `store`.
pub(crate) fn week_steps(store: usize) -> usize {
    match store {
        ..5 => 1,
        5..8 => 2,
        8 => 3,
        _ => steps("week").len(),
    }
}

/// The states of the weeks in a store.
pub(crate) fn weeks(store: &Path) -> Vec<String> {
    names(&Connection::open(store).unwrap(), "SELECT state FROM weeks ORDER BY week")
}

/// The files of events in a folder, the oldest week first.
pub(crate) fn events_files(folder: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_events = |path: &PathBuf| {
        path.extension().is_some_and(|it| it == "db")
            && path.file_name().unwrap().to_str().unwrap().starts_with("events-")
    };
    let mut files: Vec<PathBuf> = paths.filter(is_events).collect();
    files.sort();
    files
}

/// Changes a database while no server has it open.
pub(crate) fn by_hand(database: &Path, sql: &str) {
    Connection::open(database).unwrap().execute_batch(sql).unwrap();
}

/// Records in `database` that a newer version wrote it.
pub(crate) fn call_newer(database: &Path) {
    let connection = Connection::open(database).unwrap();
    let version = "SELECT max(version) FROM refinery_schema_history";
    let changed = connection
        .execute(
            &format!(
                "UPDATE refinery_schema_history SET version = version + 1 WHERE version = ({version})"
            ),
            [],
        )
        .unwrap();
    assert_eq!(changed, 1);
}

/// The texts that a statement gives.
pub(crate) fn names(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

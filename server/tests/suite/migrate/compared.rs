//! Both sides are compared, row by row and table by table.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lamplight_server::migrate::{MigrateError, Watch, migrate};
use lamplight_server::store::moving::Table;
use lamplight_server::store::{Key, KeyKind, Opening, SavedView, WriterLimits, postgres};
use lamplight_server::system::data_dir::DataDirError;
use lamplight_server::system::supervisor::Supervisor;
use rusqlite::Connection;
use tokio_postgres::Client;

use super::{Watched, database, directory, migration, moved};
use crate::harness::now;
use crate::harness::postgres::{TestDatabase, urls};
use crate::store::filled::fill;
use crate::store::rows;
use crate::store::sqlite::upgrade::older::{events_files, names};
use crate::store::sqlite::upgrade::server::{NOW, Server};

/// The tables of a database that are not moved, and why.
const NOT_MOVED: [(&str, &str); 13] = [
    ("compatibility", "it is about the schema"),
    ("held_deliveries", "a database that is alone has none"),
    ("live_mark", "a live view begins again"),
    ("migration", "it is about the move"),
    ("migration_progress", "it is about the move"),
    ("queue_counts", "what is moved is counted there"),
    ("recent", "a live view begins again"),
    ("refinery_schema_history", "it is about the schema"),
    ("sessions", "people sign in again"),
    ("shard", "a database that is alone is none"),
    ("shard_moves", "a database that is alone has none"),
    ("sql_role", "a role belongs to a cluster"),
    ("tally_log", "it is added to `tallies` before they are moved"),
];
/// The tables of a data directory that are not moved, and why.
const NOT_MOVED_FROM_FILES: [(&str, &str); 5] = [
    ("batch", "it is how SQLite commits"),
    ("long_ledgers", "what is in it is moved as columns of `producers`"),
    ("recent", "a live view begins again"),
    ("refinery_schema_history", "it is about the schema"),
    ("sessions", "people sign in again"),
];
/// What SQLite keeps elsewhere: counts of sinks are columns of `sinks`.
const NOT_IN_FILES: [&str; 1] = ["sink_counts"];

/// What changes a row of a table.
const fn change(table: Table) -> &'static str {
    match table {
        Table::Keys | Table::SavedViews => "made_ms = made_ms + 1",
        Table::Sinks => "paused_ms = coalesce(paused_ms, 0) + 1",
        Table::Replays | Table::DiscardedSums => "payloads = payloads + 1",
        Table::Payloads | Table::PayloadQueue | Table::SetAside => "events = events + 1",
        Table::Events => "time_ms = time_ms + 1",
        Table::Runs => "last = last + 1",
        Table::ProfileVersions => "changed_bytes = changed_bytes + 1",
        Table::Outcomes => "applied_ms = applied_ms + 1",
        Table::Producers | Table::Sources => "missing = missing + 1",
        Table::Totals | Table::Applied => "stored = stored + 1",
        Table::EventIds => "received_ms = received_ms + 1",
        Table::ProfileStates => "revision = revision + 1",
        Table::ProfileWords => "said_ms = said_ms + 1",
        Table::SinkCounts => "sent = sent + 1",
        Table::Deliveries => "at_ms = at_ms + 1",
        Table::DeliveryQueue | Table::DeadLetters | Table::DiscardedLetters => "bytes = bytes + 1",
        Table::Trends => "figures_json = figures_json || ' '",
        Table::TrendMark | Table::AlertMark => "mark_json = mark_json || ' '",
        Table::AlertStates => "phase_json = phase_json || ' '",
        Table::AlertNotices => "attempts = attempts + 1",
        Table::Tallies => "kind = kind + 10",
        Table::TallyDetails => "json = json || ' '",
        Table::Weeks => "removed_events = removed_events + 1",
    }
}

/// Does something between moving and comparing.
struct Between<F>(Option<F>);

impl<F: FnOnce() + Send> Watch for Between<F> {
    fn begin(&mut self, step: &str, _: u64) {
        if step.starts_with("compare ")
            && let Some(change) = self.0.take()
        {
            change();
        }
    }

    fn reach(&mut self, _: u64) -> bool {
        true
    }

    fn note(&mut self, _: &str) {}
}

/// A filled data directory.
async fn filled(folder: &Path) -> PathBuf {
    std::fs::create_dir(folder).unwrap();
    let server = Server::open(folder).unwrap();
    fill(&server).await;
    server.close().await;
    folder.to_owned()
}

/// Runs statements on another connection, while a migration runs.
fn run(url: &str, sql: &str) {
    let (url, sql) = (url.to_owned(), sql.to_owned());
    let running = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (client, connection) =
                tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            let sql = format!("SET search_path = lamplight; SET lamplight.migrating = 'on'; {sql}");
            client.batch_execute(&sql).await.unwrap();
        });
    });
    running.join().unwrap();
}

/// Fails unless this says that a table differs.
fn assert_differs(moved: Result<impl std::fmt::Debug, MigrateError>, table: Table) {
    let name = table.name();
    match moved {
        Err(MigrateError::Differs { part, .. }) => {
            assert!(part == name || part.starts_with(&format!("{name} of ")), "{name}: {part}");
        }
        other => panic!("a row of {name} differs, and it says {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_differs_in_any_table_of_a_database_is_found() {
    let root = tempfile::tempdir().unwrap();
    let data = filled(&root.path().join("data")).await;
    let target = TestDatabase::create().await;
    let (from, to) = (directory(&data), database(&target.url));
    for table in Table::ALL {
        let (name, change) = (table.name(), change(table));
        let change = format!(
            "DROP TABLE IF EXISTS public.before; CREATE TABLE public.before AS TABLE {name}; \
             UPDATE {name} SET {change} WHERE (tableoid, ctid) = \
             (SELECT tableoid, ctid FROM {name} ORDER BY tableoid, ctid LIMIT 1)"
        );
        let mut between = Between(Some(|| run(&target.url, &change)));
        let moved = migrate(&migration(from.clone(), to.clone()), &mut between).await;
        assert_differs(moved, table);
        let back = format!("DELETE FROM {name}; INSERT INTO {name} SELECT * FROM public.before");
        run(&target.url, &back);
    }
    moved(from, to, &mut Watched::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_differs_in_any_table_of_a_data_directory_is_found() {
    let root = tempfile::tempdir().unwrap();
    let data = filled(&root.path().join("data")).await;
    let (source, back) = (TestDatabase::create().await, root.path().join("back"));
    let (from, to, begun) = (database(&source.url), directory(&back), now());
    moved(directory(&data), from.clone(), &mut Watched::default()).await.unwrap();
    for table in Table::ALL {
        let before = root.path().join("before.db");
        let changing = || {
            let connection = Connection::open(file_of(table, &back)).unwrap();
            connection.execute("VACUUM INTO ?1", [before.to_str().unwrap()]).unwrap();
            change_row(&connection, table);
        };
        let mut between = Between(Some(changing));
        let migration = migration(from.clone(), to.clone());
        let mut moved = migrate(&migration, &mut between).await;
        // A program that another test starts has a copy of the lock of the last migration until it
        // runs.
        while let Err(MigrateError::DataDir(DataDirError::Locked { .. })) = &moved {
            assert!(begun.elapsed() < Duration::from_mins(5), "nobody releases the lock");
            tokio::time::sleep(Duration::from_millis(50)).await;
            moved = migrate(&migration, &mut between).await;
        }
        assert_differs(moved, table);
        let file = file_of(table, &back);
        for log in ["-wal", "-shm"] {
            drop(std::fs::remove_file(format!("{}{log}", file.display())));
        }
        std::fs::rename(&before, file).unwrap();
    }
    moved(from, to, &mut Watched::default()).await.unwrap();
}

/// The file that has a table.
fn file_of(table: Table, folder: &Path) -> PathBuf {
    use Table::{DiscardedSums, PayloadQueue, Payloads, Replays, SetAside};
    match table {
        _ if table.is_of_week() => events_files(folder).remove(0),
        Replays | Payloads | PayloadQueue | SetAside | DiscardedSums => folder.join("intake.db"),
        _ => folder.join("store.db"),
    }
}

/// Changes the first row of a table of a data directory.
fn change_row(connection: &Connection, table: Table) {
    let name = if table == Table::SinkCounts { "sinks" } else { table.name() };
    let keys = format!("SELECT name FROM pragma_table_info('{name}') WHERE pk > 0");
    let mut keys = names(connection, &keys).join(", ");
    if keys.is_empty() {
        keys.push_str("rowid");
    }
    let change = change(table);
    let sql = format!(
        "UPDATE {name} SET {change} WHERE ({keys}) = (SELECT {keys} FROM {name} ORDER BY {keys} LIMIT 1)"
    );
    assert_eq!(connection.execute(&sql, []).unwrap(), 1, "{sql}");
}

/// The tables of a database, as `pg_class` names them.
async fn tables(client: &Client) -> Vec<String> {
    rows::all(client).await.into_keys().chain(["refinery_schema_history".to_owned()]).collect()
}

#[tokio::test]
async fn every_table_is_moved_and_compared_or_is_left_out_for_a_reason() {
    let target = TestDatabase::create().await;
    let mut in_database = tables(&target.client().await).await;
    let left_out = NOT_MOVED.map(|(name, _)| name.to_owned());
    let mut expected: Vec<String> = Table::ALL.map(|table| table.name().to_owned()).into();
    expected.extend(left_out);
    expected.sort();
    in_database.sort();
    assert_eq!(in_database, expected, "add what is new to `Table`, or say why it is left out");

    let root = tempfile::tempdir().unwrap();
    let data = filled(&root.path().join("data")).await;
    let mut files = vec![data.join("intake.db"), data.join("store.db")];
    files.push(events_files(&data).remove(0));
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let mut in_files: Vec<String> =
        files.iter().flat_map(|file| names(&Connection::open(file).unwrap(), sql)).collect();
    in_files.sort();
    in_files.dedup();
    let mut expected: Vec<String> = Table::ALL.map(|table| table.name().to_owned()).into();
    expected.retain(|name| !NOT_IN_FILES.contains(&name.as_str()));
    expected.extend(NOT_MOVED_FROM_FILES.map(|(name, _)| name.to_owned()));
    expected.sort();
    assert_eq!(in_files, expected, "add what is new to `Table`, or say why it is left out");
}

#[tokio::test]
async fn what_both_sides_have_becomes_that_of_the_directory() {
    let root = tempfile::tempdir().unwrap();
    let data = filled(&root.path().join("data")).await;
    let target = TestDatabase::create().await;
    // A server was started on the database before, with a key that the directory has disabled.
    let (limits, supervisor) = (WriterLimits::default(), Supervisor::default());
    let opened = postgres::open_as(&urls(&target.url), limits, Opening::Change, &supervisor).await;
    let storage = opened.unwrap();
    let key = Key::new(KeyKind::Secret, "api", "sk_secret_key", NOW + 1);
    storage.keys.add(vec![key.clone()]).await.unwrap();
    let view = SavedView {
        page: "events".into(),
        name: "of \u{0}".into(),
        query: "name=other".into(),
        made_ms: NOW + 1,
    };
    assert!(storage.saved_views.save(view).await.unwrap());
    moved(directory(&data), database(&target.url), &mut Watched::default()).await.unwrap();
    let keys = storage.keys.list().await.unwrap();
    let moved = keys.iter().find(|it| it.id == key.id).unwrap();
    assert_eq!((moved.made_ms, moved.disabled_ms), (NOW, Some(NOW)));
    let views = storage.saved_views.list("events".into()).await.unwrap();
    assert_eq!(views.iter().map(|view| view.query.as_str()).collect::<Vec<_>>(), ["name=e1"]);
    storage.close().await.unwrap();
}

//! Runs in SQLite's files of events: they always agree with the rows, whatever happens to either.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lamplight_server::process::enrich::Enrichers;
use lamplight_server::process::plan;
use lamplight_server::store::WriterLimits;
use lamplight_server::store::sqlite::SqliteStore;
use lamplight_server::store::{
    Database, Encoding, EventRef, EventTrace, Events, PayloadId, PayloadMetadata, Plan, Reader,
    Replayed, StoreError, Week,
};
use lamplight_wire::Producer;
use rusqlite::Connection;
use uuid::Uuid;

mod apart;
pub(crate) mod checker;

const NOW: i64 = 1_700_000_000_000;

fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(&folder.join("store.db"), WriterLimits::default(), Vec::new()).unwrap()
}

/// A payload with these producers and numbers. Number 0 stands for an event without one.
fn payload(id: u128, numbers: impl IntoIterator<Item = (u128, u64)>) -> Arc<Plan> {
    let events = numbers.into_iter().map(|(producer, seq)| match seq {
        0 => r#"{"name":"e"}"#.to_owned(),
        _ => {
            format!(r#"{{"name":"e","producer":"{}","seq":{seq}}}"#, Producer::from_bits(producer))
        }
    });
    let events: Vec<String> = events.collect();
    let body = format!("[{}]", events.join(","));
    let metadata = PayloadMetadata {
        id: PayloadId(Uuid::from_u128(id)),
        received_ms: NOW,
        key_id: "wk_1".into(),
        source: "web".into(),
        encoding: Encoding::Identity,
        events: u32::try_from(events.len()).unwrap(),
        unpacked_bytes: u32::try_from(body.len()).unwrap(),
        user_agent: None,
        origin: None,
        client: None,
    };
    Arc::new(plan(&metadata, &body.into(), 1, &Enrichers::default()).unwrap())
}

/// Numbers of the first producer.
fn numbers(range: std::ops::RangeInclusive<u64>) -> impl Iterator<Item = (u128, u64)> {
    range.map(|seq| (1, seq))
}

/// The file that the payloads' events are in.
fn events(folder: &Path) -> PathBuf {
    folder.join(format!("events-{}.db", Week::of_ms(NOW)))
}

/// Changes a database while no server has it open.
fn by_hand(path: &Path, sql: &str) -> usize {
    Connection::open(path).unwrap().execute(sql, []).unwrap()
}

async fn is_stored(store: &SqliteStore, producer: u128, seq: u64) -> bool {
    let producer = Producer::from_bits(producer);
    match store.event(EventRef::Number(producer, seq)).await.unwrap() {
        Some(EventTrace::Stored { event, .. }) => {
            assert_eq!(event.row.number, Some((producer, seq)));
            true
        }
        _ => false,
    }
}

#[tokio::test]
async fn consecutive_numbers_are_one_run_unless_something_is_between_them() {
    for (sent, want) in [
        (vec![(1, 1), (1, 2), (1, 3)], 1),
        (vec![(1, 1), (1, 3)], 2),
        (vec![(1, 3), (1, 2), (1, 1)], 3),
        (vec![(1, 1), (1, 1), (1, 2)], 2),
        (vec![(1, 1), (1, 0), (1, 2)], 2),
        (vec![(1, 1), (2, 1), (2, 2), (1, 2)], 3),
        (vec![(1, 1), (2, 2)], 2),
        (vec![(1, 0), (1, 0)], 0),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        store.apply(vec![payload(7, sent.clone())], NOW).await.unwrap();
        assert_eq!(checker::faults(dir.path()), [""; 0], "{sent:?}");
        assert_eq!(checker::count(dir.path()), want, "{sent:?}");
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn runs_of_two_payloads_are_two() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let both = vec![payload(7, numbers(1..=10)), payload(8, numbers(11..=20))];
    store.apply(both, NOW).await.unwrap();
    assert_eq!(checker::faults(dir.path()), [""; 0]);
    assert_eq!(checker::count(dir.path()), 2);
    store.close().await.unwrap();
}

/// Even if a ledger is wrong, its file of events takes no second row of a number.
#[tokio::test]
async fn a_number_in_a_run_is_not_written_again_even_if_its_ledger_is_gone() {
    for again in [4..=4, 1..=2, 5..=9, 2..=3, 1..=9] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        store.apply(vec![payload(7, numbers(2..=5))], NOW).await.unwrap();
        store.close().await.unwrap();
        assert_eq!(by_hand(&dir.path().join("store.db"), "DELETE FROM producers"), 1);

        let store = open(dir.path());
        let totals = store.totals(NOW).await.unwrap();
        let failed = store.apply(vec![payload(8, numbers(again.clone()))], NOW).await;
        assert!(matches!(failed, Err(StoreError::Database { .. })), "{again:?}: {failed:?}");
        assert_eq!(store.totals(NOW).await.unwrap(), totals, "nothing changed");
        assert!(!is_stored(&store, 1, 9).await);
        // Numbers beside the run, and those of other producers, are free.
        store.apply(vec![payload(9, [(1, 1), (1, 6), (2, 4)])], NOW).await.unwrap();
        assert_eq!(checker::faults(dir.path()), [""; 0], "{again:?}");
        store.close().await.unwrap();
    }
}

/// Leaves what a crash leaves between the commits of the week's file and of store.db: what `then`
/// wrote, with store.db as it was before.
async fn commit_the_week_only(folder: &Path, then: impl AsyncFnOnce(&SqliteStore)) {
    let (store, before) = (folder.join("store.db"), folder.join("before.db"));
    std::fs::copy(&store, &before).unwrap();
    let running = open(folder);
    then(&running).await;
    running.close().await.unwrap();
    std::fs::rename(&before, &store).unwrap();
    assert!(!folder.join("store.db-wal").exists(), "closing empties the WAL");
}

#[tokio::test]
async fn runs_of_an_unfinished_commit_are_deleted_with_its_rows() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.apply(vec![payload(7, numbers(1..=5))], NOW).await.unwrap();
    store.close().await.unwrap();
    let more = || vec![payload(8, numbers(6..=9)), payload(9, [(2, 1), (2, 2), (1, 11)])];
    commit_the_week_only(dir.path(), async |store| drop(store.apply(more(), NOW).await.unwrap()))
        .await;
    assert_eq!(checker::count(dir.path()), 4, "they are there until the next start");

    let store = open(dir.path());
    assert_eq!(checker::faults(dir.path()), [""; 0]);
    assert_eq!(checker::count(dir.path()), 1);
    store.apply(more(), NOW).await.unwrap();
    assert_eq!(checker::faults(dir.path()), [""; 0]);
    assert!(is_stored(&store, 1, 11).await && is_stored(&store, 2, 2).await);
    store.close().await.unwrap();
}

/// Rows may have been deleted by hand, with their runs or without. A replay restores them even if
/// it is interrupted and starts again.
#[tokio::test]
async fn a_replay_restores_deleted_rows_and_their_runs() {
    let deletions = [
        ("DELETE FROM events", "DELETE FROM runs"),
        ("DELETE FROM events", "DELETE FROM runs WHERE producer IS NULL"),
        ("DELETE FROM events WHERE seq IN (1, 4)", "DELETE FROM runs WHERE producer IS NULL"),
    ];
    for (rows, runs) in deletions {
        let dir = tempfile::tempdir().unwrap();
        let sent = || vec![payload(7, numbers(1..=4).chain([(2, 1), (2, 2)]))];
        let store = open(dir.path());
        store.apply(sent(), NOW).await.unwrap();
        store.close().await.unwrap();
        let gone = by_hand(&events(dir.path()), rows) as u64;
        by_hand(&events(dir.path()), runs);
        commit_the_week_only(dir.path(), async |store| {
            let done: Replayed = store.reapply(sent(), NOW).await.unwrap();
            assert_eq!((done.restored, done.rewritten), (gone, 6 - gone));
            assert_eq!(checker::faults(dir.path()), [""; 0], "{rows}; {runs}");
        })
        .await;

        let store = open(dir.path());
        let done = store.reapply(sent(), NOW).await.unwrap();
        assert_eq!((done.restored, done.rewritten), (gone, 6 - gone), "{rows}; {runs}");
        assert_eq!(checker::faults(dir.path()), [""; 0], "{rows}; {runs}");
        assert_eq!(checker::count(dir.path()), 2);
        for (producer, seq) in numbers(1..=4).chain([(2, 1), (2, 2)]) {
            assert!(is_stored(&store, producer, seq).await, "{producer} {seq}");
        }
        store.close().await.unwrap();
    }
}

/// Runs refer to rows by id, because `VACUUM` may change SQLite's own row numbers.
#[tokio::test]
async fn numbers_are_found_after_a_vacuum() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let all = (0..20u128).map(|at| payload(at + 7, [(at, 1), (at, 2), (1, 0)]));
    store.apply(all.collect(), NOW).await.unwrap();
    store.close().await.unwrap();
    by_hand(&events(dir.path()), "DELETE FROM events WHERE producer IS NULL");
    by_hand(&events(dir.path()), "VACUUM");
    let store = open(dir.path());
    for producer in 0..20 {
        assert!(is_stored(&store, producer, 1).await && is_stored(&store, producer, 2).await);
    }
    store.close().await.unwrap();
}

/// Tests the checker itself.
#[tokio::test]
async fn the_checker_finds_every_kind_of_wrong_run() {
    let (run, id) = ("UPDATE runs SET", "first_id = (SELECT id FROM events WHERE seq");
    for (damage, want) in [
        ("DELETE FROM runs WHERE first = 1".to_owned(), "no run"),
        (format!("{run} last = last - 1 WHERE first = 1"), "no run"),
        (format!("{run} last = last + 1 WHERE first = 1"), "no row"),
        ("DELETE FROM events WHERE seq = 2".to_owned(), "no row"),
        (format!("{run} {id} = 2) WHERE first = 1"), "no row"),
        (format!("{run} producer = zeroblob(16) WHERE first = 1"), "no row"),
        (format!("{run} last = 7 WHERE first = 1"), "in two runs"),
        (format!("{run} first = 2, {id} = 2) WHERE first = 1"), "no run"),
        (
            format!(
                "{run} last = 3 WHERE first = 1; \
                 INSERT INTO runs SELECT producer, source, seq, seq, id FROM events WHERE seq = 4"
            ),
            "two runs that are one",
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let all = vec![payload(7, numbers(1..=4)), payload(8, numbers(6..=7))];
        store.apply(all, NOW).await.unwrap();
        store.close().await.unwrap();
        Connection::open(events(dir.path())).unwrap().execute_batch(&damage).unwrap();
        let faults = checker::faults(dir.path()).join("\n");
        assert!(faults.contains(want), "{damage}: {faults}");
    }
}

//! What the ledgers of hostile clients cost in SQLite, in bytes and transactions.

use std::path::Path;
use std::sync::Arc;

use lamplight_server::store::WriterLimits;
use lamplight_server::store::ledger::{DROPPED_RANGES_MAX, RANGES_MAX};
use lamplight_server::store::sqlite::SqliteStore;
use lamplight_server::store::{Applied, Database, Events, Plan, ProducerQuery, Reader};
use lamplight_wire::Producer;
use lamplight_wire::batch::ProducerNote;
use lamplight_wire::limits::{PRODUCERS_MAX, SEQ_MAX};
use rusqlite::Connection;

use super::upgrade::older::by_hand;
use crate::store::sample::{NOW, declaring, good, number, plan, producer, shared};

/// The longest text of a ledger, in bytes: two numbers of ten digits for each range.
const LEDGER_BYTES_MAX: u64 = 26 * RANGES_MAX as u64;

fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(&folder.join("store.db"), WriterLimits::default(), Vec::new()).unwrap()
}

/// Every second one of some large numbers, which makes the longest ledger.
fn scattered(count: u64) -> impl Iterator<Item = u64> {
    (0..count).map(|step| SEQ_MAX - 4 * RANGES_MAX as u64 + 2 * step)
}

/// A payload that scatters as many numbers as a ledger keeps, dropped and received.
fn scatter(at: u128, of: u128) -> Plan {
    let ranges = scattered(DROPPED_RANGES_MAX as u64).map(|seq| (seq, seq)).collect();
    let note = ProducerNote { next: 0, dropped: vec![("quota".into(), ranges)] };
    let arrive = scattered(RANGES_MAX as u64).map(|seq| (number(of, seq), good("a")));
    let mut plan = plan(at, arrive.collect());
    plan.notes.push((producer(of), note));
    plan
}

async fn apply(folder: &Path, plans: Vec<Arc<Plan>>) -> Vec<Applied> {
    let store = open(folder);
    let applied = store.apply(plans, NOW).await.unwrap();
    store.close().await.unwrap();
    applied
}

fn read(folder: &Path, sql: &str) -> u64 {
    Connection::open(folder.join("store.db")).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Counts the bytes of texts that are written to ledgers from now on.
fn count_bytes(folder: &Path) {
    let texts = "coalesce(length(NEW.received_json), 0) + coalesce(length(NEW.dropped_json), 0)";
    let mut sql = vec!["CREATE TABLE written (bytes INTEGER NOT NULL);".to_owned()];
    for table in ["producers", "long_ledgers"] {
        for when in ["INSERT", "UPDATE"] {
            sql.push(format!(
                "CREATE TRIGGER {table}_{when} AFTER {when} ON {table} \
                 BEGIN INSERT INTO written VALUES ({texts}); END;"
            ));
        }
    }
    by_hand(&folder.join("store.db"), &sql.concat());
}

fn written(folder: &Path) -> u64 {
    read(folder, "SELECT coalesce(sum(bytes), 0) FROM written")
}

#[tokio::test]
async fn a_request_that_names_scattered_ledgers_writes_none_of_their_ranges() {
    let dir = tempfile::tempdir().unwrap();
    let count = PRODUCERS_MAX as u128;
    apply(dir.path(), (1..=count).map(|it| Arc::new(scatter(it, it))).collect()).await;
    let stored = read(
        dir.path(),
        "SELECT max(length(received_json) + length(dropped_json)) FROM long_ledgers",
    );
    assert!((20_000..=LEDGER_BYTES_MAX).contains(&stored), "{stored} bytes in the longest ledger");
    count_bytes(dir.path());
    let mut naming = plan(1_000, Vec::new());
    for of in 1..=count {
        naming = declaring(naming, producer(of), 2, &[]);
    }
    apply(dir.path(), shared([naming])).await;
    assert_eq!(written(dir.path()), 0, "only counts and times");
    // A number that closes a gap writes its ledger alone.
    let gap = scattered(1).next().unwrap() + 1;
    apply(dir.path(), shared([plan(1_001, vec![(number(7, gap), good("a"))])])).await;
    let bytes = written(dir.path());
    assert!((1..=LEDGER_BYTES_MAX).contains(&bytes), "{bytes} bytes");
}

#[tokio::test]
async fn one_transaction_reads_a_limited_number_of_bytes_of_ledgers() {
    let dir = tempfile::tempdir().unwrap();
    let (producers, batch) = (260, "SELECT batch FROM weeks");
    for of in 1..=producers {
        apply(dir.path(), shared([scatter(of, of)])).await;
    }
    let bytes = read(
        dir.path(),
        "SELECT sum(length(received_json) + length(dropped_json)) FROM long_ledgers",
    );
    assert!(bytes > 5_000_000, "{bytes} bytes in all ledgers");
    let before = read(dir.path(), batch);
    let gap = scattered(1).next().unwrap() + 1;
    let touching = (1..=producers).map(|of| plan(2_000 + of, vec![(number(of, gap), good("a"))]));
    let applied = apply(dir.path(), shared(touching)).await;
    assert!(applied.len() == 260 && applied.iter().all(|it| it.stored == 1), "in order, each once");
    assert_eq!(read(dir.path(), batch) - before, 2, "transactions");
    let small =
        (1..=producers).map(|of| plan(4_000 + of, vec![(number(9_000 + of, 1), good("a"))]));
    apply(dir.path(), shared(small)).await;
    assert_eq!(read(dir.path(), batch) - before, 3, "those of real pages are in one");
}

#[tokio::test]
async fn a_ledger_moves_between_its_row_and_the_table_of_long_ones() {
    let dir = tempfile::tempdir().unwrap();
    let numbers = |at: u128, seqs: &mut dyn Iterator<Item = u64>| {
        plan(at, seqs.map(|seq| (number(1, seq), good("a"))).collect())
    };
    let long = |folder: &Path| read(folder, "SELECT count(*) FROM long_ledgers");
    let query = ProducerQuery {
        verdict: None,
        source: None,
        producer: Some(Producer::from_bits(1)),
        after_number: 0,
        after: None,
        limit: 1,
        now_ms: NOW,
    };
    let steps: [(Vec<u64>, u64, usize); 4] = [
        ((1..=10).collect(), 0, 0),
        ((1..=200).map(|it| it * 3).collect(), 1, 200),
        ((1..=603).collect(), 0, 0),
        (vec![700, 702], 0, 2),
    ];
    for (at, (seqs, rows, holes)) in steps.into_iter().enumerate() {
        let plan = numbers(at as u128 + 1, &mut seqs.into_iter());
        apply(dir.path(), shared([plan])).await;
        assert_eq!(long(dir.path()), rows, "step {at}");
        let store = open(dir.path());
        let page = store.producers(query.clone()).await.unwrap();
        let unarrived = &page.producers[0].unarrived;
        assert!(unarrived.holes.as_slice().len().abs_diff(holes) <= 5, "{unarrived:?}");
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_ledger_of_a_step_that_was_rolled_back_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let (store, path) = (open(dir.path()), dir.path().join("store.db"));
    let apply = async |at, seq| {
        let plans = shared([plan(at, vec![(number(1, seq), good("a"))])]);
        store.apply(plans, NOW).await.map(|applied| (applied[0].stored, applied[0].duplicates))
    };
    assert_eq!(apply(1, 1).await.unwrap(), (1, 0));
    // After the ledger was written.
    by_hand(
        &path,
        "CREATE TRIGGER refuse BEFORE UPDATE ON sources BEGIN SELECT RAISE(ABORT, 'refused'); END",
    );
    apply(2, 2).await.expect_err("it is refused");
    by_hand(&path, "DROP TRIGGER refuse");
    assert_eq!(apply(3, 2).await.unwrap(), (1, 0), "nothing of it had arrived");
    assert_eq!(apply(4, 1).await.unwrap(), (0, 1));
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_ledger_that_somebody_else_changed_is_not_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let apply = async |at, seq| {
        store.apply(shared([plan(at, vec![(number(1, seq), good("a"))])]), NOW).await
    };
    apply(1, 1).await.unwrap();
    by_hand(
        &dir.path().join("store.db"),
        "UPDATE producers SET received = 2, received_json = '[[1,2]]'",
    );
    apply(2, 2).await.expect_err("it is not as the writer left it");
    let applied = apply(3, 2).await.unwrap();
    assert_eq!((applied[0].stored, applied[0].duplicates), (0, 1), "it was read again");
    store.close().await.unwrap();
}

//! Databases from before producers and ids counted within a source.

use std::path::Path;

use lamplight_server::store::WriterLimits;
use lamplight_server::store::sqlite::SqliteStore;
use lamplight_server::store::{Applied, Database, Events, Plan, ProducerQuery, Reader};
use rusqlite::{Connection, params};

use super::older::{events_files, leave};
use crate::store::sample::{NOW, client_id, good, number, plan, producer, shared};
use crate::store::sqlite::runs::checker;

/// The version of `store.db` before.
const BEFORE: usize = 7;

fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(&folder.join("store.db"), WriterLimits::default(), Vec::new()).unwrap()
}

fn from(source: &str, plan: Plan) -> Plan {
    Plan { source: source.into(), ..plan }
}

/// A folder with what an earlier version left of it after it applied `plans`.
async fn left_by_an_earlier_version(plans: Vec<Plan>) -> tempfile::TempDir {
    let (today, older) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(today.path());
    store.apply(shared(plans), NOW).await.unwrap();
    store.close().await.unwrap();
    leave("store", BEFORE, &today.path().join("store.db"), &older.path().join("store.db"));
    for path in events_files(today.path()) {
        leave("week", 2, &path, &older.path().join(path.file_name().unwrap()));
    }
    older
}

async fn apply(store: &SqliteStore, plans: impl IntoIterator<Item = Plan>) -> Vec<(u64, u64)> {
    let applied: Vec<Applied> = store.apply(shared(plans), NOW).await.unwrap();
    applied.iter().map(|it| (it.stored, it.duplicates)).collect()
}

/// A page whose key was replaced by one of another source sent for one producer from both.
#[tokio::test]
async fn what_a_producer_sent_from_two_sources_is_known_in_both() {
    let numbers = |at: u128, seqs: &[u64]| {
        plan(at, seqs.iter().map(|it| (number(1, *it), good("a"))).collect())
    };
    let both = vec![numbers(1, &[1, 2, 3]), numbers(2, &[4, 5])];
    let dir = left_by_an_earlier_version(both).await;
    // The second payload came from another source. The ledger is that of the first.
    let path = events_files(dir.path()).remove(0);
    let sql = "UPDATE events SET source = 'app' WHERE seq > 3";
    assert_eq!(Connection::open(path).unwrap().execute(sql, []).unwrap(), 2);
    let store = open(dir.path());
    let again = [from("app", numbers(3, &[4, 5, 6])), numbers(4, &[1, 4, 6, 7])];
    assert_eq!(apply(&store, again).await, [(1, 2), (1, 3)]);
    assert_eq!(checker::faults(dir.path()), [""; 0]);
    let sources = store.sources().await.unwrap();
    assert_eq!((sources.len(), sources[0].made, sources[0].received), (1, 7, 7));
    // A producer that is new counts within its source.
    let new = [2, 3].map(|at| plan(at + 10, vec![(number(9, 1), good("a"))]));
    let [web, app] = new;
    assert_eq!(apply(&store, [web, from("app", app)]).await, [(1, 0), (1, 0)]);
    store.close().await.unwrap();
}

#[tokio::test]
async fn ids_of_an_earlier_version_count_for_every_kind_of_key() {
    let one = |at: u128, id: &str| plan(at, vec![(client_id(id), good("a"))]);
    let dir = left_by_an_earlier_version(vec![one(1, "x")]).await;
    let store = open(dir.path());
    let secret = |plan: Plan| Plan { is_secret: true, ..plan };
    let plans = [one(2, "x"), secret(one(3, "x")), one(4, "y"), secret(one(5, "y"))];
    assert_eq!(apply(&store, plans).await, [(0, 1), (0, 1), (1, 0), (1, 0)]);
    store.close().await.unwrap();
}

#[tokio::test]
async fn ledgers_larger_than_the_limit_open_and_stay_usable() {
    let first = plan(1, vec![(number(1, 1), good("a")), (number(2, 1), good("a"))]);
    let dir = left_by_an_earlier_version(vec![first]).await;
    // 10,000 ranges that arrived, and as many for each of 16 reasons.
    let pairs: Vec<String> = (0..10_000).map(|it| format!("[{0},{0}]", it * 3 + 1)).collect();
    let (pairs, connection) =
        (pairs.join(","), Connection::open(dir.path().join("store.db")).unwrap());
    let reasons: Vec<String> = (0..16).map(|it| format!("\"reason{it}\":[{pairs}]")).collect();
    let set = "UPDATE producers SET made = made + ?2, received = received + ?3, declared = ?4, \
               received_json = ?5, dropped_json = ?6 WHERE producer = ?1";
    let bytes = |of: u128| of.to_be_bytes();
    let (many, one) = (format!("[{pairs}]"), "[[1,1]]");
    let huge = format!("{{{}}}", reasons.join(","));
    connection.execute(set, params![bytes(1), 9_999, 9_999, 0, many, "{}"]).unwrap();
    connection.execute(set, params![bytes(2), 9_999, 0, 9_999, one, huge]).unwrap();
    let totals = "UPDATE totals SET stored = stored + 9999, made = made + 19998, declared = 9999";
    connection.execute(totals, []).unwrap();
    drop(connection);

    let store = open(dir.path());
    let totals = store.totals(NOW).await.unwrap();
    assert_eq!((totals.declared, totals.in_flight), (0, 9_999), "dropped without room are holes");
    assert_eq!(totals.made, totals.stored + totals.in_flight);
    let query = |of: u128| ProducerQuery {
        verdict: None,
        source: None,
        producer: Some(producer(of)),
        after_number: 0,
        after: None,
        limit: 1,
        now_ms: NOW,
    };
    let row = store.producers(query(2)).await.unwrap().producers.remove(0);
    assert_eq!((row.refused, row.missing), (9_999, 9_999));
    // Each known number is a duplicate, one that closes a gap is new, others are too scattered.
    let at = |payload: u128, of: u128, seq: u64| plan(payload, vec![(number(of, seq), good("a"))]);
    let plans = [at(2, 1, 4), at(3, 1, 5), at(4, 1, 1_000_000), at(5, 2, 2), at(6, 2, 9)];
    let applied = store.apply(shared(plans), NOW).await.unwrap();
    let ends: Vec<_> = applied.iter().map(|it| (it.stored, it.duplicates, it.invalid)).collect();
    assert_eq!(ends, [(0, 1, 0), (1, 0, 0), (0, 0, 1), (1, 0, 0), (1, 0, 0)]);
    let totals = store.totals(NOW).await.unwrap();
    let ended = totals.stored + totals.invalid;
    assert_eq!(totals.made, ended + totals.in_flight + totals.declared + totals.lost);
    let row = store.producers(query(2)).await.unwrap().producers.remove(0);
    assert_eq!((row.made, row.received, row.missing), (9, 3, 6), "counted again with what arrives");
    store.close().await.unwrap();
}

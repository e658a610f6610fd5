//! Everything that a database can hold moves to others and back.

use lamplight_server::store::postgres::repair;

use super::router::Router;
use super::{assert_nothing_twice, drained, map, moved, shown, sums, verified};
use crate::harness::postgres::TestDatabase;
use crate::store::filled::fill;
use crate::store::rows;
use crate::store::sqlite::upgrade::server::Server;

/// A server that has this database alone, or all of it.
async fn server_on(database: &TestDatabase) -> Server {
    let mut router = Router::open(&[database]).await;
    Server { storage: router.stores.remove(0) }
}

/// A database that has everything that one can hold.
pub(super) async fn filled() -> TestDatabase {
    let database = TestDatabase::create().await;
    let server = server_on(&database).await;
    fill(&server).await;
    server.close().await;
    database
}

#[tokio::test]
async fn everything_moves_to_two_new_databases_and_back() {
    let (one, two, three) =
        (filled().await, TestDatabase::create().await, TestDatabase::create().await);
    verified(&[&one]).await;
    let (before, counts) = (shown(&[&one]).await, sums(&[&one]).await);
    let server = server_on(&one).await;
    let read = server.read_store(3).await;
    server.close().await;

    let all = [&one, &two, &three];
    let done = moved(&all, 150).await;
    assert_eq!((done.joined, done.buckets), (2, 682));
    let divided = map(&one).await;
    let sizes = [1, 2, 3].map(|number| divided.owned_by(number).len());
    assert_eq!(sizes, [342, 341, 341]);
    assert_eq!(shown(&all).await, before);
    assert_eq!(sums(&all).await, counts);
    assert_nothing_twice(&all).await;
    verified(&all).await;
    for database in [&two, &three] {
        let events = "SELECT count(*) FROM events";
        assert_ne!(rows::rows(&database.client().await, events).await, ["0"]);
    }

    let back = drained(&all, &[2, 3]).await;
    assert_eq!((back.joined, back.buckets), (0, 682));
    assert_eq!(shown(&all).await, before);
    assert_eq!(sums(&all).await, counts);
    assert_nothing_twice(&all).await;
    verified(&all).await;
    for database in [&two, &three] {
        for table in ["events", "producers", "outcomes", "event_ids", "delivery_queue", "runs"] {
            let sql = format!("SELECT count(*) FROM {table}");
            assert_eq!(rows::rows(&database.client().await, &sql).await, ["0"], "{table}");
        }
    }
    // What readers see is what they saw, with profiles, ledgers and logs of deliveries.
    let server = server_on(&one).await;
    assert_eq!(server.read_store(3).await, read);
    server.close().await;
    let repaired = repair(&one.url.parse().unwrap(), &mut |_, _| {}).await.unwrap();
    assert_eq!(repaired.changed, 0, "counts by time are those of a recount");
}

#[tokio::test]
async fn moving_when_everything_is_in_its_place_changes_nothing() {
    let one = filled().await;
    let two = TestDatabase::create().await;
    moved(&[&one, &two], 1_024).await;
    let before = map(&one).await;
    let again = moved(&[&one, &two], 1_024).await;
    assert_eq!((again.chunks, again.buckets, again.joined), (0, 0, 0));
    assert_eq!(map(&one).await, before);
    assert_eq!(map(&two).await, before);
}

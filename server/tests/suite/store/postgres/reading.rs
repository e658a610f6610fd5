//! Reading beside other servers: what a follower of the live view sees of transactions that end in
//! another order than they began, and of a database that was restored.

use lamplight_server::store::{
    EventFilter, EventIdentity, LivePlace, LivePosition, LiveTail, Storage,
};

use super::servers::server;
use crate::harness::postgres::TestDatabase;
use crate::store::sample::{NOW, good, plan, shared};

async fn store(storage: &Storage, number: u128, name: &str) {
    let events = vec![(EventIdentity::Anonymous, good(name))];
    storage.events.apply(shared([plan(number, events)]), NOW).await.unwrap();
}

async fn tail(storage: &Storage, after: &LivePlace) -> LiveTail {
    storage.reader.live(EventFilter::default(), after.clone(), 100).await.unwrap()
}

fn names(tail: &LiveTail) -> Vec<&str> {
    tail.events.iter().map(|(_, event)| event.name.as_str()).collect()
}

#[tokio::test]
async fn a_follower_skips_nothing_that_is_committed_late() {
    let database = TestDatabase::create().await;
    let (one, two) = (server(&database, &[]).await, server(&database, &[]).await);
    store(&one, 1, "a").await;
    let first = tail(&two, &LivePlace::default()).await;
    assert_eq!((names(&first), first.has_gap), (vec!["a"], false));
    // A transaction that began before others, and that adds a payload after them.
    let mut late = database.client().await;
    let open = late.transaction().await.unwrap();
    open.execute("SELECT pg_current_xact_id()", &[]).await.unwrap();
    store(&one, 2, "b").await;
    store(&two, 3, "c").await;
    let end = two.reader.live_end().await.unwrap();
    let during = tail(&two, &first.next).await;
    assert_eq!((names(&during), during.has_gap), (vec![], false));
    open.execute(
        "INSERT INTO recent SELECT (pg_current_xact_id()::text::bigint + shift) << 12, first_id, last_id \
         FROM live_mark, (SELECT first_id, last_id FROM recent ORDER BY position LIMIT 1) AS a",
        &[],
    )
    .await
    .unwrap();
    open.commit().await.unwrap();
    for after in [&first.next, &during.next, &end] {
        let rest = tail(&one, after).await;
        assert_eq!((names(&rest), rest.has_gap), (vec!["a", "b", "c"], false));
        assert!(names(&tail(&one, &rest.next).await).is_empty());
    }
}

#[tokio::test]
async fn a_transaction_of_another_database_holds_up_no_follower() {
    let (database, other) = (TestDatabase::create().await, TestDatabase::create().await);
    let storage = server(&database, &[]).await;
    let mut other = other.client().await;
    let open = other.transaction().await.unwrap();
    open.execute("SELECT pg_current_xact_id()", &[]).await.unwrap();
    store(&storage, 1, "a").await;
    let seen = tail(&storage, &LivePlace::default()).await;
    assert_eq!((names(&seen), seen.has_gap), (vec!["a"], false));
    open.commit().await.unwrap();
    store(&storage, 2, "b").await;
    let seen = tail(&storage, &seen.next).await;
    assert_eq!((names(&seen), seen.has_gap), (vec!["b"], false));
}

#[tokio::test]
async fn a_follower_of_a_database_that_was_restored_misses_nothing() {
    let database = TestDatabase::create().await;
    let storage = server(&database, &[]).await;
    store(&storage, 1, "a").await;
    let seen = tail(&storage, &LivePlace::default()).await;
    // In the cluster of the dump, transactions had far larger numbers.
    let client = database.client().await;
    client
        .batch_execute("UPDATE recent SET position = position + (1::bigint << 40)")
        .await
        .unwrap();
    let before = LivePosition { payload: seen.next.alone().payload + (1 << 40), index: u32::MAX };
    let storage = server(&database, &[]).await;
    store(&storage, 2, "b").await;
    let rest = tail(&storage, &before.into()).await;
    assert_eq!((names(&rest), rest.has_gap), (vec!["b"], false));
    assert_eq!(names(&tail(&storage, &LivePlace::default()).await), ["a", "b"]);
}

#[tokio::test]
async fn old_payloads_are_deleted_and_leave_a_gap() {
    let database = TestDatabase::create().await;
    let storage = server(&database, &[]).await;
    store(&storage, 1, "a").await;
    let seen = tail(&storage, &LivePlace::default()).await;
    let client = database.client().await;
    // Many more than are kept, all older than what comes.
    let old = "INSERT INTO recent SELECT (SELECT min(position) FROM recent) + n, first_id, last_id \
               FROM recent, generate_series(1, 25000) AS n";
    client.batch_execute(old).await.unwrap();
    let pruned = "SELECT pruned_to > begun FROM live_mark";
    let mut number = 2;
    while !client.query_one(pruned, &[]).await.unwrap().get::<_, bool>(0) {
        assert!(number < 5_000, "nothing was deleted");
        store(&storage, number, "b").await;
        number += 1;
    }
    let count = client.query_one("SELECT count(*) FROM recent", &[]).await.unwrap();
    assert!((20_000..22_000 + i64::try_from(number).unwrap()).contains(&count.get::<_, i64>(0)));
    let first = LivePosition { payload: seen.events[0].0.alone().payload, index: 0 };
    assert!(tail(&storage, &first.into()).await.has_gap);
    assert!(tail(&storage, &LivePlace::default()).await.has_gap);
}

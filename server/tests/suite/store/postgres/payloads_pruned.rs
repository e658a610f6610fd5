//! Pruning payloads: whole weeks, and what must stay.

use std::time::Duration;

use lamplight_server::store::{ExhaustedPayload, PayloadId, Storage, Week};
use tokio_postgres::Client;
use uuid::Uuid;

use super::payloads::{lease, received, server, settle};
use crate::harness::postgres::TestDatabase;
use crate::store::sample::NOW;

const WEEK_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

async fn count(client: &Client) -> i64 {
    client.query_one("SELECT count(*) FROM payloads", &[]).await.unwrap().get(0)
}

async fn partitions(client: &Client) -> i64 {
    let sql = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'payloads'::regclass";
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// Puts many settled payloads in the week of `ms`, which has its partition already.
async fn fill(client: &Client, ms: i64, payloads: i32) {
    let sql = "INSERT INTO payloads \
         SELECT (lpad(to_hex($1::bigint), 12, '0') || lpad(to_hex(n), 20, '0'))::uuid, $1, 'k', 's', 'identity', \
         1, 2, NULL, NULL, NULL, '[]' FROM generate_series(1000, 999 + $2::integer) AS n";
    client.execute(sql, &[&ms, &payloads]).await.unwrap();
}

/// Stages one payload and settles it.
async fn settled(storage: &Storage, ms: i64, number: u128) {
    storage.payload_queue.stage(received(ms, number)).await.unwrap();
    let leased = lease(storage, number, ms, 1).await.unwrap();
    settle(storage, &leased).await.unwrap();
}

#[tokio::test]
async fn a_week_that_is_over_is_dropped_and_made_again_if_something_comes_so_late() {
    let database = TestDatabase::create().await;
    let (one, other) = (server(&database).await, server(&database).await);
    let client = database.client().await;
    let ms = Week::of_ms(NOW).from_ms();
    settled(&one, ms, 1).await;
    fill(&client, ms, 1_500).await;
    assert_eq!(other.archive.prune(ms + WEEK_MS - 1).await.unwrap(), 100, "it is not over");
    assert_eq!(other.archive.prune(ms + WEEK_MS).await.unwrap(), 1_401);
    assert_eq!((count(&client).await, partitions(&client).await), (0, 0));
    assert_eq!(other.archive.prune(ms + WEEK_MS).await.unwrap(), 0);
    // This server made the partition, and does not know that it is gone.
    one.payload_queue.stage(received(ms, 2)).await.unwrap();
    assert_eq!(lease(&other, 7, ms, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_week_with_something_that_waits_loses_only_what_nobody_needs() {
    let database = TestDatabase::create().await;
    let storage = server(&database).await;
    let client = database.client().await;
    let ms = Week::of_ms(NOW).from_ms();
    for number in [1, 2_000_000, 3_000_000] {
        storage.payload_queue.stage(received(ms, number)).await.unwrap();
    }
    fill(&client, ms, 1_500).await;
    let leased = lease(&storage, 1, ms, 2).await.unwrap();
    let exhausted = ExhaustedPayload { ticket: leased[1].ticket.clone(), error: "why".into() };
    storage.payload_queue.set_aside(leased[0].lease, vec![exhausted], ms).await.unwrap();
    let mut pruned = 0;
    loop {
        let some = storage.archive.prune(ms + 9 * WEEK_MS).await.unwrap();
        if some == 0 {
            break;
        }
        assert!(some <= 100, "{some} at once");
        pruned += some;
    }
    assert_eq!((pruned, count(&client).await), (1_500, 3));
    let aside = leased[1].metadata.id;
    assert!(storage.payload_queue.retry(aside, ms).await.unwrap());
    let rest = lease(&storage, 2, ms + 60_000, 10).await.unwrap();
    settle(&storage, &rest).await.unwrap();
    assert_eq!(rest.len(), 3);
    assert_eq!(storage.archive.prune(ms + 9 * WEEK_MS).await.unwrap(), 3);
    assert_eq!(storage.archive.prune(ms + 9 * WEEK_MS).await.unwrap(), 0);
    assert_eq!(partitions(&client).await, 0, "an empty week goes too");
}

#[tokio::test]
async fn a_week_that_someone_reads_is_dropped_the_next_time_and_nobody_waits() {
    let database = TestDatabase::create().await;
    let storage = server(&database).await;
    let client = database.client().await;
    let ms = Week::of_ms(NOW).from_ms();
    settled(&storage, ms, 1).await;
    fill(&client, ms, 1_500).await;
    client.batch_execute("BEGIN; SELECT count(*) FROM payloads").await.unwrap();
    let (pruned, staged) = tokio::join!(storage.archive.prune(ms + WEEK_MS), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        tokio::time::timeout(
            Duration::from_secs(5),
            storage.payload_queue.stage(received(ms + 2 * WEEK_MS, 9)),
        )
        .await
    });
    assert_eq!(pruned.unwrap(), 100, "a few rows instead");
    staged.unwrap().unwrap();
    client.batch_execute("COMMIT").await.unwrap();
    assert_eq!(storage.archive.prune(ms + WEEK_MS).await.unwrap(), 100, "it waits a minute");
    let other = server(&database).await;
    assert_eq!(other.archive.prune(ms + WEEK_MS).await.unwrap(), 1_301);
    assert_eq!(count(&client).await, 1);
}

#[tokio::test]
async fn a_payload_that_is_restored_while_it_is_pruned_is_there_or_was_not_restored() {
    let database = TestDatabase::create().await;
    let (one, other) = (server(&database).await, server(&database).await);
    let (mut restored, ms) = (0, NOW);
    for number in 1..=40_u128 {
        one.payload_queue.stage(received(ms, number)).await.unwrap();
        let leased = lease(&one, number, ms, 1).await.unwrap();
        let exhausted = ExhaustedPayload { ticket: leased[0].ticket.clone(), error: "w".into() };
        let (id, queue) = (leased[0].metadata.id, &one.payload_queue);
        queue.set_aside(leased[0].lease, vec![exhausted], ms).await.unwrap();
        assert!(queue.discard(id, ms).await.unwrap());
        let pause = Duration::from_micros(u64::try_from(number).unwrap() * 100);
        let (is_restored, pruned) = tokio::join!(
            async {
                tokio::time::sleep(pause).await;
                other.payload_queue.restore(id).await.unwrap()
            },
            one.archive.prune(ms + 1)
        );
        assert_eq!(u64::from(!is_restored), pruned.unwrap(), "either, never both");
        let is_there = one.archive.metadata(id).await.unwrap().is_some();
        assert_eq!(is_there, is_restored);
        restored += u64::from(is_restored);
    }
    let backlog = other.payload_queue.backlog().await.unwrap();
    assert_eq!((backlog.set_aside.payloads, backlog.discarded.payloads), (restored, 40 - restored));
    let listed = other.payload_queue.list_set_aside(None, 100).await.unwrap();
    assert_eq!(listed.len() as u64, restored);
    let missing = PayloadId(Uuid::max());
    assert!(!other.payload_queue.restore(missing).await.unwrap());
}

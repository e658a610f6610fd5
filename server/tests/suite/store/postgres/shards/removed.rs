//! A shard without buckets leaves the map, and nothing that was counted is missing.

use std::sync::Arc;

use lamplight_server::store::postgres::shards::{MoveOptions, Mover, ShardError};
use lamplight_server::store::{
    DeliveryAsk, DeliveryEnding, DeliveryOrder, LeaseToken, SettledDelivery, Settlement, Storage,
};

use super::counted_once::{assert_same, filled, opened};
use super::{LATER, Watched, drained, map, moved, moved_with, verified};
use crate::harness::postgres::TestDatabase;
use crate::postgres_faults::shards_equal::told;
use crate::store::rows;
use crate::store::sqlite::upgrade::server::At;

/// Removes a shard.
pub(crate) async fn remove(
    databases: &[&TestDatabase],
    number: u16,
    without_payloads: bool,
) -> Result<(), ShardError> {
    let urls: Vec<_> = databases.iter().map(|it| it.url.parse().unwrap()).collect();
    let mut mover = Mover::open(&urls, Arc::new(At(LATER))).await?;
    let removed = mover.remove(number, without_payloads, &mut Watched::default()).await;
    mover.close().await.unwrap();
    removed
}

/// Why a shard cannot be removed.
async fn refusal(databases: &[&TestDatabase], number: u16) -> String {
    remove(databases, number, false).await.unwrap_err().to_string()
}

/// Delivers everything that waits.
async fn deliver(storage: &Storage) {
    loop {
        let ask = DeliveryAsk {
            sink: "archive".into(),
            token: LeaseToken(7),
            now_ms: LATER,
            lease_ms: 60_000,
            events_max: 100,
            bytes_max: 1 << 30,
            order: DeliveryOrder::Shared,
        };
        let (lease, leased) = storage.delivery_queue.lease(ask).await.unwrap();
        if leased.is_empty() {
            return;
        }
        let ended = leased
            .iter()
            .map(|it| SettledDelivery { ticket: it.ticket, ending: DeliveryEnding::Sent });
        let (deliveries, sink) = (ended.collect(), "archive".into());
        let settlement = Settlement { sink, lease, deliveries, condition: None, now_ms: LATER };
        storage.delivery_queue.settle(settlement).await.unwrap();
    }
}

#[tokio::test]
async fn a_drained_shard_leaves_the_map_and_all_counts_stay() {
    let (one, plans, _) = filled().await;
    let (two, three) = (TestDatabase::create().await, TestDatabase::create().await);
    let all = [&one, &two, &three];
    moved(&all, 1_024).await;
    let running = opened(&all).await;
    // What was sent is counted where it was sent from.
    deliver(&running).await;
    let before = told(&running, &plans).await;
    let sent = rows::rows(&two.client().await, "SELECT sum(sent) FROM sink_counts").await;
    assert_ne!(sent, ["0"]);

    assert!(refusal(&all, 7).await.contains("there is no such shard"));
    assert!(refusal(&all, 1).await.contains("it has the keys"));
    let holds = refusal(&all, 2).await;
    assert!(
        holds.contains("it holds 341 buckets. Run `lamplight shards move --drain 2`"),
        "{holds}"
    );
    // A chunk is on its way.
    let options = MoveOptions { drain: vec![2], buckets_max: Some(100), ..MoveOptions::default() };
    let mut watched = Watched { steps_left: Some(2), ..Watched::default() };
    moved_with(&all, &options, &mut watched).await.unwrap_err();
    assert!(refusal(&all, 2).await.contains("buckets are on their way"));
    drained(&all, &[2]).await;
    let insert = "INSERT INTO payload_queue (id, share, due_ms, received_ms, events, unpacked_bytes) \
                  VALUES (gen_random_uuid(), 0, 0, 0, 1, 1)";
    let client = two.client().await;
    client.batch_execute(insert).await.unwrap();
    assert!(refusal(&all, 2).await.contains("1 payload waits there"));
    client.batch_execute("DELETE FROM payload_queue").await.unwrap();
    let known = map(&one).await;
    remove(&all, 2, false).await.unwrap();
    let removed = map(&one).await;
    assert_eq!((removed.epoch, removed.shards.len()), (known.epoch + 1, 2));

    // The server that has its URL, one that still has it and starts, and one without it.
    assert_same(&told(&running, &plans).await, &before, "while it runs");
    running.close().await.unwrap();
    for databases in [all.as_slice(), &[&three, &one]] {
        let storage = opened(databases).await;
        assert_same(&told(&storage, &plans).await, &before, "after a start");
        assert_eq!(storage.events_database.shards(), [(1, true), (3, true)]);
        storage.close().await.unwrap();
    }
    assert_eq!(map(&one).await, removed, "it does not come back");
    assert!(refusal(&all, 2).await.contains("there is no such shard"));
    verified(&[&one, &three]).await;

    // The next one has a new number, and in the end one is left.
    let four = TestDatabase::create().await;
    moved(&[&one, &three, &four], 1_024).await;
    assert_eq!(map(&one).await.shards, [1, 3, 4].into());
    let rest = [&one, &three, &four];
    drained(&rest, &[3, 4]).await;
    for number in [3, 4] {
        remove(&rest, number, false).await.unwrap();
    }
    let storage = opened(&[&one]).await;
    assert_same(&told(&storage, &plans).await, &before, "alone again");
    storage.close().await.unwrap();
    verified(&[&one]).await;
}

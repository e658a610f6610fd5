//! The laws of `PayloadQueue::stage_all`: what is staged again changes nothing.

use std::ops::RangeInclusive;
use std::time::Duration;

use lamplight_server::store::{
    Backlog, NewPayload, PayloadId, PayloadState, SetAsideSums, Storage, StoreError, WorkerSlot,
};
use uuid::Uuid;

use super::payload_queue_laws::{depth, failed, lease, stage};
use super::set_aside_laws::set_aside;
use crate::store::backend::Backend;
use crate::store::sample::{NOW, ask, payload};

crate::laws!(
    payloads_that_are_staged_together_are_leased_as_they_came,
    staging_twice_is_staging_once,
    a_payload_is_staged_once_however_often_it_is_in_one_call,
    of_known_and_unknown_payloads_only_the_unknown_are_staged,
    staging_again_leaves_a_lease_and_a_failure_as_they_are,
    staging_again_brings_back_nothing_that_was_settled,
    staging_again_brings_back_nothing_that_was_set_aside_or_discarded,
    what_was_staged_together_survives_a_restart_and_is_known_afterwards,
    calls_at_the_same_time_with_the_same_payloads_stage_them_once,
    staging_nothing_changes_nothing,
    staging_together_wakes_each_worker,
);

fn payloads(numbers: RangeInclusive<u128>) -> Vec<NewPayload> {
    numbers.map(|number| payload(number, "[{},{}]")).collect()
}

async fn stage_all(storage: &Storage, numbers: RangeInclusive<u128>) {
    storage.payload_queue.stage_all(payloads(numbers)).await.unwrap();
}

async fn backlog(storage: &Storage) -> Backlog {
    storage.payload_queue.backlog().await.unwrap()
}

async fn payloads_that_are_staged_together_are_leased_as_they_came(
    Backend { storage, .. }: Backend,
) {
    let sent = [payload(1, " [ {\"name\" : \"a\"} ]\n"), payload(2, ""), payload(3, "\0\u{7f}")];
    storage.payload_queue.stage_all(sent.to_vec()).await.unwrap();
    let mut leased = storage.payload_queue.lease(ask(1, NOW, 10)).await.unwrap();
    leased.sort_by_key(|it| it.metadata.id);
    assert_eq!(leased.len(), 3);
    for (leased, sent) in leased.iter().zip(&sent) {
        assert_eq!((&leased.metadata, &leased.body), (&sent.metadata, &sent.body));
        assert_eq!((leased.attempts, leased.own_failures), (0, 0));
    }
}

async fn staging_twice_is_staging_once(Backend { storage, .. }: Backend) {
    stage_all(&storage, 1..=3).await;
    stage_all(&storage, 1..=3).await;
    assert_eq!(depth(&storage).await, (3, 6));
    let (held, tickets, mut numbers) = lease(&storage, 1, NOW).await;
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3]);
    storage.payload_queue.settle(held, tickets, NOW).await.unwrap();
    assert_eq!(depth(&storage).await, (0, 0));
}

async fn a_payload_is_staged_once_however_often_it_is_in_one_call(
    Backend { storage, .. }: Backend,
) {
    let twice = payloads(1..=2).into_iter().chain(payloads(1..=2)).collect();
    storage.payload_queue.stage_all(twice).await.unwrap();
    assert_eq!(depth(&storage).await, (2, 4));
    assert_eq!(lease(&storage, 1, NOW).await.2.len(), 2);
}

async fn of_known_and_unknown_payloads_only_the_unknown_are_staged(
    Backend { storage, .. }: Backend,
) {
    stage(&storage, 2..=3).await;
    stage_all(&storage, 1..=4).await;
    assert_eq!(depth(&storage).await, (4, 8));
    let mut numbers = lease(&storage, 1, NOW).await.2;
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4]);
}

async fn staging_again_leaves_a_lease_and_a_failure_as_they_are(Backend { storage, .. }: Backend) {
    stage_all(&storage, 1..=2).await;
    let (held, tickets, numbers) = lease(&storage, 1, NOW).await;
    let release = vec![failed(&tickets[0], NOW + 5_000, true)];
    storage.payload_queue.release(held, release, NOW).await.unwrap();
    let before = backlog(&storage).await;
    stage_all(&storage, 1..=2).await;
    assert_eq!(backlog(&storage).await, before);
    assert_eq!(lease(&storage, 2, NOW + 4_999).await.2.len(), 0, "leased, and not yet due");
    storage.payload_queue.settle(held, tickets[1..].to_vec(), NOW + 1).await.unwrap();
    let again = storage.payload_queue.lease(ask(3, NOW + 5_000, 10)).await.unwrap();
    assert_eq!((again.len(), again[0].attempts, again[0].own_failures), (1, 1, 1));
    assert_eq!(again[0].metadata.id.0.as_u128(), numbers[0]);
}

async fn staging_again_brings_back_nothing_that_was_settled(Backend { storage, .. }: Backend) {
    stage_all(&storage, 1..=2).await;
    let (held, tickets, _) = lease(&storage, 1, NOW).await;
    storage.payload_queue.settle(held, tickets, NOW).await.unwrap();
    stage_all(&storage, 1..=3).await;
    assert_eq!(depth(&storage).await, (1, 2));
    assert_eq!(lease(&storage, 2, NOW + 9_000_000).await.2, [3]);
    let state = storage.payload_queue.state(PayloadId(Uuid::from_u128(1))).await.unwrap();
    assert_eq!(state, Some(PayloadState::Settled));
}

async fn staging_again_brings_back_nothing_that_was_set_aside_or_discarded(
    Backend { storage, .. }: Backend,
) {
    set_aside(&storage, 1..=2).await;
    let discarded = PayloadId(Uuid::from_u128(2));
    assert!(storage.payload_queue.discard(discarded, NOW + 2).await.unwrap());
    let before = backlog(&storage).await;
    stage_all(&storage, 1..=2).await;
    assert_eq!(backlog(&storage).await, before);
    let sums = SetAsideSums { payloads: 1, events: 2, oldest_ms: Some(NOW) };
    assert_eq!((before.payloads, before.set_aside), (0, sums));
    assert_eq!(lease(&storage, 2, NOW + 9_000_000).await.2.len(), 0);
}

async fn what_was_staged_together_survives_a_restart_and_is_known_afterwards(backend: Backend) {
    stage_all(&backend.storage, 1..=3).await;
    let Backend { storage, .. } = &backend.reopened().await;
    assert_eq!(depth(storage).await, (3, 6));
    stage_all(storage, 1..=3).await;
    assert_eq!(depth(storage).await, (3, 6));
    assert_eq!(lease(storage, 2, NOW).await.2.len(), 3);
}

async fn calls_at_the_same_time_with_the_same_payloads_stage_them_once(
    Backend { storage, .. }: Backend,
) {
    let queue = &storage.payload_queue;
    let answers: [Result<(), StoreError>; 4] = tokio::join!(
        queue.stage_all(payloads(1..=40)),
        queue.stage_all(payloads(21..=60)),
        queue.stage_all(payloads(1..=60).into_iter().rev().collect()),
        queue.stage_all(payloads(30..=30)),
    )
    .into();
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(depth(&storage).await, (60, 120));
    let mut numbers = lease(&storage, 1, NOW).await.2;
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=60).collect::<Vec<_>>());
}

async fn staging_nothing_changes_nothing(Backend { storage, .. }: Backend) {
    storage.payload_queue.stage_all(Vec::new()).await.unwrap();
    assert_eq!(depth(&storage).await, (0, 0));
}

async fn staging_together_wakes_each_worker(Backend { storage, .. }: Backend) {
    for (workers, first) in [(2, 1), (1, 1_001)] {
        let staging = async {
            // A group may go to one worker: several reach all of them.
            for group in 0..100 {
                let begin = first + group * 3;
                stage_all(&storage, begin..=begin + 2).await;
            }
        };
        let waits = async {
            for worker in WorkerSlot::among(workers) {
                let woken = storage.payload_queue.staged(worker);
                tokio::time::timeout(Duration::from_secs(10), woken).await.unwrap();
            }
        };
        tokio::join!(staging, waits);
    }
}

//! The laws of payloads that are set aside: they wait for an operator and are never lost.

use lamplight_server::store::{
    ExhaustedPayload, Lease, LeaseToken, PayloadId, SetAsideSums, Storage, StoreError,
};
use uuid::Uuid;

use super::payload_queue_laws::{depth, failed, lease, stage};
use crate::store::backend::Backend;
use crate::store::sample::{NOW, ask, payload};

crate::laws!(
    a_payload_that_is_set_aside_is_counted_and_not_leased_again,
    set_aside_with_another_token_changes_nothing,
    payloads_that_are_set_aside_are_listed_page_by_page,
    a_retried_payload_is_due_again_with_its_failures_forgotten,
    pruning_keeps_payloads_that_are_set_aside,
    payloads_stay_set_aside_after_a_restart,
);

/// Stages these payloads, leases them and sets all of them aside.
pub(super) async fn set_aside(storage: &Storage, numbers: std::ops::RangeInclusive<u128>) {
    stage(storage, numbers).await;
    let (held, tickets, _) = lease(storage, 1, NOW).await;
    let exhausted = tickets
        .into_iter()
        .map(|ticket| ExhaustedPayload { ticket, error: "it panicked".into() })
        .collect();
    storage.payload_queue.set_aside(held, exhausted, NOW + 1).await.unwrap();
}

async fn set_aside_numbers(storage: &Storage) -> Vec<u128> {
    let all = storage.payload_queue.list_set_aside(None, 100).await.unwrap();
    all.iter().map(|it| it.metadata.id.0.as_u128()).collect()
}

async fn a_payload_that_is_set_aside_is_counted_and_not_leased_again(
    Backend { storage, .. }: Backend,
) {
    set_aside(&storage, 1..=2).await;
    stage(&storage, 3..=3).await;
    let backlog = storage.payload_queue.backlog().await.unwrap();
    assert_eq!((backlog.payloads, backlog.events, backlog.failing), (1, 2, 0));
    let sums = SetAsideSums { payloads: 2, events: 4, oldest_ms: Some(NOW) };
    assert_eq!(backlog.set_aside, sums);
    assert_eq!(lease(&storage, 2, NOW + 9_000_000).await.2, [3]);
}

async fn set_aside_with_another_token_changes_nothing(Backend { storage, .. }: Backend) {
    stage(&storage, 1..=1).await;
    let (held, tickets, _) = lease(&storage, 1, NOW).await;
    let exhausted =
        || vec![ExhaustedPayload { ticket: tickets[0].clone(), error: "it panicked".into() }];
    let other = Lease { token: LeaseToken(2), ..held };
    for (lease, now_ms) in [(other, NOW), (held, NOW + 60_000)] {
        let refused = storage.payload_queue.set_aside(lease, exhausted(), now_ms).await;
        assert!(matches!(refused, Err(StoreError::LeaseLost)));
    }
    let backlog = storage.payload_queue.backlog().await.unwrap();
    assert_eq!((backlog.payloads, backlog.set_aside), (1, SetAsideSums::default()));
    assert_eq!(set_aside_numbers(&storage).await, []);
}

async fn payloads_that_are_set_aside_are_listed_page_by_page(Backend { storage, .. }: Backend) {
    set_aside(&storage, 1..=5).await;
    let first = storage.payload_queue.list_set_aside(None, 2).await.unwrap();
    assert_eq!(first[0].metadata, payload(1, "[{},{}]").metadata);
    assert_eq!(
        (first[0].attempts, first[0].error.as_str(), first[0].set_aside_ms),
        (1, "it panicked", NOW + 1)
    );
    let after = Some(first[1].metadata.id);
    let rest = storage.payload_queue.list_set_aside(after, 10).await.unwrap();
    let rest: Vec<_> = rest.iter().map(|it| it.metadata.id.0.as_u128()).collect();
    assert_eq!((first.len(), rest), (2, vec![3, 4, 5]));
}

async fn a_retried_payload_is_due_again_with_its_failures_forgotten(
    Backend { storage, .. }: Backend,
) {
    stage(&storage, 1..=1).await;
    let (held, tickets, _) = lease(&storage, 1, NOW).await;
    storage.payload_queue.release(held, vec![failed(&tickets[0], NOW, true)], NOW).await.unwrap();
    set_aside(&storage, 2..=3).await;
    let id = |number| PayloadId(Uuid::from_u128(number));
    assert!(storage.payload_queue.retry(id(1), NOW + 5).await.unwrap());
    assert!(!storage.payload_queue.retry(id(1), NOW + 5).await.unwrap(), "it is not set aside");
    assert!(!storage.payload_queue.retry(id(77), NOW + 5).await.unwrap(), "there is none");
    assert_eq!(set_aside_numbers(&storage).await, [2, 3]);
    let backlog = storage.payload_queue.backlog().await.unwrap();
    assert_eq!((backlog.payloads, backlog.events), (1, 2));
    assert_eq!((backlog.set_aside.payloads, backlog.set_aside.events), (2, 4));
    let again = storage.payload_queue.lease(ask(7, NOW + 5, 10)).await.unwrap();
    assert_eq!(again[0].metadata.id, id(1));
    assert_eq!((again[0].attempts, again[0].own_failures), (2, 0));
    storage
        .payload_queue
        .settle(again[0].lease, vec![again[0].ticket.clone()], NOW + 6)
        .await
        .unwrap();
    assert_eq!(depth(&storage).await, (0, 0));
}

async fn pruning_keeps_payloads_that_are_set_aside(Backend { storage, .. }: Backend) {
    set_aside(&storage, 1..=1).await;
    stage(&storage, 2..=3).await;
    let (held, tickets, _) = lease(&storage, 2, NOW).await;
    storage.payload_queue.settle(held, tickets, NOW).await.unwrap();
    assert_eq!(storage.archive.prune(NOW + 1).await.unwrap(), 2);
    let id = PayloadId(Uuid::from_u128(1));
    assert!(storage.archive.metadata(id).await.unwrap().is_some());
    assert!(storage.payload_queue.retry(id, NOW).await.unwrap());
    assert_eq!(lease(&storage, 3, NOW).await.2, [1]);
}

async fn payloads_stay_set_aside_after_a_restart(backend: Backend) {
    set_aside(&backend.storage, 1..=2).await;
    let Backend { storage, .. } = &backend.reopened().await;
    assert_eq!(set_aside_numbers(storage).await, [1, 2]);
    let backlog = storage.payload_queue.backlog().await.unwrap();
    assert_eq!(backlog.set_aside, SetAsideSums { payloads: 2, events: 4, oldest_ms: Some(NOW) });
    assert_eq!(depth(storage).await, (0, 0));
}

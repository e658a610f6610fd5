//! The laws of `PayloadQueue`: staging, leasing, settling and releasing.

use std::time::Duration;

use lamplight_server::store::{
    FailedPayload, Lease, LeaseAsk, LeaseToken, NewPayload, Storage, StoreError, Ticket, WorkerSlot,
};

use crate::store::backend::Backend;
use crate::store::sample::{NOW, ask, payload, producer};

crate::laws!(
    a_staged_payload_is_leased_as_it_came,
    a_leased_payload_is_not_leased_again_before_its_lease_ends,
    a_payload_whose_lease_expired_is_leased_again_as_another_attempt,
    a_settled_payload_is_never_leased_again,
    settle_with_another_token_changes_nothing,
    settle_with_an_expired_token_changes_nothing,
    settle_changes_nothing_unless_every_ticket_is_held,
    a_failed_payload_is_leased_again_when_it_is_due_and_not_before,
    release_with_another_token_changes_nothing,
    only_the_payloads_own_failures_are_counted_as_such,
    a_lease_takes_no_more_than_asked_but_at_least_one_payload,
    the_longest_waiting_payload_is_leased_first,
    failed_and_fresh_payloads_never_keep_each_other_waiting,
    failures_alone_fill_a_lease,
    each_payload_is_leased_to_one_of_the_workers,
    a_restart_keeps_payloads_and_ends_leases,
    staging_wakes_each_worker,
    metadata_is_found_before_and_after_a_payload_is_settled,
);

/// Stages payloads with these numbers, of two events each.
pub(super) async fn stage(storage: &Storage, numbers: std::ops::RangeInclusive<u128>) {
    for number in numbers {
        storage.payload_queue.stage(payload(number, "[{},{}]")).await.unwrap();
    }
}

/// A payload with the others of the same page, in one database: there a lease has exact limits.
fn of_one_page(payload: NewPayload) -> NewPayload {
    NewPayload { home: Some(producer(1)), ..payload }
}

async fn stage_of_one_page(storage: &Storage, numbers: std::ops::RangeInclusive<u128>) {
    for number in numbers {
        let payload = of_one_page(payload(number, "[{},{}]"));
        storage.payload_queue.stage(payload).await.unwrap();
    }
}

/// Leases everything that is due. Gives the lease, the tickets and the numbers of the payloads.
pub(super) async fn lease(
    storage: &Storage,
    token: u128,
    now_ms: i64,
) -> (Lease, Vec<Ticket>, Vec<u128>) {
    let leased = storage.payload_queue.lease(ask(token, now_ms, 100)).await.unwrap();
    let lease = Lease { token: LeaseToken(token), until_ms: now_ms + 60_000 };
    assert!(leased.iter().all(|payload| payload.lease == lease));
    let numbers = leased.iter().map(|payload| payload.metadata.id.0.as_u128()).collect();
    (lease, leased.iter().map(|payload| payload.ticket.clone()).collect(), numbers)
}

/// How many payloads are queued, and how many events in them.
pub(super) async fn depth(storage: &Storage) -> (u64, u64) {
    let backlog = storage.payload_queue.backlog().await.unwrap();
    (backlog.payloads, backlog.events)
}

async fn a_staged_payload_is_leased_as_it_came(Backend { storage, .. }: Backend) {
    let sent = payload(1, " [ {\"name\" : \"a\"} ]\n");
    storage.payload_queue.stage(sent.clone()).await.unwrap();
    let leased = storage.payload_queue.lease(ask(1, NOW, 10)).await.unwrap();
    assert_eq!(leased.len(), 1);
    assert_eq!((&leased[0].metadata, &leased[0].body), (&sent.metadata, &sent.body));
    assert_eq!(leased[0].attempts, 0);
}

async fn a_leased_payload_is_not_leased_again_before_its_lease_ends(
    Backend { storage, .. }: Backend,
) {
    stage(&storage, 1..=3).await;
    assert_eq!(lease(&storage, 1, NOW).await.2.len(), 3);
    assert_eq!(lease(&storage, 2, NOW + 59_999).await.2.len(), 0);
}

async fn a_payload_whose_lease_expired_is_leased_again_as_another_attempt(
    Backend { storage, .. }: Backend,
) {
    stage(&storage, 1..=1).await;
    lease(&storage, 1, NOW).await;
    let again = storage.payload_queue.lease(ask(2, NOW + 60_000, 10)).await.unwrap();
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].attempts, 1);
}

async fn a_settled_payload_is_never_leased_again(Backend { storage, .. }: Backend) {
    stage(&storage, 1..=3).await;
    assert_eq!(depth(&storage).await, (3, 6));
    let (held, tickets, _) = lease(&storage, 1, NOW).await;
    storage.payload_queue.settle(held, tickets[..2].to_vec(), NOW + 1).await.unwrap();
    assert_eq!(depth(&storage).await, (1, 2));
    assert_eq!(lease(&storage, 2, NOW + 60_000).await.2, [3]);
    let again = storage.payload_queue.settle(held, tickets[..2].to_vec(), NOW + 1).await;
    assert!(matches!(again, Err(StoreError::LeaseLost)));
}

async fn settle_with_another_token_changes_nothing(Backend { storage, .. }: Backend) {
    stage(&storage, 1..=1).await;
    let (held, tickets, _) = lease(&storage, 1, NOW).await;
    let other = Lease { token: LeaseToken(2), ..held };
    let refused = storage.payload_queue.settle(other, tickets.clone(), NOW).await;
    assert!(matches!(refused, Err(StoreError::LeaseLost)));
    assert_eq!(depth(&storage).await, (1, 2));
    storage.payload_queue.settle(held, tickets, NOW).await.unwrap();
}

async fn settle_with_an_expired_token_changes_nothing(Backend { storage, .. }: Backend) {
    stage(&storage, 1..=1).await;
    let (held, tickets, _) = lease(&storage, 1, NOW).await;
    let late = storage.payload_queue.settle(held, tickets.clone(), NOW + 60_000).await;
    assert!(matches!(late, Err(StoreError::LeaseLost)));
    let (held_now, tickets_now, _) = lease(&storage, 2, NOW + 60_000).await;
    let later = storage.payload_queue.settle(held, tickets, NOW + 1).await;
    assert!(matches!(later, Err(StoreError::LeaseLost)), "someone else has it");
    storage.payload_queue.settle(held_now, tickets_now, NOW + 60_001).await.unwrap();
}

async fn settle_changes_nothing_unless_every_ticket_is_held(Backend { storage, .. }: Backend) {
    stage(&storage, 1..=2).await;
    let (held, mut tickets, _) = lease(&storage, 1, NOW).await;
    tickets.push(Ticket::new(b"another backend's"));
    assert!(matches!(
        storage.payload_queue.settle(held, tickets, NOW).await,
        Err(StoreError::LeaseLost)
    ));
    assert_eq!(depth(&storage).await, (2, 4));
}

async fn a_failed_payload_is_leased_again_when_it_is_due_and_not_before(
    Backend { storage, .. }: Backend,
) {
    stage(&storage, 1..=1).await;
    let (held, tickets, _) = lease(&storage, 1, NOW).await;
    let failed = FailedPayload {
        ticket: tickets[0].clone(),
        due_ms: NOW + 5_000,
        error: "why".into(),
        is_own: true,
    };
    storage.payload_queue.release(held, vec![failed], NOW + 1).await.unwrap();
    let backlog = storage.payload_queue.backlog().await.unwrap();
    assert_eq!(
        (backlog.payloads, backlog.failing, backlog.last_error.as_deref()),
        (1, 1, Some("why"))
    );
    assert_eq!(backlog.oldest_ms, Some(NOW));
    assert_eq!(lease(&storage, 2, NOW + 4_999).await.2.len(), 0);
    let again = storage.payload_queue.lease(ask(3, NOW + 5_000, 10)).await.unwrap();
    assert_eq!(again[0].attempts, 1);
}

/// The failure of a leased payload, due again at `due_ms`.
pub(super) fn failed(ticket: &Ticket, due_ms: i64, is_own: bool) -> FailedPayload {
    FailedPayload { ticket: ticket.clone(), due_ms, error: "why".into(), is_own }
}

async fn only_the_payloads_own_failures_are_counted_as_such(Backend { storage, .. }: Backend) {
    stage(&storage, 1..=1).await;
    for (attempt, is_own) in (0..).zip([true, false, true]) {
        let (held, tickets, _) = lease(&storage, attempt, NOW + 10).await;
        let release = vec![failed(&tickets[0], NOW + 10, is_own)];
        storage.payload_queue.release(held, release, NOW + 10).await.unwrap();
    }
    let again = storage.payload_queue.lease(ask(9, NOW + 10, 10)).await.unwrap();
    assert_eq!((again[0].attempts, again[0].own_failures), (3, 2));
}

async fn release_with_another_token_changes_nothing(Backend { storage, .. }: Backend) {
    stage(&storage, 1..=1).await;
    let (held, tickets, _) = lease(&storage, 1, NOW).await;
    let failed = FailedPayload {
        ticket: tickets[0].clone(),
        due_ms: NOW,
        error: "why".into(),
        is_own: true,
    };
    let other = Lease { token: LeaseToken(2), ..held };
    let refused = storage.payload_queue.release(other, vec![failed], NOW).await;
    assert!(matches!(refused, Err(StoreError::LeaseLost)));
    assert_eq!(lease(&storage, 3, NOW + 1).await.2.len(), 0, "still leased");
}

async fn a_lease_takes_no_more_than_asked_but_at_least_one_payload(
    Backend { storage, .. }: Backend,
) {
    for number in 1..=4 {
        let payload = of_one_page(payload(number, &"x".repeat(100)));
        storage.payload_queue.stage(payload).await.unwrap();
    }
    let small = storage.payload_queue.lease(LeaseAsk { unpacked_bytes_max: 10, ..ask(1, NOW, 10) });
    assert_eq!(small.await.unwrap().len(), 1);
    let two = storage.payload_queue.lease(LeaseAsk { unpacked_bytes_max: 250, ..ask(2, NOW, 10) });
    assert_eq!(two.await.unwrap().len(), 2);
    assert_eq!(storage.payload_queue.lease(ask(3, NOW, 1)).await.unwrap().len(), 1);
}

async fn the_longest_waiting_payload_is_leased_first(Backend { storage, .. }: Backend) {
    stage(&storage, 1..=9).await;
    assert_eq!(lease(&storage, 1, NOW).await.2, (1..=9).collect::<Vec<_>>());
}

async fn failed_and_fresh_payloads_never_keep_each_other_waiting(Backend { storage, .. }: Backend) {
    stage_of_one_page(&storage, 1..=8).await;
    let (held, tickets, _) = lease(&storage, 1, NOW).await;
    let fail =
        |ticket| FailedPayload { ticket, due_ms: NOW + 1, error: "why".into(), is_own: true };
    storage
        .payload_queue
        .release(held, tickets.into_iter().map(fail).collect(), NOW)
        .await
        .unwrap();
    stage_of_one_page(&storage, 11..=18).await;
    let leased = storage.payload_queue.lease(ask(2, NOW + 1, 8)).await.unwrap();
    let fresh = leased.iter().filter(|payload| payload.attempts == 0).count();
    assert_eq!((leased.len(), fresh), (8, 6));
}

async fn failures_alone_fill_a_lease(Backend { storage, .. }: Backend) {
    stage(&storage, 1..=8).await;
    let (held, tickets, _) = lease(&storage, 1, NOW).await;
    let fail =
        |ticket| FailedPayload { ticket, due_ms: NOW + 1, error: "why".into(), is_own: true };
    storage
        .payload_queue
        .release(held, tickets.into_iter().map(fail).collect(), NOW)
        .await
        .unwrap();
    assert_eq!(storage.payload_queue.lease(ask(2, NOW + 1, 8)).await.unwrap().len(), 8);
}

async fn each_payload_is_leased_to_one_of_the_workers(Backend { storage, .. }: Backend) {
    stage(&storage, 1..=600).await;
    for workers in 1..=storage.payload_queue.workers_max() {
        let mut leased = Vec::new();
        for worker in WorkerSlot::among(workers) {
            let now_ms = NOW + i64::from(workers) * 60_000;
            let payloads = storage
                .payload_queue
                .lease(LeaseAsk { worker, ..ask(1, now_ms, 600) })
                .await
                .unwrap();
            assert!(!payloads.is_empty(), "nobody is left without work");
            leased.extend(payloads.iter().map(|payload| payload.metadata.id.0.as_u128()));
        }
        leased.sort_unstable();
        assert_eq!(leased, (1..=600).collect::<Vec<_>>(), "{workers} workers");
    }
}

async fn a_restart_keeps_payloads_and_ends_leases(backend: Backend) {
    stage(&backend.storage, 1..=3).await;
    let (held, tickets, _) = lease(&backend.storage, 1, NOW).await;
    backend.storage.payload_queue.settle(held, tickets[..1].to_vec(), NOW).await.unwrap();
    let Backend { storage, .. } = &backend.reopened().await;
    assert_eq!(depth(storage).await, (2, 4));
    assert_eq!(lease(storage, 2, NOW).await.2, [2, 3], "at once, although the lease had time left");
    let stale = storage.payload_queue.settle(held, tickets[1..].to_vec(), NOW).await;
    assert!(matches!(stale, Err(StoreError::LeaseLost)));
}

async fn staging_wakes_each_worker(Backend { storage, .. }: Backend) {
    let woken = |worker| {
        tokio::time::timeout(Duration::from_secs(10), storage.payload_queue.staged(worker))
    };
    for (workers, numbers) in [(2, 1..=300), (1, 301..=600)] {
        let waits = async {
            for worker in WorkerSlot::among(workers) {
                woken(worker).await.unwrap();
            }
        };
        tokio::join!(stage(&storage, numbers), waits);
    }
}

async fn metadata_is_found_before_and_after_a_payload_is_settled(Backend { storage, .. }: Backend) {
    let sent = payload(1, "[]").metadata;
    assert_eq!(storage.archive.metadata(sent.id).await.unwrap(), None);
    stage(&storage, 1..=1).await;
    let (held, tickets, _) = lease(&storage, 1, NOW).await;
    storage.payload_queue.settle(held, tickets, NOW).await.unwrap();
    assert_eq!(storage.archive.metadata(sent.id).await.unwrap().unwrap().key_id, sent.key_id);
}

//! The laws of discarding: what is discarded is owed to nobody, counts as discarded and never as
//! sent, and can be restored.

use lamplight_server::store::{
    BackfillAsk, DeadLetterQuery, DeliveryEnding, DiscardAsk, DiscardedSums, EventRow,
    ExhaustedPayload, PayloadId, PayloadState, Reason, RetryAsk, RetryCount, RowId, SinkRow,
    Storage,
};
use uuid::Uuid;

use super::delivery_laws::{lease, settle, sink, store, two_sinks};
use super::payload_queue_laws::{lease as lease_payloads, stage};
use crate::store::backend::Backend;
use crate::store::sample::{NOW, ask};

crate::laws!(
    a_discarded_delivery_is_owed_to_nobody_and_can_be_restored,
    a_dry_run_discards_nothing,
    dead_letters_are_listed_by_sink_by_reason_and_page_by_page,
    deliveries_always_add_up_whatever_is_discarded,
    a_discarded_payload_is_counted_apart_and_can_be_restored,
    a_discarded_payload_is_pruned_and_stays_counted,
    a_retried_payload_waits_until_it_is_due,
    the_state_of_a_payload_says_where_it_is,
    unprocessed_payloads_are_the_failed_the_set_aside_and_the_newest,
);

fn letters(restore: bool) -> DiscardAsk {
    let letters = RetryAsk { sink: Some("a".into()), now_ms: NOW + 5, ..RetryAsk::default() };
    DiscardAsk { letters, restore }
}

/// Three events of which sink `a` has given up every delivery.
async fn three_dead(backend: Backend) -> (Backend, Vec<RowId>, Vec<EventRow>) {
    let backend = two_sinks(backend).await;
    store(&backend, 1, &["x", "y", "z"]).await;
    let all = lease(&backend, "a", 1, NOW).await;
    let events = all.1.iter().map(|it| it.ticket.event()).collect();
    let rows = all.1.iter().map(|it| it.row.clone().unwrap()).collect();
    let dead = DeliveryEnding::Dead(Reason::new("refused", "because"));
    settle(&backend, "a", all, &dead, NOW).await.unwrap();
    (backend, events, rows)
}

async fn listed(storage: &Storage, is_discarded: bool) -> Vec<RowId> {
    let query = DeadLetterQuery { sink: "a".into(), is_discarded, limit: 10, ..<_>::default() };
    let letters = storage.delivery_queue.dead_letters(query).await.unwrap();
    letters.into_iter().map(|it| it.event).collect()
}

fn counts(row: &SinkRow) -> [u64; 5] {
    [row.waiting, row.sent, row.dead, row.dropped, row.discarded]
}

async fn a_discarded_delivery_is_owed_to_nobody_and_can_be_restored(backend: Backend) {
    let (backend, events, _) = three_dead(backend).await;
    let queue = &backend.storage.delivery_queue;
    let mut one = letters(false);
    one.letters.event = Some(events[1]);
    let done = RetryCount { count: 1, is_more: false };
    assert_eq!(queue.discard_dead(one.clone()).await.unwrap(), done);
    assert_eq!(queue.discard_dead(one).await.unwrap().count, 0, "it is discarded already");
    assert_eq!(counts(&sink(&backend, "a").await), [0, 0, 2, 0, 1]);
    assert_eq!(listed(&backend.storage, false).await, [events[0], events[2]]);
    assert_eq!(listed(&backend.storage, true).await, [events[1]]);
    let retry = RetryAsk { sink: Some("a".into()), now_ms: NOW, ..RetryAsk::default() };
    assert_eq!(queue.retry_dead(retry.clone()).await.unwrap().count, 2, "not the discarded one");
    assert_eq!(lease(&backend, "a", 2, NOW + 9).await.1.len(), 2);

    let backend = two_sinks(backend).await;
    let queue = &backend.storage.delivery_queue;
    assert_eq!(listed(&backend.storage, true).await, [events[1]], "after a restart");
    assert_eq!(queue.discard_dead(letters(true)).await.unwrap().count, 1);
    assert_eq!(counts(&sink(&backend, "a").await), [2, 0, 1, 0, 0]);
    assert_eq!(queue.retry_dead(retry).await.unwrap().count, 1);
    let steps = queue.steps(events[1]).await.unwrap();
    let of_a: Vec<_> = steps.iter().filter(|step| step.sink == "a").collect();
    let states: Vec<_> = of_a.iter().map(|step| step.state.name()).collect();
    assert_eq!(states, ["queued", "dead", "discarded", "dead", "queued"]);
    assert_eq!(of_a[3].reason.as_deref(), Some("refused"), "it keeps its reason");
}

async fn a_dry_run_discards_nothing(backend: Backend) {
    let (backend, events, _) = three_dead(backend).await;
    let queue = &backend.storage.delivery_queue;
    let mut dry = letters(false);
    dry.letters.dry_run = true;
    assert_eq!(queue.discard_dead(dry.clone()).await.unwrap().count, 3);
    dry.letters.reason = Some("timeout".into());
    assert_eq!(queue.discard_dead(dry).await.unwrap().count, 0);
    assert_eq!(listed(&backend.storage, false).await, events);
    assert_eq!(counts(&sink(&backend, "a").await), [0, 0, 3, 0, 0]);
}

async fn dead_letters_are_listed_by_sink_by_reason_and_page_by_page(backend: Backend) {
    let (backend, events, _) = three_dead(backend).await;
    let list = |query: DeadLetterQuery| backend.storage.delivery_queue.dead_letters(query);
    let query = DeadLetterQuery { sink: "a".into(), limit: 2, ..<_>::default() };
    let page = list(query.clone()).await.unwrap();
    assert_eq!(page.iter().map(|it| it.event).collect::<Vec<_>>(), events[..2]);
    let first = &page[0];
    assert_eq!((first.reason.as_str(), first.at_ms), ("refused", Some(NOW)));
    assert_eq!(first.detail.as_deref(), Some("because"));
    let after = DeadLetterQuery { after: Some(events[1]), ..query.clone() };
    assert_eq!(list(after).await.unwrap().len(), 1);
    for (reason, want) in [("refused", 2), ("timeout", 0)] {
        let query = DeadLetterQuery { reason: Some(reason.into()), ..query.clone() };
        assert_eq!(list(query).await.unwrap().len(), want, "{reason}");
    }
    for other in ["b", "nobody"] {
        let query = DeadLetterQuery { sink: other.into(), ..query.clone() };
        assert!(list(query).await.unwrap().is_empty(), "{other}");
    }
}

async fn deliveries_always_add_up_whatever_is_discarded(backend: Backend) {
    let (backend, events, rows) = three_dead(backend).await;
    let queue = &backend.storage.delivery_queue;
    let sum = |row: &SinkRow| counts(row).iter().sum::<u64>();
    for (restore, event) in [(false, 0), (false, 2), (true, 0), (false, 0), (true, 2), (true, 0)] {
        let mut ask = letters(restore);
        ask.letters.event = Some(events[event]);
        assert_eq!(queue.discard_dead(ask).await.unwrap().count, 1);
        let row = sink(&backend, "a").await;
        assert_eq!((sum(&row), row.sent), (3, 0), "{row:?}");
    }
    queue.discard_dead(letters(false)).await.unwrap();
    let past = BackfillAsk { sink: "a".into(), events: rows, now_ms: NOW, dry_run: false };
    queue.backfill(past).await.unwrap();
    let row = sink(&backend, "a").await;
    assert_eq!(counts(&row), [0, 0, 0, 0, 3], "a backfill owes nothing that was discarded");
}

fn id(number: u128) -> PayloadId {
    PayloadId(Uuid::from_u128(number))
}

/// Stages these payloads and sets all of them aside.
async fn set_aside(storage: &Storage, numbers: std::ops::RangeInclusive<u128>) {
    stage(storage, numbers).await;
    let (held, tickets, _) = lease_payloads(storage, 1, NOW).await;
    let exhausted = tickets
        .into_iter()
        .map(|ticket| ExhaustedPayload { ticket, error: "it panicked".into() })
        .collect();
    storage.payload_queue.set_aside(held, exhausted, NOW + 1).await.unwrap();
}

async fn a_discarded_payload_is_counted_apart_and_can_be_restored(backend: Backend) {
    set_aside(&backend.storage, 1..=2).await;
    let queue = &backend.storage.payload_queue;
    assert!(queue.discard(id(1), NOW + 3).await.unwrap());
    assert!(!queue.discard(id(1), NOW + 3).await.unwrap(), "it is discarded already");
    assert!(!queue.discard(id(7), NOW + 3).await.unwrap(), "there is none");
    assert!(!queue.retry(id(1), NOW + 3).await.unwrap(), "it must be restored first");

    let Backend { storage, .. } = &backend.reopened().await;
    let backlog = storage.payload_queue.backlog().await.unwrap();
    assert_eq!((backlog.set_aside.payloads, backlog.set_aside.events), (1, 2));
    assert_eq!(backlog.discarded, DiscardedSums { payloads: 1, events: 2 });
    assert_eq!(backlog.set_aside.oldest_ms, Some(NOW), "it can come back");
    let discarded = storage.payload_queue.list_discarded(None, 10).await.unwrap();
    assert_eq!((discarded.len(), discarded[0].metadata.id), (1, id(1)));
    assert_eq!(discarded[0].discarded_ms, Some(NOW + 3));
    let rest = storage.payload_queue.list_set_aside(None, 10).await.unwrap();
    assert_eq!((rest.len(), rest[0].metadata.id), (1, id(2)));

    assert!(storage.payload_queue.restore(id(1)).await.unwrap());
    assert!(!storage.payload_queue.restore(id(1)).await.unwrap(), "it is restored already");
    let backlog = storage.payload_queue.backlog().await.unwrap();
    assert_eq!((backlog.set_aside.payloads, backlog.discarded), (2, DiscardedSums::default()));
    assert!(storage.payload_queue.retry(id(1), NOW).await.unwrap());
    assert_eq!(lease_payloads(storage, 3, NOW).await.2, [1]);
}

async fn a_discarded_payload_is_pruned_and_stays_counted(Backend { storage, .. }: Backend) {
    set_aside(&storage, 1..=2).await;
    assert!(storage.payload_queue.discard(id(1), NOW + 3).await.unwrap());
    assert_eq!(storage.archive.prune(NOW).await.unwrap(), 0, "it is not old enough");
    assert_eq!(storage.archive.prune(NOW + 1).await.unwrap(), 1);
    assert!(storage.archive.metadata(id(1)).await.unwrap().is_none());
    assert!(!storage.payload_queue.restore(id(1)).await.unwrap());
    assert_eq!(storage.payload_queue.list_discarded(None, 10).await.unwrap().len(), 0);
    let backlog = storage.payload_queue.backlog().await.unwrap();
    assert_eq!((backlog.set_aside.payloads, backlog.discarded.payloads), (1, 1));
}

async fn a_retried_payload_waits_until_it_is_due(Backend { storage, .. }: Backend) {
    set_aside(&storage, 1..=1).await;
    assert!(storage.payload_queue.retry(id(1), NOW + 50).await.unwrap());
    assert_eq!(lease_payloads(&storage, 2, NOW + 49).await.2, []);
    assert_eq!(lease_payloads(&storage, 3, NOW + 50).await.2, [1]);
}

async fn the_state_of_a_payload_says_where_it_is(Backend { storage, .. }: Backend) {
    let queue = &storage.payload_queue;
    let state = async |number| queue.state(id(number)).await.unwrap();
    let waiting = |attempts, due_ms, is_leased, error: Option<&str>| {
        let error = error.map(str::to_owned);
        Some(PayloadState::Waiting { attempts, due_ms, is_leased, error })
    };
    assert_eq!(state(1).await, None);
    stage(&storage, 1..=1).await;
    assert_eq!(state(1).await, waiting(0, None, false, None));
    let (held, tickets, _) = lease_payloads(&storage, 1, NOW).await;
    assert_eq!(state(1).await, waiting(1, None, true, None));
    let failed = super::payload_queue_laws::failed(&tickets[0], NOW + 50, true);
    let error = failed.error.clone();
    queue.release(held, vec![failed], NOW).await.unwrap();
    assert_eq!(state(1).await, waiting(1, Some(NOW + 50), false, Some(&error)));
    let leased = queue.lease(ask(2, NOW + 50, 10)).await.unwrap();
    let (held, ticket) = (leased[0].lease, leased[0].ticket.clone());
    let exhausted = ExhaustedPayload { ticket, error: "it panicked".into() };
    queue.set_aside(held, vec![exhausted], NOW + 51).await.unwrap();
    let aside = |discarded_ms| {
        let (attempts, error, set_aside_ms) = (2, "it panicked".to_owned(), NOW + 51);
        Some(PayloadState::SetAside { attempts, error, set_aside_ms, discarded_ms })
    };
    assert_eq!(state(1).await, aside(None));
    queue.discard(id(1), NOW + 60).await.unwrap();
    assert_eq!(state(1).await, aside(Some(NOW + 60)));
    queue.restore(id(1)).await.unwrap();
    queue.retry(id(1), NOW + 70).await.unwrap();
    let leased = queue.lease(ask(3, NOW + 70, 10)).await.unwrap();
    let ticket = leased[0].ticket.clone();
    queue.settle(leased[0].lease, vec![ticket], NOW + 70).await.unwrap();
    assert_eq!(state(1).await, Some(PayloadState::Settled));
}

async fn unprocessed_payloads_are_the_failed_the_set_aside_and_the_newest(
    Backend { storage, .. }: Backend,
) {
    set_aside(&storage, 1..=1).await;
    stage(&storage, 2..=2).await;
    let (held, tickets, _) = lease_payloads(&storage, 2, NOW).await;
    let failed = super::payload_queue_laws::failed(&tickets[0], NOW + 50, true);
    storage.payload_queue.release(held, vec![failed], NOW).await.unwrap();
    stage(&storage, 3..=5).await;
    let found = storage.payload_queue.unprocessed(4, 1 << 20).await.unwrap();
    let ids: Vec<_> = found.payloads.iter().map(|it| it.payload.metadata.id).collect();
    assert_eq!((ids, found.has_more), (vec![id(2), id(1), id(5), id(4)], true));
    let all = storage.payload_queue.unprocessed(5, 1 << 20).await.unwrap();
    assert_eq!((all.payloads.len(), all.has_more), (5, false));
    let one = storage.payload_queue.unprocessed(5, 1).await.unwrap();
    assert_eq!((one.payloads.len(), one.has_more), (1, true), "one is always read");
}

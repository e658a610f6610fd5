//! The laws of retention: what is deleted, what stays, and what is still known afterwards.

use lamplight_server::process::row_id;
use lamplight_server::store::week::WEEK_MS;
use lamplight_server::store::{
    DeliveryAsk, DeliveryEnding, DeliveryOrder, EventFilter, EventIdentity, EventQuery, EventRef,
    EventTrace, LeaseToken, PayloadId, Reason, RetentionLimits, RetryAsk, Route, SettledDelivery,
    Settlement, Storage, Ticket, Week,
};
use lamplight_wire::event::Kind;
use uuid::Uuid;

use crate::store::backend::Backend;
use crate::store::sample::{
    NOW, ask, bad, client_id, good, good_with, number, payload, plan_at, producer, shared,
};

crate::laws!(
    weeks_that_are_too_old_are_removed_whole,
    over_the_limit_of_bytes_the_oldest_weeks_are_removed,
    ledgers_stay_when_events_are_removed,
    nothing_that_may_still_be_processed_is_deleted,
    a_late_event_of_a_removed_week_is_stored,
    a_late_duplicate_does_not_bring_a_removed_week_back,
    client_ids_are_deleted_when_they_expire_and_not_before,
    a_removal_survives_a_restart,
    only_payloads_that_are_settled_are_pruned,
    deliveries_of_removed_events_end_with_them,
    a_profile_goes_with_the_last_week_of_its_user,
);

const KEEP_ALL: RetentionLimits = RetentionLimits {
    events_from_ms: None,
    events_bytes: None,
    ids_from_ms: 0,
    pending_from_ms: i64::MAX,
    now_ms: NOW + 5 * WEEK_MS,
};

fn at(week: i64) -> i64 {
    NOW + week * WEEK_MS
}

/// In each of four weeks: number `week + 1` of producer 1, the same of producer 2, which cannot be
/// stored, and an event without an identity.
async fn four_weeks(storage: &Storage) {
    for week in 0..4 {
        let seq = u64::try_from(week).unwrap() + 1;
        let events = vec![
            (number(1, seq), good("a")),
            (number(2, seq), bad()),
            (EventIdentity::Anonymous, good("b")),
        ];
        let plan = plan_at(at(week), u128::from(seq), events);
        storage.events.apply(shared([plan]), at(week)).await.unwrap();
    }
}

/// Prunes until nothing is left to prune. Gives how many weeks were removed.
async fn prune(storage: &Storage, keep: RetentionLimits) -> u64 {
    let mut weeks = 0;
    loop {
        let pruned = storage.events.prune(keep).await.unwrap();
        weeks += pruned.weeks;
        if (pruned.weeks, pruned.rows) == (0, 0) {
            return weeks;
        }
    }
}

fn weeks_before(week: i64) -> RetentionLimits {
    RetentionLimits { events_from_ms: Some(Week::of_ms(at(week)).from_ms()), ..KEEP_ALL }
}

async fn stored(storage: &Storage) -> usize {
    let query = EventQuery { filter: EventFilter::default(), after: None, limit: 500 };
    storage.reader.events(query).await.unwrap().events.len()
}

async fn is_removed(storage: &Storage, event: EventRef) -> bool {
    matches!(
        storage.reader.event(event).await.unwrap(),
        Some(EventTrace::Removed { removed_ms }) if removed_ms == KEEP_ALL.now_ms
    )
}

async fn weeks_that_are_too_old_are_removed_whole(Backend { storage, .. }: Backend) {
    four_weeks(&storage).await;
    assert_eq!(prune(&storage, KEEP_ALL).await, 0);
    assert_eq!(stored(&storage).await, 8);
    let almost =
        RetentionLimits { events_from_ms: Some(Week::of_ms(at(2)).from_ms() - 1), ..KEEP_ALL };
    assert_eq!(prune(&storage, almost).await, 1, "a week is removed when all of it is too old");
    assert_eq!(prune(&storage, weeks_before(2)).await, 1);
    assert_eq!(stored(&storage).await, 4);
    let totals = storage.reader.totals(at(4)).await.unwrap();
    assert_eq!((totals.stored, totals.removed, totals.invalid), (8, 4, 4));
    for (seq, want) in [(1, true), (2, true), (3, false), (4, false)] {
        for producer in [producer(1), producer(2)] {
            assert_eq!(is_removed(&storage, EventRef::Number(producer, seq)).await, want, "{seq}");
        }
    }
    let first = PayloadId(Uuid::from_u128(1));
    assert!(is_removed(&storage, EventRef::Row(row_id(first, at(0), 0))).await);
    assert!(!is_removed(&storage, EventRef::Row(row_id(first, at(2), 0))).await);
}

async fn over_the_limit_of_bytes_the_oldest_weeks_are_removed(Backend { storage, .. }: Backend) {
    four_weeks(&storage).await;
    assert_eq!(
        prune(&storage, RetentionLimits { events_bytes: Some(1 << 40), ..KEEP_ALL }).await,
        0
    );
    assert_eq!(prune(&storage, RetentionLimits { events_bytes: Some(1), ..KEEP_ALL }).await, 3);
    assert_eq!(stored(&storage).await, 2);
    assert!(is_removed(&storage, EventRef::Number(producer(1), 3)).await);
    assert!(!is_removed(&storage, EventRef::Number(producer(1), 4)).await);
}

async fn ledgers_stay_when_events_are_removed(Backend { storage, .. }: Backend) {
    four_weeks(&storage).await;
    prune(&storage, weeks_before(4)).await;
    assert_eq!(stored(&storage).await, 0);
    let again = plan_at(at(4), 9, vec![(number(1, 1), good("a")), (number(1, 6), good("a"))]);
    let applied = storage.events.apply(shared([again]), at(4)).await.unwrap();
    assert_eq!((applied[0].stored, applied[0].duplicates), (1, 1));
    let totals = storage.reader.totals(at(4)).await.unwrap();
    assert_eq!((totals.made, totals.in_flight), (14, 1), "number 5 is a hole");
}

async fn nothing_that_may_still_be_processed_is_deleted(Backend { storage, .. }: Backend) {
    four_weeks(&storage).await;
    let waiting = RetentionLimits { pending_from_ms: at(1), ids_from_ms: at(4), ..weeks_before(4) };
    assert_eq!(prune(&storage, waiting).await, 1);
    assert_eq!(stored(&storage).await, 6);
    // It is still known that this payload was applied.
    let again = plan_at(at(1), 2, vec![(EventIdentity::Anonymous, good("b"))]);
    assert!(storage.events.apply(shared([again]), at(4)).await.unwrap()[0].already);
}

async fn a_late_event_of_a_removed_week_is_stored(Backend { storage, .. }: Backend) {
    four_weeks(&storage).await;
    prune(&storage, weeks_before(3)).await;
    let late = plan_at(at(0), 9, vec![(number(1, 9), good("late"))]);
    storage.events.apply(shared([late]), at(4)).await.unwrap();
    assert_eq!(stored(&storage).await, 3, "and nothing that was removed is back");
    let trace = storage.reader.event(EventRef::Number(producer(1), 9)).await.unwrap();
    assert!(matches!(trace, Some(EventTrace::Stored { .. })), "{trace:?}");
    assert_eq!(prune(&storage, weeks_before(3)).await, 1);
    assert!(is_removed(&storage, EventRef::Number(producer(1), 9)).await);
    assert_eq!(storage.reader.totals(at(4)).await.unwrap().removed, 7);
}

async fn a_late_duplicate_does_not_bring_a_removed_week_back(Backend { storage, .. }: Backend) {
    four_weeks(&storage).await;
    prune(&storage, weeks_before(1)).await;
    let again = plan_at(at(0), 9, vec![(number(1, 1), good("a")), (number(2, 1), bad())]);
    let applied = storage.events.apply(shared([again]), at(4)).await.unwrap();
    assert_eq!((applied[0].stored, applied[0].duplicates), (0, 2));
    assert!(is_removed(&storage, EventRef::Number(producer(1), 1)).await);
}

async fn client_ids_are_deleted_when_they_expire_and_not_before(Backend { storage, .. }: Backend) {
    let arrive = async |payload: u128, received_ms: i64| {
        let plan = plan_at(received_ms, payload, vec![(client_id("x"), good("a"))]);
        storage.events.apply(shared([plan]), received_ms).await.unwrap()[0]
    };
    assert_eq!(arrive(1, at(0)).await.stored, 1);
    prune(&storage, RetentionLimits { ids_from_ms: at(0), ..KEEP_ALL }).await;
    assert_eq!(arrive(2, at(1)).await.duplicates, 1);
    prune(&storage, RetentionLimits { ids_from_ms: at(0) + 1, ..KEEP_ALL }).await;
    let trace = storage.reader.event(EventRef::ClientId("x".into())).await.unwrap();
    assert!(
        matches!(trace, Some(EventTrace::Stored { .. })),
        "it is found without its id: {trace:?}"
    );
    assert_eq!(arrive(3, at(2)).await.stored, 1);
}

async fn a_removal_survives_a_restart(backend: Backend) {
    four_weeks(&backend.storage).await;
    prune(&backend.storage, weeks_before(2)).await;
    let backend = backend.reopened().await;
    assert_eq!(stored(&backend.storage).await, 4);
    assert!(is_removed(&backend.storage, EventRef::Number(producer(1), 1)).await);
}

async fn only_payloads_that_are_settled_are_pruned(Backend { storage, .. }: Backend) {
    for number in 1..=4 {
        storage.payload_queue.stage(payload(number, "[]")).await.unwrap();
    }
    assert_eq!(storage.archive.prune(NOW + 1).await.unwrap(), 0, "they are not processed");
    let leased = storage.payload_queue.lease(ask(1, NOW, 3)).await.unwrap();
    assert_eq!(storage.archive.prune(NOW + 1).await.unwrap(), 0, "they are leased");
    let tickets: Vec<Ticket> = [0, 2].map(|at| leased[at].ticket.clone()).into();
    storage.payload_queue.settle(leased[0].lease, tickets, NOW).await.unwrap();
    assert_eq!(storage.archive.prune(NOW).await.unwrap(), 0, "they are not old enough");
    assert_eq!(storage.archive.prune(NOW + 1).await.unwrap(), 2);
    for (number, is_there) in [(1, false), (2, true), (3, false), (4, true)] {
        let metadata = storage.archive.metadata(PayloadId(Uuid::from_u128(number))).await.unwrap();
        assert_eq!(metadata.is_some(), is_there, "{number}");
    }
}

async fn deliveries_of_removed_events_end_with_them(backend: Backend) {
    let (only, except) = (Vec::new(), Vec::new());
    let types = vec![Kind::Default];
    let route = Route { sink: "a".into(), kind: "file", types, only, except };
    let backend = backend.reopened_with(vec![route]).await;
    let storage = &backend.storage;
    four_weeks(storage).await;
    let ask = |token, now_ms, events_max| DeliveryAsk {
        sink: "a".into(),
        token: LeaseToken(token),
        now_ms,
        lease_ms: 1_000,
        events_max,
        bytes_max: 1 << 20,
        order: DeliveryOrder::Shared,
    };
    // One delivery of the first week is a dead letter; the other seven still wait.
    let (lease, leased) = storage.delivery_queue.lease(ask(1, at(3), 1)).await.unwrap();
    let (ticket, ending) = (leased[0].ticket, DeliveryEnding::Dead(Reason::new("refused", "")));
    let settled = vec![SettledDelivery { ticket, ending }];
    let (sink, now_ms) = ("a".into(), at(3));
    let settlement = Settlement { sink, lease, deliveries: settled, condition: None, now_ms };
    storage.delivery_queue.settle(settlement).await.unwrap();
    assert_eq!(prune(storage, weeks_before(1)).await, 1);
    assert_eq!(storage.delivery_queue.steps(ticket.event()).await.unwrap(), []);
    let again = RetryAsk { sink: Some("a".into()), now_ms: at(3), ..RetryAsk::default() };
    assert_eq!(storage.delivery_queue.retry_dead(again).await.unwrap().count, 0);
    let row = storage.delivery_queue.sinks().await.unwrap().remove(0);
    assert_eq!((row.waiting, row.dead, row.dropped), (7, 0, 1));
    let (_, leased) = storage.delivery_queue.lease(ask(2, at(3), 100)).await.unwrap();
    let gone = leased.iter().filter(|delivery| delivery.row.is_none()).count();
    assert_eq!(
        (leased.len(), gone),
        (7, 1),
        "a delivery of a removed event is leased without its row"
    );
}

async fn a_profile_goes_with_the_last_week_of_its_user(backend: Backend) {
    let event = |user: &str, name: &str| {
        good_with(name, |event| {
            event.user_id = Some(user.to_owned());
            event.properties_json = Some(r#"{"plan":"paid"}"#.to_owned());
        })
    };
    let apply = async |storage: &Storage, week: i64, seq: u64, event| {
        let plan = plan_at(at(week), u128::from(seq), vec![(number(1, seq), event)]);
        storage.events.apply(shared([plan]), at(week)).await.unwrap();
    };
    let storage = &backend.storage;
    apply(storage, 0, 1, event("ann", "identify")).await;
    apply(storage, 0, 2, event("bob", "identify")).await;
    apply(storage, 2, 3, event("bob", "seen")).await;
    prune(storage, RetentionLimits { events_from_ms: Some(at(2)), ..KEEP_ALL }).await;
    let backend = backend.reopened().await;
    let storage = &backend.storage;
    for (seq, user, want) in [(4, "ann", None), (5, "bob", Some(r#"{"traits":{"plan":"paid"}}"#))] {
        apply(storage, 3, seq, event(user, "seen")).await;
        let filter = EventFilter { user: Some(user.to_owned()), ..EventFilter::default() };
        let query = EventQuery { filter, after: None, limit: 1 };
        let row = storage.reader.events(query).await.unwrap().events.remove(0);
        assert_eq!(row.profile_json.as_deref(), want, "{user}");
    }
    apply(storage, 3, 6, event("ann", "identify")).await;
}

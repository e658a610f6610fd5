//! The laws of applying payloads again: what a replay may change, and what it never does.

use std::sync::Arc;

use lamplight_server::store::week::WEEK_MS;
use lamplight_server::store::{
    EventFilter, EventIdentity, EventQuery, EventRef, EventRow, EventTrace, Plan, PlannedOutcome,
    Replayed, RetentionLimits, Route, Storage, Week,
};
use lamplight_wire::event::Kind;

use crate::store::backend::Backend;
use crate::store::sample::{
    NOW, bad, client_id, good, good_with, number, plan, plan_at, producer, shared,
};

crate::laws!(
    replaying_replaces_what_enrichment_added,
    replaying_replaces_the_times_of_an_event,
    replaying_replaces_the_user_of_an_event_and_takes_the_profile_of_another_away,
    of_refused_arrivals_with_one_id_replaying_stores_one,
    replaying_stores_what_was_refused_and_can_be_stored_now,
    replaying_twice_changes_nothing_the_second_time,
    an_event_that_replaying_stores_is_owed_to_sinks,
    a_refused_event_stays_refused_once_its_id_belongs_to_another,
    a_duplicate_stays_a_duplicate,
    a_payload_that_was_never_applied_is_skipped,
    a_payload_of_a_removed_week_is_skipped,
);

async fn reapply(storage: &Storage, plans: &[Arc<Plan>]) -> Replayed {
    storage.events.reapply(plans.to_vec(), NOW + 100).await.unwrap()
}

async fn events(storage: &Storage) -> Vec<EventRow> {
    let query = EventQuery { filter: EventFilter::default(), after: None, limit: 500 };
    storage.reader.events(query).await.unwrap().events
}

fn enriched(name: &str, country: &str) -> PlannedOutcome {
    good_with(name, |it| it.enrichment_json = Some(format!(r#"{{"country":"{country}"}}"#)))
}

async fn replaying_replaces_what_enrichment_added(Backend { storage, .. }: Backend) {
    let of = |country| shared([plan(1, vec![(number(1, 1), enriched("a", country))])]);
    storage.events.apply(of("FR"), NOW).await.unwrap();
    let done = reapply(&storage, &of("DE")).await;
    assert_eq!(done, Replayed { payloads: 1, rewritten: 1, ..Replayed::default() });
    let rows = events(&storage).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].enrichment_json.as_deref(), Some(r#"{"country":"DE"}"#));
    let none = shared([plan(1, vec![(number(1, 1), good("a"))])]);
    reapply(&storage, &none).await;
    assert_eq!(events(&storage).await[0].enrichment_json, None);
}

async fn replaying_replaces_the_times_of_an_event(Backend { storage, .. }: Backend) {
    let of = |ts_ms, time_ms| {
        let event = good_with("a", |it| (it.ts_ms, it.time_ms) = (Some(ts_ms), time_ms));
        shared([plan(1, vec![(number(1, 1), event)])])
    };
    storage.events.apply(of(1_700_000, 1_700_000), NOW).await.unwrap();
    reapply(&storage, &of(NOW - 9, NOW - 5)).await;
    let row = events(&storage).await.remove(0);
    assert_eq!((row.ts_ms, row.time_ms, row.received_ms), (Some(NOW - 9), NOW - 5, NOW + 1));
}

async fn replaying_replaces_the_user_of_an_event_and_takes_the_profile_of_another_away(
    Backend { storage, .. }: Backend,
) {
    let of = |user: Option<&str>| {
        let identify = good_with("identify", |it| {
            it.user_id = user.map(str::to_owned);
            it.anonymous_id = Some("a1".into());
            it.properties_json = Some(r#"{"plan":"paid"}"#.into());
        });
        shared([plan(1, vec![(number(1, 1), identify)])])
    };
    storage.events.apply(of(Some("undefined")), NOW).await.unwrap();
    reapply(&storage, &of(Some("undefined"))).await;
    let row = events(&storage).await.remove(0);
    assert_eq!(row.profile_json.as_deref(), Some(r#"{"traits":{"plan":"paid"}}"#));
    reapply(&storage, &of(None)).await;
    let row = events(&storage).await.remove(0);
    assert_eq!((row.user_id, row.anonymous_id.as_deref()), (None, Some("a1")));
    assert_eq!(row.profile_json, None);
}

async fn of_refused_arrivals_with_one_id_replaying_stores_one(Backend { storage, .. }: Backend) {
    let with = |outcome: fn() -> PlannedOutcome| {
        let arrivals = vec![(client_id("x"), outcome()), (client_id("x"), outcome())];
        shared([plan(1, arrivals), plan(2, vec![(client_id("x"), outcome())])])
    };
    storage.events.apply(with(bad), NOW).await.unwrap();
    let done = reapply(&storage, &with(|| good("late"))).await;
    assert_eq!((done.accepted, events(&storage).await.len()), (1, 1));
    let again = reapply(&storage, &with(|| good("late"))).await;
    assert_eq!((again.accepted, again.rewritten), (0, 1));
}

async fn replaying_stores_what_was_refused_and_can_be_stored_now(Backend { storage, .. }: Backend) {
    let with = |outcome: fn() -> PlannedOutcome| {
        let events = vec![
            (number(1, 1), outcome()),
            (client_id("x"), outcome()),
            (EventIdentity::Anonymous, outcome()),
            (number(1, 2), good("b")),
        ];
        shared([plan(1, events)])
    };
    storage.events.apply(with(bad), NOW).await.unwrap();
    let before = storage.reader.totals(NOW + 1).await.unwrap();
    assert_eq!((before.stored, before.invalid), (1, 3));
    let done = reapply(&storage, &with(|| good("late"))).await;
    assert_eq!((done.accepted, done.rewritten, done.skipped), (3, 1, 0));
    let after = storage.reader.totals(NOW + 1).await.unwrap();
    assert_eq!((after.stored, after.invalid), (4, 0));
    assert_eq!((after.made, after.received), (before.made, before.received));
    for event in [EventRef::Number(producer(1), 1), EventRef::ClientId("x".into())] {
        let trace = storage.reader.event(event).await.unwrap();
        assert!(matches!(trace, Some(EventTrace::Stored { .. })), "{trace:?}");
    }
    assert_eq!(events(&storage).await.len(), 4);
}

async fn replaying_twice_changes_nothing_the_second_time(Backend { storage, .. }: Backend) {
    let first = shared([plan(1, vec![(number(1, 1), bad()), (number(1, 2), good("b"))])]);
    let again = shared([plan(1, vec![(number(1, 1), good("a")), (number(1, 2), good("b"))])]);
    storage.events.apply(first, NOW).await.unwrap();
    reapply(&storage, &again).await;
    let totals = storage.reader.totals(NOW + 1).await.unwrap();
    let done = reapply(&storage, &again).await;
    assert_eq!(done, Replayed { payloads: 1, rewritten: 2, ..Replayed::default() });
    assert_eq!(storage.reader.totals(NOW + 1).await.unwrap(), totals);
    assert_eq!(events(&storage).await.len(), 2);
}

async fn an_event_that_replaying_stores_is_owed_to_sinks(backend: Backend) {
    let (types, only, except) = (vec![Kind::Default], Vec::new(), Vec::new());
    let route = Route { sink: "a".into(), kind: "file", types, only, except };
    let Backend { storage, .. } = &backend.reopened_with(vec![route]).await;
    storage.events.apply(shared([plan(1, vec![(number(1, 1), bad())])]), NOW).await.unwrap();
    assert_eq!(storage.delivery_queue.sinks().await.unwrap()[0].waiting, 0);
    let again = shared([plan(1, vec![(number(1, 1), good("a"))])]);
    for _ in 0..2 {
        reapply(storage, &again).await;
        assert_eq!(storage.delivery_queue.sinks().await.unwrap()[0].waiting, 1);
    }
}

async fn a_refused_event_stays_refused_once_its_id_belongs_to_another(
    Backend { storage, .. }: Backend,
) {
    storage.events.apply(shared([plan(1, vec![(client_id("x"), bad())])]), NOW).await.unwrap();
    let keep = RetentionLimits {
        events_from_ms: None,
        events_bytes: None,
        ids_from_ms: NOW + 10,
        pending_from_ms: i64::MAX,
        now_ms: NOW + 10,
    };
    storage.events.prune(keep).await.unwrap();
    let other = shared([plan(20, vec![(client_id("x"), good("other"))])]);
    assert_eq!(storage.events.apply(other, NOW + 20).await.unwrap()[0].stored, 1);
    let done = reapply(&storage, &shared([plan(1, vec![(client_id("x"), good("late"))])])).await;
    assert_eq!(done, Replayed { payloads: 1, ..Replayed::default() });
    assert_eq!(events(&storage).await.len(), 1);
}

async fn a_duplicate_stays_a_duplicate(Backend { storage, .. }: Backend) {
    let first = plan(1, vec![(number(1, 1), good("a"))]);
    let again = plan(2, vec![(number(1, 1), good("a"))]);
    let plans = shared([first, again]);
    storage.events.apply(plans.clone(), NOW).await.unwrap();
    let done = reapply(&storage, &plans).await;
    assert_eq!(done, Replayed { payloads: 2, rewritten: 1, ..Replayed::default() });
    assert_eq!(events(&storage).await.len(), 1);
}

async fn a_payload_that_was_never_applied_is_skipped(Backend { storage, .. }: Backend) {
    let done = reapply(&storage, &shared([plan(1, vec![(number(1, 1), good("a"))])])).await;
    assert_eq!(done, Replayed { payloads: 1, skipped: 1, ..Replayed::default() });
    assert_eq!(events(&storage).await.len(), 0);
}

async fn a_payload_of_a_removed_week_is_skipped(Backend { storage, .. }: Backend) {
    let old = shared([plan_at(NOW, 1, vec![(number(1, 1), good("a"))])]);
    let new = shared([plan_at(NOW + WEEK_MS, 2, vec![(number(1, 2), good("b"))])]);
    storage.events.apply([old.clone(), new.clone()].concat(), NOW + WEEK_MS).await.unwrap();
    let keep = RetentionLimits {
        events_from_ms: Some(Week::of_ms(NOW + WEEK_MS).from_ms()),
        events_bytes: None,
        ids_from_ms: 0,
        pending_from_ms: i64::MAX,
        now_ms: NOW + WEEK_MS,
    };
    assert_eq!(storage.events.prune(keep).await.unwrap().weeks, 1);
    let done = reapply(&storage, &[old, new].concat()).await;
    assert_eq!(done, Replayed { payloads: 2, rewritten: 1, skipped: 1, ..Replayed::default() });
    assert_eq!(events(&storage).await.len(), 1);
}

//! The laws of applying payloads: what is stored, counted and kept.

use lamplight_server::store::{
    Applied, EventIdentity, EventRef, EventTrace, IN_FLIGHT_MS, Storage, StoreError, Totals,
};

use crate::store::backend::Backend;
use crate::store::sample::{NOW, bad, client_id, declaring, good, number, plan, producer, shared};

crate::laws!(
    a_payload_applied_twice_counts_once,
    a_numbered_event_is_stored_once_however_often_it_arrives,
    an_event_with_a_client_id_is_stored_once_in_its_source,
    an_event_without_an_identity_is_a_new_one_every_time,
    a_refused_event_is_no_hole_and_arrives_again_as_a_duplicate,
    a_corrected_event_is_stored_although_its_id_was_refused,
    holes_are_in_flight_then_lost_unless_they_were_declared,
    a_plan_that_cannot_be_written_changes_nothing,
    what_was_applied_survives_a_restart,
);

/// The totals, which always add up.
async fn totals(storage: &Storage) -> Totals {
    let totals = storage.reader.totals(NOW + 1_000).await.unwrap();
    assert_eq!(totals.received, totals.stored + totals.duplicates + totals.invalid);
    let ended = totals.stored + totals.invalid;
    assert_eq!(totals.made, ended + totals.in_flight + totals.declared + totals.lost);
    totals
}

async fn a_payload_applied_twice_counts_once(Backend { storage, .. }: Backend) {
    let plans =
        shared([plan(1, vec![(number(1, 1), good("a")), (EventIdentity::Anonymous, good("b"))])]);
    let first = storage.events.apply(plans.clone(), NOW).await.unwrap();
    assert_eq!(first, [Applied { stored: 2, ..Applied::default() }]);
    let before = totals(&storage).await;
    let second = storage.events.apply(plans.clone(), NOW).await.unwrap();
    assert_eq!(second, [Applied { already: true, ..Applied::default() }]);
    assert_eq!(totals(&storage).await, before);
    let both = storage.events.apply([plans.clone(), plans].concat(), NOW).await.unwrap();
    assert!(both.iter().all(|applied| applied.already));
}

async fn a_numbered_event_is_stored_once_however_often_it_arrives(
    Backend { storage, .. }: Backend,
) {
    let twice = plan(1, vec![(number(1, 1), good("a")), (number(1, 1), good("a"))]);
    let again = plan(2, vec![(number(1, 1), good("a")), (number(2, 1), good("a"))]);
    storage.events.apply(shared([twice, again]), NOW).await.unwrap();
    storage.events.apply(shared([plan(3, vec![(number(2, 1), good("a"))])]), NOW).await.unwrap();
    let totals = totals(&storage).await;
    assert_eq!((totals.made, totals.stored, totals.duplicates), (2, 2, 3));
}

async fn an_event_with_a_client_id_is_stored_once_in_its_source(Backend { storage, .. }: Backend) {
    let mut elsewhere = plan(3, vec![(client_id("x"), good("a"))]);
    elsewhere.source = "backend".into();
    let plans = [
        plan(1, vec![(client_id("x"), good("a"))]),
        plan(2, vec![(client_id("x"), good("a"))]),
        elsewhere,
    ];
    storage.events.apply(shared(plans), NOW).await.unwrap();
    let totals = totals(&storage).await;
    assert_eq!((totals.stored, totals.duplicates), (2, 1));
}

async fn an_event_without_an_identity_is_a_new_one_every_time(Backend { storage, .. }: Backend) {
    let plans = [1, 2].map(|number| plan(number, vec![(EventIdentity::Anonymous, good("a"))]));
    storage.events.apply(shared(plans), NOW).await.unwrap();
    assert_eq!(totals(&storage).await.stored, 2);
}

async fn a_refused_event_is_no_hole_and_arrives_again_as_a_duplicate(
    Backend { storage, .. }: Backend,
) {
    let events = vec![(number(1, 1), bad()), (number(1, 2), good("a")), (number(1, 1), bad())];
    storage.events.apply(shared([plan(1, events)]), NOW).await.unwrap();
    let totals = totals(&storage).await;
    assert_eq!((totals.made, totals.invalid, totals.stored, totals.duplicates), (2, 1, 1, 1));
    assert_eq!(totals.in_flight, 0);
}

async fn a_corrected_event_is_stored_although_its_id_was_refused(backend: Backend) {
    let id = || client_id("x");
    let first = vec![(id(), bad()), (id(), bad())];
    backend.storage.events.apply(shared([plan(1, first)]), NOW).await.unwrap();
    let backend = backend.reopened().await;
    let storage = &backend.storage;
    let mut elsewhere = plan(2, vec![(id(), bad())]);
    elsewhere.source = "backend".into();
    let corrected = plan(3, vec![(id(), bad()), (id(), good("a")), (id(), good("b"))]);
    storage.events.apply(shared([elsewhere, corrected]), NOW).await.unwrap();
    let later = plan(4, vec![(id(), bad()), (id(), good("c"))]);
    storage.events.apply(shared([later]), NOW).await.unwrap();
    let totals = totals(storage).await;
    assert_eq!((totals.invalid, totals.stored, totals.duplicates), (4, 1, 3));
    let found = storage.reader.event(EventRef::ClientId("x".into())).await.unwrap();
    let Some(EventTrace::Stored { event, repeats }) = found else { panic!("{found:?}") };
    assert_eq!((event.row.name.as_str(), repeats.len()), ("a", 3));
}

async fn holes_are_in_flight_then_lost_unless_they_were_declared(Backend { storage, .. }: Backend) {
    let plan = plan(1, vec![(number(1, 2), good("a"))]);
    let plan = declaring(plan, producer(1), 7, &[("quota", (4, 5))]);
    storage.events.apply(shared([plan]), NOW).await.unwrap();
    let soon = totals(&storage).await;
    assert_eq!((soon.made, soon.in_flight, soon.declared, soon.lost), (6, 3, 2, 0));
    let late = storage.reader.totals(NOW + 2 + IN_FLIGHT_MS).await.unwrap();
    assert_eq!((late.made, late.in_flight, late.declared, late.lost), (6, 0, 2, 3));
}

async fn a_plan_that_cannot_be_written_changes_nothing(Backend { storage, .. }: Backend) {
    let fine = plan(1, vec![(number(1, 1), good("a"))]);
    let mut clash = plan(2, vec![(number(1, 2), good("b")), (number(1, 3), good("c"))]);
    clash.events[1].id = clash.events[0].id;
    let failed = storage.events.apply(shared([fine.clone(), clash]), NOW).await;
    assert!(matches!(failed, Err(StoreError::Database { .. })), "{failed:?}");
    assert_eq!(totals(&storage).await, Totals::default());
    storage.events.apply(shared([fine]), NOW).await.unwrap();
    assert_eq!(totals(&storage).await.stored, 1);
}

async fn what_was_applied_survives_a_restart(backend: Backend) {
    let plans = shared([plan(1, vec![(number(1, 1), good("a")), (number(1, 4), good("b"))])]);
    backend.storage.events.apply(plans.clone(), NOW).await.unwrap();
    let before = totals(&backend.storage).await;
    let backend = backend.reopened().await;
    assert_eq!(totals(&backend.storage).await, before);
    assert!(backend.storage.events.apply(plans, NOW).await.unwrap()[0].already);
}

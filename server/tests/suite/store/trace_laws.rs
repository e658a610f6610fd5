//! The laws of `Reader` about one event: everything that happened to it is known.

use lamplight_server::process::row_id;
use lamplight_server::store::{Completeness, EventRef, EventTrace, Outcome, PayloadId};
use uuid::Uuid;

use crate::store::backend::Backend;
use crate::store::sample::{NOW, bad, client_id, declaring, good, number, plan, producer, shared};

crate::laws!(
    a_duplicate_is_found_by_its_row,
    a_stored_event_is_found_by_row_by_number_and_by_client_id,
    later_arrivals_are_listed_with_the_first,
    a_refused_event_is_found_with_its_reason,
    a_number_that_did_not_arrive_is_missing,
    an_event_that_nobody_made_is_not_found,
);

async fn a_stored_event_is_found_by_row_by_number_and_by_client_id(
    Backend { storage, .. }: Backend,
) {
    let events = vec![(number(1, 1), good("a")), (client_id("x"), good("b"))];
    storage.events.apply(shared([plan(1, events)]), NOW + 9).await.unwrap();
    let row = |index| row_id(PayloadId(Uuid::from_u128(1)), NOW + 1, index);
    for (event, want) in [
        (EventRef::Number(producer(1), 1), "a"),
        (EventRef::Row(row(0)), "a"),
        (EventRef::ClientId("x".into()), "b"),
        (EventRef::Row(row(1)), "b"),
    ] {
        match storage.reader.event(event.clone()).await.unwrap() {
            Some(EventTrace::Stored { event, repeats }) => {
                assert_eq!(event.row.name, want);
                assert_eq!((event.applied_ms, event.attempt, repeats.len()), (NOW + 9, 1, 0));
            }
            other => panic!("{event:?} gave {other:?}"),
        }
    }
}

async fn a_duplicate_is_found_by_its_row(Backend { storage, .. }: Backend) {
    let plans = [1, 2].map(|payload| plan(payload, vec![(number(1, 1), good("a"))]));
    let id = plans[1].events[0].id;
    storage.events.apply(shared(plans), NOW).await.unwrap();
    match storage.reader.event(EventRef::Row(id)).await.unwrap() {
        Some(EventTrace::Refused { event, repeats }) => {
            assert_eq!((event.outcome, event.reason), (Outcome::Duplicate, None));
            assert_eq!((event.number, repeats.len()), (Some((producer(1), 1)), 0));
        }
        other => panic!("{other:?}"),
    }
}

async fn later_arrivals_are_listed_with_the_first(Backend { storage, .. }: Backend) {
    for payload in 1..=3 {
        let events = vec![(number(1, 1), good("a")), (client_id("x"), good("b"))];
        storage.events.apply(shared([plan(payload, events)]), NOW).await.unwrap();
    }
    for event in [EventRef::Number(producer(1), 1), EventRef::ClientId("x".into())] {
        let Some(EventTrace::Stored { event, repeats }) =
            storage.reader.event(event).await.unwrap()
        else {
            panic!("it is not stored");
        };
        assert_eq!(event.row.payload, PayloadId(Uuid::from_u128(1)));
        let payloads: Vec<u128> = repeats.iter().map(|repeat| repeat.payload.0.as_u128()).collect();
        assert_eq!(payloads, [2, 3]);
    }
}

async fn a_refused_event_is_found_with_its_reason(Backend { storage, .. }: Backend) {
    let events = vec![(number(1, 1), bad()), (client_id("x"), bad()), (number(1, 1), bad())];
    storage.events.apply(shared([plan(1, events)]), NOW).await.unwrap();
    for (event, repeats_want) in
        [(EventRef::Number(producer(1), 1), 1), (EventRef::ClientId("x".into()), 0)]
    {
        let Some(EventTrace::Refused { event, repeats }) =
            storage.reader.event(event).await.unwrap()
        else {
            panic!("it is not refused");
        };
        assert_eq!(
            (event.outcome, event.reason.as_deref()),
            (Outcome::Invalid, Some("name_missing"))
        );
        assert_eq!(repeats.len(), repeats_want);
    }
}

async fn a_number_that_did_not_arrive_is_missing(Backend { storage, .. }: Backend) {
    let plan = plan(1, vec![(number(1, 3), good("a"))]);
    let plan = declaring(plan, producer(1), 6, &[("quota", (2, 2))]);
    storage.events.apply(shared([plan]), NOW).await.unwrap();
    for (seq, want) in
        [(1, Completeness::InFlight), (2, Completeness::Declared), (5, Completeness::InFlight)]
    {
        match storage.reader.event(EventRef::Number(producer(1), seq)).await.unwrap() {
            Some(EventTrace::Missing { verdict, .. }) => assert_eq!(verdict, want, "{seq}"),
            other => panic!("{seq} gave {other:?}"),
        }
    }
}

async fn an_event_that_nobody_made_is_not_found(Backend { storage, .. }: Backend) {
    storage.events.apply(shared([plan(1, vec![(number(1, 1), good("a"))])]), NOW).await.unwrap();
    for event in [
        EventRef::Number(producer(1), 2),
        EventRef::Number(producer(2), 1),
        EventRef::ClientId("x".into()),
        EventRef::Row(row_id(PayloadId(Uuid::from_u128(9)), NOW, 0)),
    ] {
        assert!(storage.reader.event(event).await.unwrap().is_none());
    }
}

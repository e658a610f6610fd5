//! The laws of `Store`: applying, counting, listing.

use lamplight_server::store::{
    Applied, Completeness, EventFilter, EventIdentity, EventPage, EventQuery, IN_FLIGHT_MS, Key,
    KeyKind, ProducerQuery, Storage, StoreError, Totals,
};
use lamplight_wire::event::Kind;

use crate::store::backend::Backend;
use crate::store::sample::{
    NOW, bad, good, good_with, named, noting, number, plan, producer, shared,
};

crate::laws!(
    a_payload_applied_twice_counts_once,
    a_numbered_event_is_stored_once_however_often_it_arrives,
    a_named_event_is_stored_once_in_its_source,
    an_event_without_a_name_is_a_new_one_every_time,
    an_event_that_cannot_be_stored_is_no_hole_and_its_repeat_is_a_duplicate,
    holes_are_in_flight_then_lost_unless_they_were_declared,
    a_plan_that_cannot_be_written_changes_nothing,
    a_reopened_store_has_everything,
    pages_give_every_event_once_newest_first,
    filters_give_exactly_what_they_name,
    properties_are_found_by_value_whatever_their_escapes,
    producers_are_listed_by_what_can_be_said_of_them,
    pages_give_every_producer_once,
    a_key_is_added_once,
);

async fn totals(storage: &Storage) -> Totals {
    let totals = storage.reader.totals(NOW + 1_000).await.unwrap();
    assert_eq!(totals.received, totals.stored + totals.duplicates + totals.invalid);
    let ended = totals.stored + totals.invalid;
    assert_eq!(totals.made, ended + totals.in_flight + totals.declared + totals.lost);
    totals
}

async fn page(storage: &Storage, filter: EventFilter) -> EventPage {
    storage.reader.events(EventQuery { filter, after: None, limit: 500 }).await.unwrap()
}

async fn names(storage: &Storage, filter: EventFilter) -> Vec<String> {
    page(storage, filter).await.events.into_iter().map(|event| event.name).collect()
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

async fn a_named_event_is_stored_once_in_its_source(Backend { storage, .. }: Backend) {
    let mut elsewhere = plan(3, vec![(named("x"), good("a"))]);
    elsewhere.source = "backend".into();
    let plans =
        [plan(1, vec![(named("x"), good("a"))]), plan(2, vec![(named("x"), good("a"))]), elsewhere];
    storage.events.apply(shared(plans), NOW).await.unwrap();
    let totals = totals(&storage).await;
    assert_eq!((totals.stored, totals.duplicates), (2, 1));
}

async fn an_event_without_a_name_is_a_new_one_every_time(Backend { storage, .. }: Backend) {
    let plans = [1, 2].map(|number| plan(number, vec![(EventIdentity::Anonymous, good("a"))]));
    storage.events.apply(shared(plans), NOW).await.unwrap();
    assert_eq!(totals(&storage).await.stored, 2);
}

async fn an_event_that_cannot_be_stored_is_no_hole_and_its_repeat_is_a_duplicate(
    Backend { storage, .. }: Backend,
) {
    let events = vec![(number(1, 1), bad()), (number(1, 2), good("a")), (number(1, 1), bad())];
    storage.events.apply(shared([plan(1, events)]), NOW).await.unwrap();
    let totals = totals(&storage).await;
    assert_eq!((totals.made, totals.invalid, totals.stored, totals.duplicates), (2, 1, 1, 1));
    assert_eq!(totals.in_flight, 0);
}

async fn holes_are_in_flight_then_lost_unless_they_were_declared(Backend { storage, .. }: Backend) {
    let plan = plan(1, vec![(number(1, 2), good("a"))]);
    let plan = noting(plan, producer(1), 7, &[("quota", (4, 5))]);
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

async fn a_reopened_store_has_everything(backend: Backend) {
    let plans = shared([plan(1, vec![(number(1, 1), good("a")), (number(1, 4), good("b"))])]);
    backend.storage.events.apply(plans.clone(), NOW).await.unwrap();
    let before = totals(&backend.storage).await;
    let backend = backend.reopened().await;
    assert_eq!(totals(&backend.storage).await, before);
    assert!(backend.storage.events.apply(plans, NOW).await.unwrap()[0].already);
}

async fn pages_give_every_event_once_newest_first(Backend { storage, .. }: Backend) {
    for payload in 1..=5 {
        let events = (1..=7).map(|seq| (number(payload, seq), good("a"))).collect();
        storage.events.apply(shared([plan(payload, events)]), NOW).await.unwrap();
    }
    for filter in [
        EventFilter::default(),
        EventFilter { name: Some("a".into()), ..EventFilter::default() },
        EventFilter { producer: Some(producer(3)), ..EventFilter::default() },
    ] {
        let all = page(&storage, filter.clone()).await;
        assert_eq!(all.next, None);
        let (mut paged, mut after) = (Vec::new(), None);
        loop {
            let query = EventQuery { filter: filter.clone(), after, limit: 3 };
            let page = storage.reader.events(query).await.unwrap();
            paged.extend(page.events.iter().map(|event| event.id));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(paged, all.events.iter().map(|event| event.id).collect::<Vec<_>>());
        assert_eq!(paged.len(), if filter.producer.is_some() { 7 } else { 35 });
        let received: Vec<i64> = all.events.iter().map(|event| event.received_ms).collect();
        assert!(received.is_sorted_by(|a, b| a >= b));
    }
}

async fn filters_give_exactly_what_they_name(Backend { storage, .. }: Backend) {
    let user = |name: &str, user: &str| good_with(name, |it| it.user_id = Some(user.to_owned()));
    let critical = |name: &str| good_with(name, |it| it.kind = Kind::Critical);
    let mut elsewhere = plan(3, vec![(EventIdentity::Anonymous, user("d", "ann"))]);
    elsewhere.source = "backend".into();
    let plans = [
        plan(1, vec![(number(1, 1), user("a", "ann")), (number(1, 2), user("b", "bob"))]),
        plan(2, vec![(number(2, 1), critical("a")), (EventIdentity::Anonymous, good("c"))]),
        elsewhere,
    ];
    storage.events.apply(shared(plans), NOW).await.unwrap();
    let all = EventFilter::default;
    let some = |text: &str| Some(text.to_owned());
    let mut a = names(&storage, EventFilter { name: some("a"), ..all() }).await;
    a.sort();
    assert_eq!(a, ["a", "a"]);
    assert_eq!(names(&storage, EventFilter { user: some("ann"), ..all() }).await, ["d", "a"]);
    let both = EventFilter { user: some("ann"), source: some("web"), ..all() };
    assert_eq!(names(&storage, both).await, ["a"]);
    assert_eq!(names(&storage, EventFilter { kind: Some(Kind::Critical), ..all() }).await, ["a"]);
    assert_eq!(names(&storage, EventFilter { kind: Some(Kind::Default), ..all() }).await.len(), 4);
    assert_eq!(
        names(&storage, EventFilter { producer: Some(producer(1)), ..all() }).await,
        ["b", "a"]
    );
    let span = EventFilter { from_ms: Some(NOW + 2), to_ms: Some(NOW + 3), ..all() };
    assert_eq!(names(&storage, span).await.len(), 2);
    assert!(names(&storage, EventFilter { name: some("zzz"), ..all() }).await.is_empty());
}

async fn properties_are_found_by_value_whatever_their_escapes(Backend { storage, .. }: Backend) {
    let with =
        |name: &str, json: &str| good_with(name, |it| it.properties_json = Some(json.to_owned()));
    let events = vec![
        (EventIdentity::Anonymous, with("text", r#"{"a":{"b":"\u00e9"},"n":"1"}"#)),
        (EventIdentity::Anonymous, with("number", r#"{"n":1,"yes":true}"#)),
        (EventIdentity::Anonymous, good("none")),
    ];
    storage.events.apply(shared([plan(1, events)]), NOW).await.unwrap();
    for (path, value, want) in [
        (vec!["a", "b"], "é", vec!["text"]),
        (vec!["n"], "1", vec!["number", "text"]),
        (vec!["yes"], "true", vec!["number"]),
        (vec!["yes"], "1", vec![]),
        (vec!["a"], "é", vec![]),
    ] {
        let path = path.into_iter().map(str::to_owned).collect();
        let properties = vec![(path, value.to_owned())];
        let mut found = names(&storage, EventFilter { properties, ..EventFilter::default() }).await;
        found.sort();
        assert_eq!(found, want, "{value}");
    }
}

fn producers(verdict: Option<Completeness>) -> ProducerQuery {
    ProducerQuery {
        verdict,
        source: None,
        after: None,
        limit: 100,
        now_ms: NOW + 10 + IN_FLIGHT_MS,
    }
}

async fn producers_are_listed_by_what_can_be_said_of_them(Backend { storage, .. }: Backend) {
    let plans = [
        plan(1, vec![(number(1, 2), good("a"))]),
        plan(2, vec![(number(2, 1), good("a"))]),
        noting(plan(3, vec![(number(3, 1), good("a"))]), producer(3), 4, &[("quota", (2, 3))]),
        plan(20, vec![(number(4, 3), good("a"))]),
    ];
    storage.events.apply(shared(plans), NOW).await.unwrap();
    for (verdict, want) in [
        (Completeness::Lost, 1),
        (Completeness::Complete, 2),
        (Completeness::Declared, 3),
        (Completeness::InFlight, 4),
    ] {
        let page = storage.reader.producers(producers(Some(verdict))).await.unwrap();
        assert_eq!(page.producers.len(), 1, "{verdict:?}");
        assert_eq!(
            (page.producers[0].producer, page.producers[0].verdict),
            (producer(want), verdict)
        );
    }
    let all = storage.reader.producers(producers(None)).await.unwrap().producers;
    assert_eq!(all.iter().map(|it| it.producer).collect::<Vec<_>>(), [4, 3, 2, 1].map(producer));
    assert_eq!((all[0].made, all[0].received), (3, 1));
    assert_eq!(all[0].holes.as_slice(), [(1, 2)]);
    assert_eq!(all[1].declared[0].0, "quota");
}

async fn pages_give_every_producer_once(Backend { storage, .. }: Backend) {
    let events = (1..=20).map(|it| (number(it, 1), good("a"))).collect();
    storage.events.apply(shared([plan(1, events)]), NOW).await.unwrap();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = storage
            .reader
            .producers(ProducerQuery { after, limit: 3, ..producers(None) })
            .await
            .unwrap();
        seen.extend(page.producers.iter().map(|it| it.producer));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, (1..=20).rev().map(producer).collect::<Vec<_>>());
}

async fn a_key_is_added_once(Backend { storage, .. }: Backend) {
    let key = Key::new(KeyKind::Secret, "backend", "sk_very_secret_indeed", NOW);
    assert_eq!(key.public_text, None);
    storage.keys.add(vec![key.clone()]).await.unwrap();
    let later = Key::new(KeyKind::Secret, "elsewhere", "sk_very_secret_indeed", NOW + 1);
    storage.keys.add(vec![later]).await.unwrap();
    assert_eq!(storage.keys.list().await.unwrap(), [key]);
}

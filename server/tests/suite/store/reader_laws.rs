//! The laws of `Reader` about lists of events and of producers.

use lamplight_server::store::{
    CanonicalJson, Completeness, EventFilter, EventIdentity, EventPage, EventQuery, EventRow,
    IN_FLIGHT_MS, PayloadId, ProducerQuery, PropertyCondition, Storage,
};
use lamplight_wire::event::Kind;
use uuid::Uuid;

use crate::store::backend::Backend;
use crate::store::sample::{NOW, declaring, good, good_with, number, plan, producer, shared};

crate::laws!(
    every_column_of_an_event_is_read_as_it_was_written,
    pages_give_every_event_once_newest_first,
    a_page_is_not_moved_by_events_that_came_since,
    filters_select_exactly_what_they_name,
    properties_are_compared_by_value_whatever_their_escapes,
    producers_are_listed_by_verdict,
    producers_are_listed_in_each_source_that_has_their_events,
    pages_give_every_producer_once,
);

async fn page(storage: &Storage, filter: EventFilter) -> EventPage {
    storage.reader.events(EventQuery { filter, after: None, limit: 500 }).await.unwrap()
}

async fn names(storage: &Storage, filter: EventFilter) -> Vec<String> {
    page(storage, filter).await.events.into_iter().map(|event| event.name).collect()
}

async fn every_column_of_an_event_is_read_as_it_was_written(Backend { storage, .. }: Backend) {
    let outcome = good_with("a", |it| {
        it.kind = Kind::Critical;
        it.ts_ms = None;
        it.time_ms = NOW + 7;
        it.user_id = Some("ann".into());
        it.anonymous_id = Some("anon".into());
        it.session = Some("s1".into());
        it.properties_json = Some(r#"{ "p" : 1.50 }"#.into());
        it.context_json = Some(r#"{"c":"\u00e9"}"#.into());
        it.monitor_json = Some(r#"{"m":1}"#.into());
        it.enrichment_json = Some(r#"{"e":1}"#.into());
    });
    let plan = plan(1, vec![(EventIdentity::Anonymous, good("first")), (number(1, 3), outcome)]);
    let id = plan.events[1].id;
    storage.events.apply(shared([plan]), NOW).await.unwrap();
    let want = EventRow {
        id,
        kind: "critical".into(),
        name: "a".into(),
        source: "web".into(),
        ts_ms: None,
        time_ms: NOW + 7,
        received_ms: NOW + 1,
        created_day: 20_231_114,
        user_id: Some("ann".into()),
        anonymous_id: Some("anon".into()),
        session: Some("s1".into()),
        number: Some((producer(1), 3)),
        event_id: None,
        payload: PayloadId(Uuid::from_u128(1)),
        index: 1,
        properties_json: Some(r#"{ "p" : 1.50 }"#.into()),
        context_json: Some(r#"{"c":"\u00e9"}"#.into()),
        monitor_json: Some(r#"{"m":1}"#.into()),
        enrichment_json: Some(r#"{"e":1}"#.into()),
        profile_json: None,
        outdated_traits: Vec::new(),
    };
    let found = page(&storage, EventFilter::default()).await.events.remove(0);
    assert_eq!(format!("{found:?}"), format!("{want:?}"));
}

async fn a_page_is_not_moved_by_events_that_came_since(Backend { storage, .. }: Backend) {
    for payload in 1..=6 {
        let plan = plan(payload, vec![(number(1, u64::try_from(payload).unwrap()), good("a"))]);
        storage.events.apply(shared([plan]), NOW).await.unwrap();
    }
    let from_producer = EventFilter { producer: Some(producer(1)), ..EventFilter::default() };
    for filter in [EventFilter::default(), from_producer] {
        let query = |after| EventQuery { filter: filter.clone(), after, limit: 2 };
        let first = storage.reader.events(query(None)).await.unwrap();
        let before = storage.reader.events(query(first.next)).await.unwrap();
        let newest = totals_made(&storage).await + 1;
        let newer = plan(u128::from(newest), vec![(number(1, newest), good("newer"))]);
        storage.events.apply(shared([newer]), NOW).await.unwrap();
        let after = storage.reader.events(query(first.next)).await.unwrap();
        let ids = |page: &EventPage| page.events.iter().map(|it| it.id).collect::<Vec<_>>();
        assert_eq!((ids(&after), after.next), (ids(&before), before.next));
    }
}

async fn totals_made(storage: &Storage) -> u64 {
    storage.reader.totals(NOW).await.unwrap().made
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

async fn filters_select_exactly_what_they_name(Backend { storage, .. }: Backend) {
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

async fn properties_are_compared_by_value_whatever_their_escapes(Backend { storage, .. }: Backend) {
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
        (vec!["n"], "1", vec!["number"]),
        (vec!["n"], "1.0", vec!["number"]),
        (vec!["n"], "\"1\"", vec!["text"]),
        (vec!["n"], "null", vec!["none"]),
        (vec!["yes"], "true", vec!["number"]),
        (vec!["yes"], "\"true\"", vec![]),
        (vec!["yes"], "1", vec![]),
        (vec!["a"], "é", vec![]),
    ] {
        let condition = PropertyCondition {
            path: path.into_iter().collect(),
            value: CanonicalJson::written(value),
        };
        let properties = vec![condition];
        let mut found = names(&storage, EventFilter { properties, ..EventFilter::default() }).await;
        found.sort();
        assert_eq!(found, want, "{value}");
    }
}

fn producers(verdict: Option<Completeness>) -> ProducerQuery {
    ProducerQuery {
        verdict,
        source: None,
        producer: None,
        after_number: 0,
        after: None,
        limit: 100,
        now_ms: NOW + 10 + IN_FLIGHT_MS,
    }
}

async fn producers_are_listed_by_verdict(Backend { storage, .. }: Backend) {
    let plans = [
        plan(1, vec![(number(1, 2), good("a"))]),
        plan(2, vec![(number(2, 1), good("a"))]),
        declaring(plan(3, vec![(number(3, 1), good("a"))]), producer(3), 4, &[("quota", (2, 3))]),
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
    assert_eq!(all[0].unarrived.holes.as_slice(), [(1, 2)]);
    assert_eq!(all[1].unarrived.declared[0].0, "quota");
}

async fn producers_are_listed_in_each_source_that_has_their_events(
    Backend { storage, .. }: Backend,
) {
    let mut first = plan(1, vec![(number(1, 1), good("a"))]);
    first.source = "backend".into();
    let plans = [first, plan(2, vec![(number(1, 2), good("a")), (number(2, 1), good("a"))])];
    storage.events.apply(shared(plans), NOW).await.unwrap();
    for (source, want) in [("backend", vec![1]), ("web", vec![2, 1]), ("x", vec![])] {
        let query = ProducerQuery { source: Some(source.into()), ..producers(None) };
        let listed = storage.reader.producers(query).await.unwrap().producers;
        let want: Vec<_> = want.into_iter().map(producer).collect();
        assert_eq!(listed.iter().map(|it| it.producer).collect::<Vec<_>>(), want, "{source}");
    }
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

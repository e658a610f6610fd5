//! Calls every method of storage once.

use std::path::Path;
use std::sync::Arc;

use crate::{delivering, watching};
use lamplight_server::process::enrich::Enrichers;
use lamplight_server::process::plan;
use lamplight_server::store::LeaseToken;
use lamplight_server::store::Outcome;
use lamplight_server::store::WriterLimits;
use lamplight_server::store::sqlite;
use lamplight_server::store::week::WEEK_MS;
use lamplight_server::store::{
    AggregateQuery, COUNTS_MAX, Calendar, CanonicalJson, Completeness, Encoding, EventClock,
    EventFilter, EventQuery, EventRef, EventRow, ExhaustedPayload, FailedPayload, Grouping, Key,
    KeyKind, LeaseAsk, LeasedPayload, LivePlace, NewPayload, PayloadId, PayloadMetadata,
    PayloadSpan, Plan, ProducerQuery, PropertyCondition, PropertyPath, RefusedQuery, Replayed,
    RetentionLimits, Storage, WorkerSlot,
};
use lamplight_wire::Producer;
use lamplight_wire::event::Kind;
use uuid::Uuid;

const NOW: i64 = 1_700_000_000_000;

fn payload(number: u128, received_ms: i64, body: &str) -> NewPayload {
    let metadata = PayloadMetadata {
        id: PayloadId(Uuid::from_u128(u128::try_from(received_ms).unwrap() << 80 | number)),
        received_ms,
        key_id: "wk_1".into(),
        source: "web".into(),
        encoding: Encoding::Identity,
        events: 1,
        unpacked_bytes: u32::try_from(body.len()).unwrap(),
        user_agent: None,
        origin: None,
        client: None,
    };
    NewPayload { metadata, body: body.to_owned().into(), home: None }
}

fn bodies() -> [String; 3] {
    let producer = Producer::from_bits(7);
    let numbered = |seq: u64| {
        format!(
            r#"{{"name":"identify","producer":"{producer}","seq":{seq},"user":{{"id":"u"}},"properties":{{"a":1}}}}"#
        )
    };
    [
        format!("[{},{}]", numbered(1), numbered(3)),
        format!(r#"[{},{{"name":"a","id":"x"}},{{"name":""}}]"#, numbered(1)),
        r#"[{"name":"a","id":"x"},{"name":"b","type":"critical"}]"#.to_owned(),
    ]
}

pub(crate) async fn run(folder: &Path) {
    // Twice, so that opening a database with data in it is covered, too.
    for round in 0..2 {
        let limits = WriterLimits::default();
        let (intake, store) = (folder.join("intake.db"), folder.join("store.db"));
        let storage = sqlite::open(&intake, &store, limits, delivering::routes()).unwrap();
        let plans = receive(&storage, NOW + round * WEEK_MS).await;
        storage.events.apply(plans.clone(), NOW).await.unwrap();
        storage.events.reapply(plans, NOW).await.unwrap();
        delivering::deliver(&storage, NOW + round * WEEK_MS).await;
        read(&storage).await;
        replay(&storage).await;
        watching::run(&storage, NOW + round * WEEK_MS).await;
        let keep = RetentionLimits {
            events_from_ms: Some(NOW + (round - 5) * WEEK_MS),
            events_bytes: Some(round.unsigned_abs()),
            ids_from_ms: NOW + 1,
            pending_from_ms: i64::MAX,
            now_ms: NOW,
        };
        if round == 1 {
            storage.events.prune(RetentionLimits { events_bytes: Some(1), ..keep }).await.unwrap();
            storage.events.prune(RetentionLimits { events_bytes: Some(1), ..keep }).await.unwrap();
        }
        storage.archive.prune(NOW + 1).await.unwrap();
        storage.close().await.unwrap();
    }
}

async fn receive(storage: &Storage, now_ms: i64) -> Vec<Arc<Plan>> {
    for (number, body) in (1..).zip(bodies()) {
        storage.payload_queue.stage(payload(number, now_ms, &body)).await.unwrap();
    }
    let ask = LeaseAsk {
        token: LeaseToken(1),
        worker: WorkerSlot::ALONE,
        now_ms,
        lease_ms: 1_000,
        payloads_max: 10,
        unpacked_bytes_max: 1 << 20,
    };
    let leased: Vec<LeasedPayload> = storage.payload_queue.lease(ask).await.unwrap();
    let lease = leased[0].lease;
    let (ticket, error) = (leased[0].ticket.clone(), "e".to_owned());
    let failed = FailedPayload { ticket, due_ms: now_ms, error: error.clone(), is_own: true };
    storage.payload_queue.release(lease, vec![failed], now_ms).await.unwrap();
    let exhausted = ExhaustedPayload { ticket: leased[1].ticket.clone(), error };
    storage.payload_queue.set_aside(lease, vec![exhausted], now_ms).await.unwrap();
    let aside = storage.payload_queue.list_set_aside(None, 10).await.unwrap();
    storage.payload_queue.retry(aside[0].metadata.id, now_ms).await.unwrap();
    let tickets = leased[2..].iter().map(|payload| payload.ticket.clone()).collect();
    storage.payload_queue.settle(lease, tickets, now_ms).await.unwrap();
    storage.payload_queue.backlog().await.unwrap();
    storage.archive.metadata(leased[0].metadata.id).await.unwrap();
    let enrichers = Enrichers::default();
    let planned =
        leased.iter().map(|payload| plan(&payload.metadata, &payload.body, 1, &enrichers).unwrap());
    planned.map(Arc::new).collect()
}

async fn replay(storage: &Storage) {
    let span = PayloadSpan::received(0, NOW * 2);
    storage.archive.count(span).await.unwrap();
    storage.archive.payloads(span, None, 10, 1 << 20).await.unwrap();
    storage.replays.begin(span, NOW).await.unwrap();
    let replay = storage.replays.next().await.unwrap().unwrap();
    storage.replays.advance(replay, None, Replayed::default(), Some(NOW)).await.unwrap();
    storage.replays.list().await.unwrap();
}

async fn read(storage: &Storage) {
    let producer = Producer::from_bits(7);
    let key = Key::new(KeyKind::Secret, "web", "sk_any_text_at_all", NOW);
    storage.keys.add(vec![key.clone()]).await.unwrap();
    storage.keys.change(key).await.unwrap();
    storage.keys.list().await.unwrap();
    storage.reader.totals(NOW).await.unwrap();
    let all = EventFilter::default;
    let property = PropertyCondition {
        path: PropertyPath::from_iter(["a"]),
        value: CanonicalJson::written("1"),
    };
    for filter in [
        all(),
        EventFilter { name: Some("a".into()), ..all() },
        EventFilter { kind: Some(Kind::Critical), ..all() },
        EventFilter { kind: Some(Kind::Default), source: Some("web".into()), ..all() },
        EventFilter { user: Some("u".into()), ..all() },
        EventFilter { producer: Some(producer), ..all() },
        EventFilter { from_ms: Some(NOW - 5), to_ms: Some(NOW + 5), ..all() },
        EventFilter { happened_from_ms: Some(NOW - 5), happened_to_ms: Some(NOW + 5), ..all() },
        EventFilter { properties: vec![property], ..all() },
    ] {
        let query = EventQuery { filter, after: None, limit: 1 };
        let page = storage.reader.events(query.clone()).await.unwrap();
        storage.reader.events(EventQuery { after: page.next, ..query }).await.unwrap();
    }
    let page =
        storage.reader.events(EventQuery { filter: all(), after: None, limit: 10 }).await.unwrap();
    for event in [
        EventRef::Row(page.events[0].id),
        EventRef::Number(producer, 1),
        EventRef::Number(producer, 2),
        EventRef::ClientId("x".into()),
        EventRef::ClientId("nobody".into()),
    ] {
        storage.reader.event(event).await.unwrap();
    }
    count(storage, &page.events[0]).await;
    let verdicts = [
        Completeness::Complete,
        Completeness::InFlight,
        Completeness::Declared,
        Completeness::Lost,
    ];
    for verdict in verdicts.into_iter().map(Some).chain([None]) {
        for producer in [None, Some(producer)] {
            let (source, after_number, after, limit, now_ms) = (None, 0, None, 5, NOW);
            let query =
                ProducerQuery { verdict, source, producer, after_number, after, limit, now_ms };
            storage.reader.producers(query).await.unwrap();
        }
    }
    storage.reader.sources().await.unwrap();
    storage.reader.event(EventRef::NumberOf("web".into(), producer, 1)).await.unwrap();
    storage.reader.event(EventRef::ClientIdOf("web".into(), "x".into())).await.unwrap();
    storage.events.forget("web".into()).await.unwrap();
}

async fn count(storage: &Storage, event: &EventRow) {
    for by in [Grouping::Name, Grouping::Day, Grouping::Property(PropertyPath::from_iter(["a"]))] {
        let filter =
            EventFilter { from_ms: Some(0), to_ms: Some(NOW * 2), ..EventFilter::default() };
        for clock in [EventClock::Received, EventClock::Happened] {
            let (filter, by) = (filter.clone(), by.clone());
            let calendar = Calendar { clock, ..Calendar::default() };
            storage
                .reader
                .aggregate(AggregateQuery { filter, by, calendar, counts_max: COUNTS_MAX })
                .await
                .unwrap();
        }
    }
    for outcome in [Outcome::Invalid, Outcome::Duplicate] {
        let query = RefusedQuery {
            outcome,
            source: Some("web".into()),
            producer: None,
            from_ms: None,
            to_ms: None,
            after: None,
            limit: 1,
        };
        storage.reader.refused(query.clone()).await.unwrap();
        let (producer, after) = (Some(Producer::from_bits(7)), Some(event.id));
        storage.reader.refused(RefusedQuery { producer, after, ..query }).await.unwrap();
    }
    storage.reader.live_end().await.unwrap();
    let after = LivePlace::default();
    storage.reader.live(EventFilter::default(), after, 10).await.unwrap();
}

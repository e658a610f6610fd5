//! Does everything that storage can do, once.

use std::path::Path;
use std::sync::Arc;

use crate::delivering;
use lamplight_server::process::enrich::Enrichers;
use lamplight_server::process::plan;
use lamplight_server::store::LeaseToken;
use lamplight_server::store::Outcome;
use lamplight_server::store::sqlite::{SqliteIntake, SqliteStore, WriterLimits};
use lamplight_server::store::week::WEEK_MS;
use lamplight_server::store::{
    AggregateQuery, Completeness, Encoding, EventFilter, EventQuery, EventRef, EventRow,
    FailedPayload, Grouping, Intake, Keep, Key, KeyKind, LeaseAsk, LeasedPayload, LivePosition,
    NewPayload, PayloadId, PayloadMetadata, PayloadSpan, Plan, ProducerQuery, RefusedQuery,
    Replayed, Share, Store,
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
    NewPayload { metadata, body: body.to_owned().into() }
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
    // Twice, so that what a start does on data is done, too.
    for round in 0..2 {
        let limits = WriterLimits::default();
        let intake = SqliteIntake::open(&folder.join("intake.db"), limits).unwrap();
        let store = SqliteStore::open(&folder.join("store.db"), limits).unwrap();
        delivering::route(&store).await;
        let plans = receive(&intake, NOW + round * WEEK_MS).await;
        store.apply(plans.clone(), NOW).await.unwrap();
        store.reapply(plans, NOW).await.unwrap();
        delivering::deliver(&store, NOW + round * WEEK_MS).await;
        read(&store).await;
        replay(&intake).await;
        let keep = Keep {
            events_from_ms: Some(NOW + (round - 5) * WEEK_MS),
            events_bytes: Some(round.unsigned_abs()),
            ids_from_ms: NOW + 1,
            pending_from_ms: i64::MAX,
            now_ms: NOW,
        };
        if round == 1 {
            store.retain(Keep { events_bytes: Some(1), ..keep }).await.unwrap();
            store.retain(Keep { events_bytes: Some(1), ..keep }).await.unwrap();
        }
        intake.prune(NOW + 1).await.unwrap();
        intake.close().await.unwrap();
        store.close().await.unwrap();
    }
}

async fn receive(intake: &SqliteIntake, now_ms: i64) -> Vec<Arc<Plan>> {
    for (number, body) in (1..).zip(bodies()) {
        intake.stage(payload(number, now_ms, &body)).await.unwrap();
    }
    let ask = LeaseAsk {
        token: LeaseToken(1),
        share: Share::ALL,
        now_ms,
        lease_ms: 1_000,
        payloads_max: 10,
        unpacked_bytes_max: 1 << 20,
    };
    let leased: Vec<LeasedPayload> = intake.lease(ask).await.unwrap();
    let lease = leased[0].lease;
    let failed = FailedPayload { ticket: leased[0].ticket, due_ms: now_ms, error: "e".into() };
    intake.release(lease, vec![failed], now_ms).await.unwrap();
    let tickets = leased[1..].iter().map(|payload| payload.ticket).collect();
    intake.settle(lease, tickets, now_ms).await.unwrap();
    intake.backlog().await.unwrap();
    intake.metadata(leased[0].metadata.id).await.unwrap();
    let enrichers = Enrichers::default();
    let planned =
        leased.iter().map(|payload| plan(&payload.metadata, &payload.body, 1, &enrichers).unwrap());
    planned.map(Arc::new).collect()
}

async fn replay(intake: &SqliteIntake) {
    let span = PayloadSpan::received(0, NOW * 2);
    intake.count(span).await.unwrap();
    intake.payloads(span, None, 10, 1 << 20).await.unwrap();
    intake.begin_replay(span, NOW).await.unwrap();
    let replay = intake.next_replay().await.unwrap().unwrap();
    intake.advance_replay(replay, None, Replayed::default(), Some(NOW)).await.unwrap();
    intake.replays().await.unwrap();
}

async fn read(store: &SqliteStore) {
    let producer = Producer::from_bits(7);
    let key = Key::new(KeyKind::Secret, "web", "sk_any_text_at_all", NOW);
    store.add_keys(vec![key.clone()]).await.unwrap();
    store.change_key(key).await.unwrap();
    store.keys().await.unwrap();
    store.totals(NOW).await.unwrap();
    let all = EventFilter::default;
    for filter in [
        all(),
        EventFilter { name: Some("a".into()), ..all() },
        EventFilter { kind: Some(Kind::Critical), ..all() },
        EventFilter { kind: Some(Kind::Default), source: Some("web".into()), ..all() },
        EventFilter { user: Some("u".into()), ..all() },
        EventFilter { producer: Some(producer), ..all() },
        EventFilter { from_ms: Some(NOW - 5), to_ms: Some(NOW + 5), ..all() },
        EventFilter { properties: vec![(vec!["a".into()], "1".into())], ..all() },
    ] {
        let query = EventQuery { filter, after: None, limit: 1 };
        let page = store.events(query.clone()).await.unwrap();
        store.events(EventQuery { after: page.next, ..query }).await.unwrap();
    }
    let page = store.events(EventQuery { filter: all(), after: None, limit: 10 }).await.unwrap();
    for event in [
        EventRef::Row(page.events[0].id),
        EventRef::Number(producer, 1),
        EventRef::Number(producer, 2),
        EventRef::ClientId("x".into()),
        EventRef::ClientId("nobody".into()),
    ] {
        store.event(event).await.unwrap();
    }
    count(store, &page.events[0]).await;
    let verdicts = [
        Completeness::Complete,
        Completeness::InFlight,
        Completeness::Declared,
        Completeness::Lost,
    ];
    for verdict in verdicts.into_iter().map(Some).chain([None]) {
        let query = ProducerQuery { verdict, source: None, after: None, limit: 5, now_ms: NOW };
        store.producers(query).await.unwrap();
    }
}

async fn count(store: &SqliteStore, event: &EventRow) {
    for by in [Grouping::Name, Grouping::Day, Grouping::Property(vec!["a".into()])] {
        let filter =
            EventFilter { from_ms: Some(0), to_ms: Some(NOW * 2), ..EventFilter::default() };
        store.aggregate(AggregateQuery { filter, by }).await.unwrap();
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
        store.refused(query.clone()).await.unwrap();
        let (producer, after) = (Some(Producer::from_bits(7)), Some(event.id));
        store.refused(RefusedQuery { producer, after, ..query }).await.unwrap();
    }
    store.live_end().await.unwrap();
    let after = LivePosition { payload: 0, index: u32::MAX };
    store.live(EventFilter::default(), after, 10).await.unwrap();
}

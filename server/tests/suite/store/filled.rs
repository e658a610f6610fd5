//! Fills a database, or a data directory, with everything that one can hold, in every state.

use std::collections::BTreeMap;

use lamplight_server::store::week::WEEK_MS;
use lamplight_server::store::{
    AlertKey, AlertMark, AlertPhase, AlertRound, DeadLetterQuery, DeliveryAsk, DeliveryOrder,
    DiscardAsk, Encoding, ErrorSample, ErrorStage, ExhaustedPayload, FailedPayload, Figure,
    LeaseToken, NewPayload, Notice, NoticeAttempt, NoticeDelivery, NoticeState, Occurrence,
    PayloadId, PayloadMetadata, PayloadSpan, Replayed, RetentionLimits, RetryAsk, Sample,
    SavedView, Session, Ticket, Week,
};
use lamplight_wire::Producer;
use uuid::Uuid;

use crate::store::sample::{good_with, number, plan_at, shared};
use crate::store::sqlite::upgrade::keys;
use crate::store::sqlite::upgrade::server::{EVERYTHING, NOW, Server};

/// Fills a new one. The server is still running at the end: some of what it has counted is only in
/// the log of tallies, and it holds leases.
pub(crate) async fn fill(server: &Server) {
    remove_a_week(server).await;
    people(server).await;
    server.stage(0..24, 0).await;
    server.process(NOW + 100_000).await;
    assert_eq!(server.deliver(NOW + 100_000, 16, false).await, 16);
    discard_a_dead_letter(server).await;
    for week in 1..=2 {
        server.stage(100 + week * 2..102 + week * 2, week * WEEK_MS).await;
    }
    declare(server).await;
    server.process(NOW + 3 * WEEK_MS).await;
    profiles(server).await;
    figures(server).await;
    replays(server).await;
    // What follows is counted in the log of tallies alone.
    server.stage(24..28, 0).await;
    server.process(NOW + 200_000).await;
    server.stage(28..38, 0).await;
    queue(server).await;
    let (_, leased) = server.storage.delivery_queue.lease(delivery_ask()).await.unwrap();
    assert_eq!(leased.len(), 3);
}

/// Deliveries that a worker has leased and not ended.
fn delivery_ask() -> DeliveryAsk {
    DeliveryAsk {
        sink: "archive".into(),
        token: LeaseToken(8),
        now_ms: NOW + 300_000,
        lease_ms: 60_000,
        events_max: 3,
        bytes_max: 1 << 30,
        order: DeliveryOrder::Shared,
    }
}

/// Events of a week that retention has removed. Their ledger stays.
async fn remove_a_week(server: &Server) {
    server.stage(90..91, -2 * WEEK_MS).await;
    server.process(NOW).await;
    assert!(server.deliver(NOW, 10, true).await > 0);
    let week = Week::of_ms(NOW - WEEK_MS);
    let keep = RetentionLimits {
        events_from_ms: Some(week.from_ms()),
        events_bytes: None,
        ids_from_ms: 0,
        pending_from_ms: i64::MAX,
        now_ms: NOW,
    };
    assert_eq!(server.storage.events.prune(keep).await.unwrap().weeks, 1);
}

/// Keys, who is signed in, and the views that they have saved.
async fn people(server: &Server) {
    server.storage.keys.add(keys()).await.unwrap();
    let session = Session {
        hash: [7; 32],
        key_id: "at_1".into(),
        made_ms: NOW,
        expires_ms: NOW + 9 * WEEK_MS,
    };
    server.storage.sessions.add(session).await.unwrap();
    let view = SavedView {
        page: "events".into(),
        name: "of \u{0}".into(),
        query: "name=e1".into(),
        made_ms: NOW,
    };
    assert!(server.storage.saved_views.save(view).await.unwrap());
}

async fn discard_a_dead_letter(server: &Server) {
    let queue = &server.storage.delivery_queue;
    let query = DeadLetterQuery { sink: "archive".into(), limit: 1, ..DeadLetterQuery::default() };
    let event = queue.dead_letters(query).await.unwrap()[0].event;
    let letters = RetryAsk { event: Some(event), now_ms: NOW + 110_000, ..RetryAsk::default() };
    let discarded = queue.discard_dead(DiscardAsk { letters, restore: false }).await.unwrap();
    assert_eq!(discarded.count, 1);
}

/// A page says that it has dropped events, and that others are still to come.
async fn declare(server: &Server) {
    let producer = Producer::from_bits(9);
    let body = format!(
        r#"{{"v":1,"producers":{{"{producer}":{{"next":30,"dropped":{{"quota":[[5,7]],"rejected":[[9,9]]}}}}}},
            "events":[{{"name":"e","producer":"{producer}","seq":2}},
                      {{"name":"e","producer":"{producer}","seq":12,"properties":{{"text":"a\u0000b"}}}}]}}"#
    );
    let received_ms = NOW + 60_500;
    let id = u128::try_from(received_ms).unwrap() << 80 | 7;
    let metadata = PayloadMetadata {
        id: PayloadId(Uuid::from_u128(id)),
        received_ms,
        key_id: "wk_1".into(),
        source: "app".into(),
        encoding: Encoding::Identity,
        events: 2,
        unpacked_bytes: u32::try_from(body.len()).unwrap(),
        user_agent: None,
        origin: Some("https://shop.example".into()),
        client: None,
    };
    server
        .storage
        .payload_queue
        .stage(NewPayload { metadata, body: body.into(), home: None })
        .await
        .unwrap();
}

/// What events say of their user, in two weeks.
async fn profiles(server: &Server) {
    let said = |name: &str, properties: &str| {
        let (name, properties) = (name.to_owned(), properties.to_owned());
        good_with(&name, |event| {
            event.user_id = Some("ann\u{0}".into());
            event.properties_json = Some(properties);
        })
    };
    let words = [
        (NOW + 70_000, said("identify", r#"{"plan":"free","city":"Bern"}"#)),
        (NOW + 71_000, said("$experiment", r#"{"experiment":"x","variant":"blue"}"#)),
        (NOW + WEEK_MS + 70_000, said("identify", r#"{"plan":"paid"}"#)),
    ];
    for (seq, (at_ms, word)) in (1..).zip(words) {
        let plan = plan_at(at_ms, 1_000 + u128::from(seq), vec![(number(11, seq), word)]);
        server.storage.events.apply(shared([plan]), at_ms).await.unwrap();
    }
}

/// Trends, alerts with their notices, and groups of errors.
async fn figures(server: &Server) {
    let storage = &server.storage;
    for (number, at_ms) in [(1, NOW), (2, NOW + 60_000), (3, NOW + 3_600_000)] {
        let values = BTreeMap::from([(Figure::Stored, 40 * at_ms / NOW), (Figure::Duplicates, 3)]);
        let sample = Sample { run: 1, number, at_ms, certain_ms: Some(at_ms), values };
        storage.trends.record(sample).await.unwrap();
    }
    let key = |thing: &str| AlertKey { rule: "queue_age".into(), thing: thing.into() };
    let firing = AlertPhase::Firing {
        alert: "a".into(),
        kind: "queue_age".into(),
        is_silent: false,
        since_ms: NOW,
        fine_ms: None,
        value: 300,
        text: "it waits".into(),
    };
    let pending = AlertPhase::Pending { since_ms: NOW, held_ms: 5 };
    let notice = |id: &str| Notice {
        id: id.into(),
        alert: "a".into(),
        state: NoticeState::Firing,
        rule: "queue_age".into(),
        kind: "queue_age".into(),
        thing: "process".into(),
        since_ms: NOW,
        at_ms: NOW,
        value: Some(300),
        text: "it waits".into(),
    };
    let round = AlertRound {
        mark: AlertMark { run: 1, at_ms: NOW, counts: BTreeMap::from([("lost".into(), 4)]) },
        changed: BTreeMap::from([(key("process"), Some(firing)), (key("intake"), Some(pending))]),
        notices: vec![
            (notice("1"), NoticeDelivery::Queued),
            (notice("2"), NoticeDelivery::Queued),
            (notice("3"), NoticeDelivery::Silent),
        ],
    };
    storage.alerts.save(round).await.unwrap();
    let first = storage.alerts.next_queued().await.unwrap().unwrap().number;
    let failed = NoticeAttempt::Failed("HTTP 500".into());
    assert!(storage.alerts.settle(first, failed, NOW + 5).await.unwrap());
    let refused = Occurrence {
        stage: ErrorStage::Intake,
        code: "unknown_key",
        owner: "web".into(),
        first_ms: NOW,
        last_ms: NOW + 1,
        count: 4,
        sample: ErrorSample::new(None, "nobody knows this key"),
    };
    storage.tallies.record(vec![refused]).await.unwrap();
}

/// A replay that has ended, and one that has begun.
async fn replays(server: &Server) {
    let storage = &server.storage;
    let first = storage.archive.payloads(EVERYTHING, None, 1, 1).await.unwrap()[0].metadata.id;
    storage.replays.begin(PayloadSpan::one(first), NOW).await.unwrap();
    server.replay(NOW + 150_000).await;
    storage.replays.begin(EVERYTHING, NOW + 150_000).await.unwrap();
    let replay = storage.replays.next().await.unwrap().unwrap();
    let done = Replayed { payloads: 1, ..Replayed::default() };
    assert!(storage.replays.advance(replay, Some(first), done, None).await.unwrap());
}

/// Payloads that wait, have failed, are set aside or discarded, and that a worker has leased.
async fn queue(server: &Server) {
    let queue = &server.storage.payload_queue;
    let now_ms = NOW + 300_000;
    let leased = queue.lease(Server::lease_ask(1, now_ms, 6)).await.unwrap();
    assert_eq!(leased.len(), 6);
    let (lease, mut tickets) =
        (leased[0].lease, leased.iter().map(|it| it.ticket.clone()).collect::<Vec<Ticket>>());
    let failed = FailedPayload {
        ticket: tickets.remove(0),
        due_ms: now_ms + 100_000,
        error: "disk".into(),
        is_own: true,
    };
    queue.release(lease, vec![failed], now_ms + 1).await.unwrap();
    queue.settle(lease, vec![tickets.remove(0)], now_ms + 1).await.unwrap();
    let exhausted = tickets.drain(..2);
    let exhausted =
        exhausted.map(|ticket| ExhaustedPayload { ticket, error: "it panicked".into() });
    queue.set_aside(lease, exhausted.collect(), now_ms + 2).await.unwrap();
    let aside = queue.list_set_aside(None, 10).await.unwrap();
    assert!(queue.discard(aside[0].metadata.id, now_ms + 3).await.unwrap());
}

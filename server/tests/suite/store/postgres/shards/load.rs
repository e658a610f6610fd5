//! Buckets move while two servers apply payloads and deliver events.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lamplight_server::store::{
    DeliveryAsk, DeliveryEnding, DeliveryOrder, LeaseToken, Plan, RowId, SettledDelivery,
    Settlement, Storage,
};

use super::router::Router;
use super::{Ending, LATER, assert_nothing_twice, moved, shown, sums, verified};
use crate::harness::postgres::TestDatabase;
use crate::store::sample::{bad, client_id, declaring, good_with, number, plan_at, producer};
use crate::store::sqlite::upgrade::server::NOW;
use lamplight_server::store::EventIdentity;
use lamplight_server::store::week::WEEK_MS;

/// How many payloads each writer has at least.
const PAYLOADS_MIN: u64 = 60;
const PAYLOADS_MAX: u64 = 2_000;

/// A payload of a writer: events of several producers, so that parts of it are in several shards,
/// and repeats of the payload before it.
fn plan(writer: u64, at: u64) -> Arc<Plan> {
    let of = |step: u64| u128::from(writer * 1_000_000 + step % 37);
    let named = |name: &str| {
        let (user, value) = (format!("user{}", at % 7), at);
        good_with(name, |columns| {
            columns.user_id = Some(format!("{user} of {writer}"));
            columns.properties_json = Some(format!(r#"{{"n":{value}}}"#));
        })
    };
    let mut events = vec![
        (number(of(at), 1 + at / 37 * 3), named("first")),
        (number(of(at), 2 + at / 37 * 3), named("second")),
        (number(of(at + 5), 1_000_000 + at), named("identify")),
        (client_id(&format!("id {writer} {at}")), named("third")),
        (EventIdentity::Anonymous, named("fourth")),
        (number(of(at), 3 + at / 37 * 3), bad()),
    ];
    if at > 0 {
        events.push((number(of(at - 1), 1 + (at - 1) / 37 * 3), named("again")));
        events.push((client_id(&format!("id {writer} {}", at - 1)), named("again")));
    }
    let at_ms = NOW + 1_000_000 + i64::try_from(at % 5).unwrap() * WEEK_MS / 2;
    let plan = plan_at(at_ms, u128::from(writer * 1_000_000 + at), events);
    Arc::new(declaring(plan, producer(of(at + 9)), 1 + at / 37 * 3, &[]))
}

/// Delivers what is due in a database. Counts each event that was sent.
async fn deliver(store: &Storage, token: u128, sent: &Mutex<BTreeMap<RowId, u32>>) -> usize {
    let ask = DeliveryAsk {
        sink: "archive".into(),
        token: LeaseToken(token),
        now_ms: LATER,
        lease_ms: 60_000,
        events_max: 20,
        bytes_max: 1 << 30,
        order: DeliveryOrder::Shared,
    };
    let (lease, leased) = store.delivery_queue.lease(ask).await.unwrap();
    let ended = leased.iter().map(|it| {
        assert!(it.row.is_some(), "an event is gone");
        *sent.lock().unwrap().entry(it.ticket.event()).or_default() += 1;
        SettledDelivery { ticket: it.ticket, ending: DeliveryEnding::Sent }
    });
    let (deliveries, sink) = (ended.collect(), "archive".into());
    // Buckets leave meanwhile, and nobody else gets what is leased.
    tokio::time::sleep(Duration::from_millis(3)).await;
    let settlement = Settlement { sink, lease, deliveries, condition: None, now_ms: LATER };
    store.delivery_queue.settle(settlement).await.unwrap();
    leased.len()
}

/// Rows without whether an event has a profile: that depends on which events of its user its
/// database had applied before.
fn without_profiles(mut rows: Vec<String>) -> Vec<String> {
    for row in &mut rows {
        if row.starts_with("events ") {
            row.truncate(row.trim_end_matches(",t)").trim_end_matches(",f)").len());
        }
    }
    rows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_stored_and_delivered_once_while_buckets_move() {
    let mut databases = Vec::new();
    for _ in 0..4 {
        databases.push(TestDatabase::create().await);
    }
    let [one, two, three, alone]: [TestDatabase; 4] = databases.try_into().ok().unwrap();
    let all = [&one, &two, &three];
    let ended = Arc::<AtomicBool>::default();
    let sent = Arc::<Mutex<BTreeMap<RowId, u32>>>::default();
    let mut writers = Vec::new();
    for writer in 0..2 {
        let (router, ended) = (Router::open(&all).await, Arc::clone(&ended));
        writers.push(tokio::spawn(async move {
            let mut at = 0;
            while at < PAYLOADS_MIN || (at < PAYLOADS_MAX && !ended.load(Ordering::Acquire)) {
                router.apply(&plan(writer, at)).await;
                at += 1;
            }
            router.close().await;
            at
        }));
    }
    let delivering = {
        let (router, ended, sent) =
            (Router::open(&all).await, Arc::clone(&ended), Arc::clone(&sent));
        tokio::spawn(async move {
            while !ended.load(Ordering::Acquire) {
                for (token, store) in (1..).zip(&router.stores) {
                    deliver(store, token, &sent).await;
                }
            }
            router.close().await;
        })
    };
    // Something is there before it moves.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let ending = Ending(Arc::clone(&ended));
    let done = moved(&all, 70).await;
    assert_eq!((done.joined, done.buckets), (2, 682));
    drop(ending);
    let mut counts = Vec::new();
    for writer in writers {
        counts.push(writer.await.unwrap());
    }
    delivering.await.unwrap();

    // What one database would have, to which the same payloads were applied one by one.
    let (router, reference) = (Router::open(&all).await, Router::open(&[&alone]).await);
    for (writer, count) in (0..).zip(&counts) {
        for at in 0..*count {
            let plan = plan(writer, at);
            reference.apply(&plan).await;
            // A payload that comes again changes nothing.
            assert!(router.try_apply(&plan).await);
        }
    }
    for (token, store) in (1..).zip(&router.stores) {
        while deliver(store, token, &sent).await > 0 {}
    }
    while deliver(&reference.stores[0], 1, &Mutex::default()).await > 0 {}
    router.close().await;
    reference.close().await;

    let sent = sent.lock().unwrap().clone();
    let twice: Vec<_> = sent.iter().filter(|(_, count)| **count != 1).collect();
    assert!(twice.is_empty(), "sent more than once: {twice:?}");
    let (several, one) = (shown(&all).await, shown(&[&alone]).await);
    assert_eq!(without_profiles(several), without_profiles(one), "{counts:?}");
    assert_eq!(sums(&all).await, sums(&[&alone]).await);
    assert_nothing_twice(&all).await;
    verified(&all).await;
    let stored = u64::try_from(sums(&[&alone]).await[0].1[0]).unwrap();
    assert_eq!(sent.len() as u64, stored, "every event was sent");
    assert!(stored >= 2 * 5 * PAYLOADS_MIN, "{stored}");
}

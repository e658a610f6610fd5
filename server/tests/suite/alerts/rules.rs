//! Each rule begins and ends an alert, through the server's own storage, figures and API.

use std::collections::BTreeMap;
use std::path::Path;

use lamplight_server::store::{
    DeliveryAsk, DeliveryEnding, DeliveryOrder, ExhaustedPayload, Figure, IN_FLIGHT_MS, Lease,
    LeaseToken, LeasedDelivery, PayloadId, Reason, Sample, SettledDelivery, Settlement,
    SinkCondition, Storage,
};
use serde_json::json;
use uuid::Uuid;

use super::world::{MINUTE_MS, Setup, World};
use crate::store::sample::{NOW, ask, client_id, good, number, payload, plan_at, shared};

const HOUR_MS: i64 = 60 * MINUTE_MS;

async fn world(rules: &str) -> (tempfile::TempDir, World) {
    let dir = tempfile::tempdir().unwrap();
    let world = World::start(dir.path(), Setup { rules, ..Setup::default() }).await;
    (dir, world)
}

async fn lease(storage: &Storage, now_ms: i64) -> (Lease, Vec<LeasedDelivery>) {
    let ask = DeliveryAsk {
        sink: "crm".into(),
        token: LeaseToken(1),
        now_ms,
        lease_ms: 1_000,
        events_max: 100,
        bytes_max: 1 << 20,
        order: DeliveryOrder::Shared,
    };
    storage.delivery_queue.lease(ask).await.unwrap()
}

/// Settles everything that is due in this way, and records what the sink can do.
async fn settle(world: &World, ending: DeliveryEnding, condition: SinkCondition) {
    let (storage, now_ms) = (world.storage(), world.now_ms());
    let (lease, leased) = lease(storage, now_ms).await;
    let settled =
        |it: &LeasedDelivery| SettledDelivery { ticket: it.ticket, ending: ending.clone() };
    let deliveries = leased.iter().map(settled).collect();
    let condition = Some(condition);
    let settlement = Settlement { sink: "crm".into(), lease, deliveries, condition, now_ms };
    storage.delivery_queue.settle(settlement).await.unwrap();
}

async fn store(world: &World, at: u128, name: &str) {
    let plan = plan_at(world.now_ms(), at, vec![(client_id(&format!("id-{at}")), good(name))]);
    world.storage().events.apply(shared([plan]), world.now_ms()).await.unwrap();
}

fn why() -> Reason {
    Reason::new("timeout", "no answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_whose_oldest_payload_waits_too_long_alerts_once() {
    let (_dir, mut world) = world("").await;
    world.storage().payload_queue.stage(payload(1, "[]")).await.unwrap();
    world.minutes(20).await;
    assert_eq!(world.said(), [""; 0], "too old for less than 5 minutes");
    world.minutes(15).await;
    assert_eq!(world.said(), ["firing queue_age process"]);
    let active = &world.alerts()["active"][0];
    assert_eq!(
        (&active["value"], &active["since"]),
        (&json!(35 * MINUTE_MS), &json!(NOW + 21 * MINUTE_MS))
    );
    let text = active["text"].as_str().unwrap();
    assert!(text.contains("process is behind") && text.contains("21 min (limit 15 min)"), "{text}");
    let (storage, now_ms) = (world.storage(), world.now_ms());
    let leased = storage.payload_queue.lease(ask(1, now_ms, 9)).await.unwrap();
    let tickets = leased.iter().map(|it| it.ticket.clone()).collect();
    storage.payload_queue.settle(leased[0].lease, tickets, now_ms).await.unwrap();
    world.minutes(5).await;
    assert_eq!(world.alerts()["active"].as_array().unwrap().len(), 1, "not fine for 5 minutes yet");
    world.minutes(1).await;
    assert_eq!(world.said(), ["firing queue_age process", "recovered queue_age process"]);
    assert_eq!(world.alerts()["active"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_takes_nothing_alerts_after_a_while_and_recovers() {
    let (_dir, mut world) = world("").await;
    store(&world, 1, "a").await;
    let stopped = || SinkCondition::Stopped(why());
    let retry = DeliveryEnding::RetryAt(NOW + HOUR_MS, why());
    settle(&world, retry, stopped()).await;
    world.minutes(10).await;
    let pending = &world.alerts()["pending"][0];
    assert_eq!((&pending["rule"], &pending["thing"]), (&json!("sink_failing"), &json!("sink crm")));
    world.minutes(20).await;
    assert_eq!(world.said(), ["firing sink_failing sink crm"], "and no queue_age of the sink");
    let text = world.alerts()["active"][0]["text"].as_str().unwrap().to_owned();
    assert!(text.ends_with("has taken no events for 10 min: timeout: no answer"), "{text}");
    // It works for less than five minutes, and fails again.
    world.storage().delivery_queue.pause_sink("crm".into(), false, NOW).await.unwrap();
    world.minutes(4).await;
    settle(&world, DeliveryEnding::Sent, stopped()).await;
    world.minutes(30).await;
    assert_eq!(world.said().len(), 1, "it is the same alert");
    world.storage().delivery_queue.pause_sink("crm".into(), true, NOW).await.unwrap();
    world.minutes(20).await;
    assert_eq!(world.said().len(), 1, "nobody knows about a sink that is paused");
    world.storage().delivery_queue.pause_sink("crm".into(), false, NOW).await.unwrap();
    settle(&world, DeliveryEnding::Sent, SinkCondition::Up).await;
    world.minutes(6).await;
    assert_eq!(world.said(), ["firing sink_failing sink crm", "recovered sink_failing sink crm"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_are_newly_lost_alert_and_those_of_before_do_not() {
    let (_dir, mut world) = world("").await;
    let holes = |at: u128| plan_at(NOW, at, vec![(number(at, 5), good("x"))]);
    world.storage().events.apply(shared([holes(1)]), NOW).await.unwrap();
    world.clock.set(NOW + IN_FLIGHT_MS + HOUR_MS);
    world.watch().await;
    world.minutes(3).await;
    assert_eq!(world.said(), [""; 0], "what was lost before the first start is not new");
    let at_ms = world.now_ms();
    let plan = plan_at(at_ms, 2, vec![(number(2, 4), good("x"))]);
    world.storage().events.apply(shared([plan]), at_ms).await.unwrap();
    world.minutes(1).await;
    world.clock.set(at_ms + IN_FLIGHT_MS + HOUR_MS);
    world.minutes(30).await;
    assert_eq!(world.said(), ["firing lost events"]);
    assert_eq!(world.alerts()["history"][0]["value"], 3);
    world.minutes(32).await;
    assert_eq!(world.said(), ["firing lost events", "recovered lost events"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_that_are_given_up_alert() {
    let (_dir, mut world) = world("").await;
    world.watch().await;
    store(&world, 1, "a").await;
    settle(&world, DeliveryEnding::Dead(why()), SinkCondition::Up).await;
    world.minutes(60).await;
    assert_eq!(world.said(), ["firing dead_letters sink crm"]);
    world.minutes(2).await;
    assert_eq!(world.said()[1..], ["recovered dead_letters sink crm"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn payloads_that_are_set_aside_alert_until_an_operator_retries_them() {
    let (_dir, mut world) = world("").await;
    let queue = &world.storage().payload_queue.clone();
    queue.stage(payload(1, "[]")).await.unwrap();
    let leased = queue.lease(ask(1, NOW + 1, 9)).await.unwrap();
    let exhausted = ExhaustedPayload { ticket: leased[0].ticket.clone(), error: "e".into() };
    queue.set_aside(leased[0].lease, vec![exhausted], NOW + 1).await.unwrap();
    world.minutes(2).await;
    assert_eq!(world.said(), ["firing set_aside payloads"]);
    assert!(queue.retry(PayloadId(Uuid::from_u128(1)), world.now_ms()).await.unwrap());
    world.minutes(1).await;
    assert_eq!(world.said()[1..], ["recovered set_aside payloads"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_refused_alert_if_that_lasts() {
    let rules = "[alerts.refused]\nabove = 3\nfor_s = 120\nkeep_s = 60";
    let (_dir, mut world) = world(rules).await;
    world.watch().await;
    for minute in 0..4 {
        for _ in 0..5 {
            world.post_without_key();
        }
        world.minutes(1).await;
        assert_eq!(world.said().len(), usize::from(minute >= 2), "after {} minutes", minute + 1);
    }
    assert_eq!(world.alerts()["active"][0]["value"], 5);
    world.post_without_key();
    world.post_without_key();
    world.minutes(1).await;
    assert_eq!(world.said().len(), 1, "2 a minute are more than half of 3");
    world.minutes(2).await;
    assert_eq!(world.said(), ["firing refused requests", "recovered refused requests"]);
}

/// Records a free space that shrinks by a third of what there is in a day, or not at all.
async fn record_hours(world: &World, first_number: u64, hours: i64, is_filling: bool) {
    let free = i64::try_from(world.app.disk.free_bytes()).unwrap();
    let end_ms = world.now_ms();
    for hour in 0..hours {
        let ago = hours - hour;
        let left = if is_filling { free + ago * (free / 72) } else { free };
        let values = BTreeMap::from([(Figure::DiskFreeBytes, left)]);
        let (number, at_ms) = (first_number + hour.unsigned_abs(), end_ms - ago * HOUR_MS);
        let sample = Sample { run: 9, number, at_ms, certain_ms: None, values };
        world.storage().trends.record(sample).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_will_be_full_in_a_few_days_alerts() {
    let (_dir, mut world) = world("[alerts.disk_full]\nfor_s = 60\nkeep_s = 60").await;
    world.app.disk.measure(NOW).unwrap();
    record_hours(&world, 1, 30, true).await;
    world.minutes(3).await;
    assert_eq!(world.said(), ["firing disk_full disk"]);
    let alerts = world.alerts();
    let value = alerts["history"][0]["value"].as_i64().unwrap();
    assert!((60..=84).contains(&value), "3 days: {value} hours");
    // Four weeks later, nothing is known.
    world.clock.pass(29 * 24 * HOUR_MS);
    world.minutes(3).await;
    assert_eq!(world.said().len(), 1);
    record_hours(&world, 100, 30, false).await;
    world.clock.pass(HOUR_MS);
    world.minutes(3).await;
    assert_eq!(world.said()[1..], ["recovered disk_full disk"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_below_the_floor_alerts_and_a_restart_says_nothing_again() {
    let dir = tempfile::tempdir().unwrap();
    let full = |run, now_ms| Setup { floor_bytes: u64::MAX / 4, run, now_ms, ..Setup::default() };
    let mut world = World::start(dir.path(), full(1, NOW)).await;
    world.minutes(3).await;
    assert_eq!(world.said(), ["firing disk_floor disk"]);
    world.stop().await;
    let mut world = World::start(dir.path(), full(2, NOW + HOUR_MS)).await;
    world.minutes(3).await;
    assert_eq!(world.said().len(), 1);
    world.stop().await;
    let setup = Setup { run: 3, now_ms: NOW + 2 * HOUR_MS, ..Setup::default() };
    let mut world = World::start(dir.path(), setup).await;
    world.minutes(5).await;
    assert_eq!(world.said().len(), 1, "fine, but not for 5 minutes");
    world.minutes(1).await;
    assert_eq!(world.said(), ["firing disk_floor disk", "recovered disk_floor disk"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_stops_alerts_by_name_and_one_that_never_came_does_not() {
    let rules = "[alerts.checkout]\nkind = 'event_stopped'\nnames = ['paid', 'left', 'never']\n\
                 quiet_s = 600";
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::start(dir.path(), Setup { rules, ..Setup::default() }).await;
    for at in 1..=20 {
        store(&world, at, "paid").await;
        if at <= 5 {
            store(&world, 100 + at, "left").await;
        }
        world.minutes(1).await;
    }
    assert_eq!(world.said(), ["firing checkout left"]);
    world.stop().await;
    // A server that was stopped did not see whether events came.
    let now_ms = NOW + 5 * HOUR_MS;
    let mut world =
        World::start(dir.path(), Setup { rules, run: 2, now_ms, ..Setup::default() }).await;
    world.minutes(9).await;
    assert_eq!(world.said().len(), 1, "the start is no arrival, and the stop is no silence");
    store(&world, 200, "left").await;
    world.minutes(1).await;
    assert_eq!(world.said()[1..], ["firing checkout paid", "recovered checkout left"]);
    store(&world, 201, "paid").await;
    world.minutes(1).await;
    assert_eq!(world.said()[3..], ["recovered checkout paid"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_is_no_silence_of_an_event() {
    let rules = "[alerts.checkout]\nkind = 'event_stopped'\nnames = ['paid']\nquiet_s = 600";
    let (_dir, mut world) = world(rules).await;
    store(&world, 1, "paid").await;
    world.watch().await;
    world.minutes(5).await;
    world.clock.pass(5 * HOUR_MS);
    world.minutes(4).await;
    world.clock.pass(-10 * HOUR_MS);
    world.minutes(1).await;
    assert_eq!(world.said(), [""; 0]);
    world.minutes(2).await;
    assert_eq!(world.said(), ["firing checkout paid"]);
}

/// A server with a webhook, whose disk is below the floor.
async fn full_disk(folder: &Path, rules: &str, run: u64) -> World {
    let floor_bytes = u64::MAX / 4;
    let setup = Setup { rules, run, floor_bytes, has_webhook: true, ..Setup::default() };
    let mut world = World::start(folder, setup).await;
    world.watch().await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_is_turned_off_recovers_once() {
    let dir = tempfile::tempdir().unwrap();
    let world = full_disk(dir.path(), "", 1).await;
    assert_eq!(world.alerts()["webhook"]["queued"], 1);
    world.stop().await;
    let mut world = full_disk(dir.path(), "[alerts.disk_floor]\nmode = 'off'", 2).await;
    world.watch().await;
    assert_eq!(world.said(), ["firing disk_floor disk", "recovered disk_floor disk"]);
    let alerts = world.alerts();
    assert_eq!((&alerts["active"], &alerts["webhook"]["queued"]), (&json!([]), &json!(2)));
    let text = alerts["history"][0]["text"].as_str().unwrap();
    assert!(text.contains("no longer watches disk"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_alert_is_listed_and_neither_it_nor_its_end_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    let world = full_disk(dir.path(), "[alerts.disk_floor]\nmode = 'silent'", 1).await;
    let alerts = world.alerts();
    assert_eq!(alerts["active"][0]["silent"], true);
    let rule = alerts["rules"].as_array().unwrap().iter().find(|it| it["name"] == "disk_floor");
    assert_eq!(rule.unwrap()["mode"], "silent");
    world.stop().await;
    let world = full_disk(dir.path(), "[alerts.disk_floor]\nmode = 'off'", 2).await;
    let alerts = world.alerts();
    assert_eq!((&alerts["active"], &alerts["webhook"]["queued"]), (&json!([]), &json!(0)));
    let states = [0, 1].map(|at| alerts["history"][at]["delivery"]["state"].clone());
    assert_eq!(states, ["silent", "silent"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_neither_begins_nor_ends_an_alert() {
    let (_dir, mut world) = world("").await;
    store(&world, 1, "a").await;
    let retry = DeliveryEnding::RetryAt(NOW + 1, why());
    settle(&world, retry, SinkCondition::Stopped(why())).await;
    world.minutes(1).await;
    world.clock.pass(24 * HOUR_MS);
    world.minutes(2).await;
    assert_eq!(world.said(), [""; 0], "it was observed for less than 4 minutes");
    world.clock.pass(-48 * HOUR_MS);
    world.minutes(5).await;
    assert_eq!(world.said(), [""; 0]);
    world.minutes(4).await;
    assert_eq!(world.said(), ["firing sink_failing sink crm"]);
}

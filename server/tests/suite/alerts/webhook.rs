//! The webhook of alerts, with receivers that fail, hang, and lose their answers.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lamplight_server::alerts::courier::{Courier, Webhook};
use lamplight_server::system::entropy::SystemEntropy;
use lamplight_server::system::secret::Secret;
use serde_json::json;
use tokio::sync::Notify;

use super::clock::SetClock;
use super::receiver::{Behaviour, Receiver, SECRET};
use super::world::{MINUTE_MS, Setup, World};
use crate::harness::now;
use crate::store::sample::{NOW, payload};

const RULES: &str = "[alerts.queue_age]\nolder_than_s = 60\nfor_s = 0\nkeep_s = 0";

pub(super) fn courier(world: &World, receiver: &Receiver) -> Courier {
    let webhook =
        Webhook::new(&Secret::from(receiver.url.as_str()), &Secret::from(SECRET), None).unwrap();
    Courier {
        alerts: Arc::clone(&world.storage().alerts),
        peers: Arc::clone(&world.storage().peers),
        webhook,
        added: Arc::<Notify>::default(),
        clock: Arc::<SetClock>::clone(&world.clock),
        entropy: Arc::new(SystemEntropy),
    }
}

async fn start(folder: &Path, run: u64, now_ms: i64) -> World {
    let setup = Setup { rules: RULES, has_webhook: true, floor_bytes: u64::MAX / 4, run, now_ms };
    World::start(folder, setup).await
}

/// A world with two notices: of the disk, then of the queue.
async fn two_notices(folder: &Path) -> World {
    let mut world = start(folder, 1, NOW).await;
    world.watch().await;
    world.storage().payload_queue.stage(payload(1, "[]")).await.unwrap();
    world.minutes(2).await;
    assert_eq!(world.said(), ["firing disk_floor disk", "firing queue_age process"]);
    world
}

/// Delivers everything, and lets the clock pass while nothing is due. Returns how long it took.
pub(super) async fn deliver_all(world: &World, courier: &Courier) -> i64 {
    let mut passed_ms = 0;
    while world.storage().alerts.next_queued().await.unwrap().is_some() {
        let wait = courier.deliver_next().await.unwrap();
        let wait_ms = i64::try_from(wait.as_millis()).unwrap();
        world.clock.pass(wait_ms);
        passed_ms += wait_ms;
        assert!(passed_ms < 60 * MINUTE_MS, "it is never delivered");
    }
    passed_ms
}

#[tokio::test(flavor = "multi_thread")]
async fn notices_arrive_in_order_and_at_least_once_despite_failures() {
    use Behaviour::{Answer, Drop};
    let dir = tempfile::tempdir().unwrap();
    let world = two_notices(dir.path()).await;
    let receiver =
        Receiver::start(&[Answer(500), Answer(429), Drop, Answer(302), Answer(200), Drop]).await;
    let passed_ms = deliver_all(&world, &courier(&world, &receiver)).await;
    assert!(passed_ms >= 5 * 2_000, "each retry waits for at least 2 s: {passed_ms} ms");
    let ids = receiver.ids();
    assert_eq!(ids.len(), 7);
    assert!(ids[..5].iter().all(|id| *id == ids[0]) && ids[5..].iter().all(|id| *id == ids[5]));
    assert_ne!(ids[0], ids[5]);
    let body = &receiver.bodies()[0];
    assert!(body["text"].as_str().unwrap().starts_with("Lamplight alert: the disk"), "{body}");
    assert_eq!(
        (&body["rule"], &body["state"], &body["at"]),
        (&json!("disk_floor"), &json!("firing"), &json!(NOW))
    );
    let history = world.alerts()["history"].clone();
    let sent = json!({"state": "sent", "failures": 4, "due": null, "error": null});
    let mut shown = history[1]["delivery"].clone();
    assert!(shown.as_object_mut().unwrap().remove("ended").unwrap().is_number());
    assert_eq!(shown, sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_that_is_refused_is_given_up_and_holds_up_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let world = two_notices(dir.path()).await;
    let receiver = Receiver::start(&[Behaviour::Answer(400); 5]).await;
    deliver_all(&world, &courier(&world, &receiver)).await;
    let history = world.alerts()["history"].clone();
    let states = [&history[1]["delivery"]["state"], &history[0]["delivery"]["state"]];
    assert_eq!(states, ["failed", "sent"]);
    let error = history[1]["delivery"]["error"].as_str().unwrap();
    assert!(error.contains("HTTP 400") && error.contains("(hidden)"), "{error}");
    assert!(!error.contains("T0secret0") && !error.contains(SECRET), "{error}");
    assert_eq!(receiver.bodies().len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_that_was_sent_and_not_settled_is_sent_again_with_its_id() {
    let dir = tempfile::tempdir().unwrap();
    let world = two_notices(dir.path()).await;
    let receiver = Receiver::start(&[Behaviour::Hang]).await;
    // The process ends while it waits for the answer.
    let sending = courier(&world, &receiver);
    let sending = tokio::time::timeout(Duration::from_secs(1), sending.deliver_next());
    assert!(sending.await.is_err());
    world.stop().await;
    let world = start(dir.path(), 2, NOW + 3 * MINUTE_MS).await;
    deliver_all(&world, &courier(&world, &receiver)).await;
    let ids = receiver.ids();
    assert_eq!(ids.len(), 3);
    assert!(ids[0] == ids[1] && ids[1] != ids[2], "{ids:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_hangs_holds_up_neither_rules_nor_the_api() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = start(dir.path(), 1, NOW).await;
    let receiver = Receiver::start(&[Behaviour::Hang; 9]).await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    world.watch().await;
    let running = tokio::spawn(courier(&world, &receiver).run(stopped));
    let begun = now();
    while receiver.ids().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    world.storage().payload_queue.stage(payload(1, "[]")).await.unwrap();
    let begun = now();
    world.minutes(5).await;
    let alerts = world.alerts();
    assert!(begun.elapsed() < Duration::from_secs(8), "a request may take 10 s");
    assert_eq!(alerts["webhook"], json!({"configured": true, "queued": 2}));
    stop.send_replace(true);
    tokio::time::timeout(Duration::from_secs(2), running).await.unwrap().unwrap();
}

#[test]
fn a_webhook_that_cannot_work_is_refused_without_quoting_it() {
    for (url, secret, said) in [
        ("hooks.example/canary", SECRET, "alerts_webhook_url is not a valid URL"),
        ("file:///etc/canary", SECRET, "must begin with http:// or https://"),
        ("http://127.0.0.1:9/canary", "canary", "fewer than 16 bytes"),
        ("http://127.0.0.1:9/canary", "whsec_canary!", "base64"),
    ] {
        let refused = Webhook::new(&Secret::from(url), &Secret::from(secret), None).err().unwrap();
        assert!(refused.contains(said) && !refused.contains("canary"), "{url}: {refused}");
    }
}

//! The metrics of alerts, on a clock that is set.

use super::receiver::{Behaviour, Receiver};
use super::webhook::{courier, deliver_all};
use super::world::{Setup, World};
use crate::store::sample::{NOW, payload};

const RULES: &str = "[alerts.queue_age]\nolder_than_s = 60\nfor_s = 120\nkeep_s = 0\n\
                     [alerts.lost]\nmode = 'off'\n\
                     [alerts.set_aside]\nmode = 'silent'";

/// The value of a metric, as text.
fn value(page: &str, sample: &str) -> String {
    let line = page.lines().find_map(|line| line.strip_prefix(&format!("{sample} ")));
    line.unwrap_or("missing").to_owned()
}

/// How many alerts of a rule are pending, and how many fire.
fn counts(world: &World, rule: &str) -> [String; 2] {
    let page = world.read("/metrics").text;
    ["pending", "firing"].map(|state| {
        value(&page, &format!("lamplight_alerts{{rule=\"{rule}\",state=\"{state}\"}}"))
    })
}

/// How many notices are queued, sent, and given up.
fn notices(world: &World) -> [String; 3] {
    let page = world.read("/metrics").text;
    ["queued", "sent", "failed"].map(|delivery| {
        value(&page, &format!("lamplight_alert_notices{{delivery=\"{delivery}\"}}"))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_show_what_is_pending_what_fires_and_what_was_said() {
    let evaluated = "lamplight_alert_evaluation_time_seconds";
    let dir = tempfile::tempdir().unwrap();
    let setup =
        Setup { rules: RULES, has_webhook: true, floor_bytes: u64::MAX / 4, ..Setup::default() };
    let mut world = World::start(dir.path(), setup).await;
    assert_eq!(value(&world.read("/metrics").text, evaluated), "missing", "none yet");
    assert_eq!(notices(&world), ["0", "0", "0"]);
    assert_eq!(counts(&world, "lost"), ["0", "0"], "each rule has a count, also one that is off");

    world.watch().await;
    assert_eq!(value(&world.read("/metrics").text, evaluated), format!("{:?}", seconds(NOW)));
    assert_eq!(counts(&world, "disk_floor"), ["0", "1"]);
    assert_eq!(notices(&world), ["1", "0", "0"]);

    world.storage().payload_queue.stage(payload(1, "[]")).await.unwrap();
    world.minutes(2).await;
    assert_eq!(counts(&world, "queue_age"), ["1", "0"], "it has not lasted for two minutes");
    world.minutes(2).await;
    assert_eq!(counts(&world, "queue_age"), ["0", "1"]);
    assert_eq!(notices(&world), ["2", "0", "0"]);
    let now = format!("{:?}", seconds(world.now_ms()));
    assert_eq!(value(&world.read("/metrics").text, evaluated), now);

    let receiver = Receiver::start(&[Behaviour::Answer(400); 5]).await;
    deliver_all(&world, &courier(&world, &receiver)).await;
    assert_eq!(notices(&world), ["0", "1", "1"], "the first was refused too often");
}

#[allow(clippy::cast_precision_loss, reason = "times of this century fit")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

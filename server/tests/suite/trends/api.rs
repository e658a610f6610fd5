//! `GET /api/trends`, on a server whose clock is set.

use std::collections::BTreeMap;

use lamplight_server::store::{Figure, Sample};
use serde_json::{Value, json};

use crate::alerts::world::{MINUTE_MS, Setup, World};
use crate::store::sample::{NOW, client_id, good, plan_at, shared};

const HOUR_MS: i64 = 60 * MINUTE_MS;

async fn world() -> (tempfile::TempDir, World) {
    let dir = tempfile::tempdir().unwrap();
    let world = World::start(dir.path(), Setup::default()).await;
    (dir, world)
}

fn begins(page: &Value) -> Vec<i64> {
    page["periods"].as_array().unwrap().iter().map(|it| it["begin"].as_i64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_figures_of_a_server_are_kept_by_minute_hour_and_day() {
    let (_dir, mut world) = world().await;
    world.watch().await;
    for at in 1..=3_u128 {
        let plan = plan_at(world.now_ms(), at, vec![(client_id(&format!("{at}")), good("x"))]);
        world.storage().events.apply(shared([plan]), world.now_ms()).await.unwrap();
        world.post_without_key();
        world.minutes(1).await;
    }
    let hour = world.read("/api/trends").json();
    assert_eq!((&hour["resolution"], &hour["next"]), (&json!("hour"), &Value::Null));
    let figures = &hour["periods"][0]["figures"];
    let counts =
        ["stored", "received", "refused", "lost", "dead"].map(|it| figures[it]["sum"].clone());
    assert_eq!(counts, [3, 3, 3, 0, 0].map(Value::from));
    for level in ["disk_free_bytes", "data_bytes", "events_bytes", "process_lag_ms", "sync_us"] {
        assert!(figures[level]["last"].is_number(), "{level}: {figures}");
    }
    assert_eq!(figures["data_bytes"]["samples"], 4);
    assert!(figures["data_bytes"]["last"].as_i64().unwrap() > 10_000);
    let query = format!("/api/trends?resolution=minute&figure=stored,refused&from={}", NOW + 1);
    let minutes = world.read(&query).json();
    let one = json!({"samples": 1, "sum": 1, "min": 1, "max": 1, "last": 1});
    assert_eq!(minutes["periods"][0]["figures"], json!({"stored": one, "refused": one}));
    assert_eq!(begins(&world.read("/api/trends?resolution=day").json()).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn periods_are_paged_and_a_minute_without_a_sample_is_missing() {
    let (_dir, mut world) = world().await;
    world.minutes(3).await;
    world.clock.pass(5 * MINUTE_MS);
    world.minutes(2).await;
    let minute = |number: i64| NOW - NOW % MINUTE_MS + number * MINUTE_MS;
    let page = |cursor: &str| {
        world.read(&format!("/api/trends?resolution=minute&figure=stored&limit=2{cursor}")).json()
    };
    let first = page("");
    assert_eq!(begins(&first), [minute(10), minute(9)]);
    let second = page(&format!("&to={}", first["next"]));
    assert_eq!(begins(&second), [minute(3), minute(2)]);
    let third = page(&format!("&to={}", second["next"]));
    assert_eq!((begins(&third), &third["next"]), (vec![minute(1)], &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_disk_heads_is_unknown_until_there_is_data() {
    let (_dir, mut world) = world().await;
    world.watch().await;
    let unknown = json!({"days": null, "reason": "too_little_data"});
    let outlook = world.read("/api/trends").json()["outlook"].clone();
    let no_limit = json!({"days": null, "reason": "no_limit"});
    assert_eq!((&outlook["disk_full"], &outlook["retention"]), (&unknown, &no_limit));
    let free = i64::try_from(world.app.disk.free_bytes()).unwrap();
    for hour in 1..=48 {
        let values = BTreeMap::from([(Figure::DiskFreeBytes, free + hour * (free / 240))]);
        let (number, at_ms) = (100 - hour.unsigned_abs(), NOW - hour * HOUR_MS);
        let sample =
            Sample { run: 9 + hour.unsigned_abs(), number, at_ms, certain_ms: None, values };
        world.storage().trends.record(sample).await.unwrap();
    }
    let outlook = world.read("/api/trends").json()["outlook"].clone();
    let days = outlook["disk_full"]["days"].as_f64().unwrap();
    assert!((8.0..12.0).contains(&days), "{outlook}");
    let speed = outlook["filling_bytes_per_day"].as_i64().unwrap();
    assert!((speed - free / 10).abs() < free / 1_000, "{outlook}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_parameters_of_trends_are_problems() {
    let (_dir, world) = world().await;
    for (query, code, said) in [
        ("resolution=week", "parameter_invalid", "send minute, hour or day"),
        ("figure=stord", "parameter_invalid", "stored"),
        ("figure=", "parameter_invalid", "separated by commas"),
        ("from=yesterday", "parameter_invalid", "milliseconds since 1970"),
        ("from=5&to=4", "parameter_invalid", "swap them"),
        ("limit=501", "parameter_invalid", "1 to 500"),
        ("figures=stored", "parameter_unknown", "this call knows resolution"),
    ] {
        let reply = world.read(&format!("/api/trends?{query}"));
        assert_eq!((reply.status, reply.problem().as_str()), (400, code), "{query}");
        assert!(reply.text.contains(said), "{query}: {}", reply.text);
    }
    let reply = world.read("/api/alerts?rule=lost");
    assert_eq!((reply.status, reply.problem().as_str()), (400, "parameter_unknown"));
}

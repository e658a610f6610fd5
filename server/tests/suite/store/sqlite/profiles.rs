//! Versions of profiles in SQLite's files of events: how much they take, and what a crash leaves.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lamplight_server::process::enrich::Enrichers;
use lamplight_server::process::plan;
use lamplight_server::store::WriterLimits;
use lamplight_server::store::sqlite::SqliteStore;
use lamplight_server::store::week::WEEK_MS;
use lamplight_server::store::{
    Database, Encoding, EventFilter, EventQuery, Events, PayloadId, PayloadMetadata, Plan, Reader,
    SqlQuery,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::runs::checker;

const NOW: i64 = 1_700_000_000_000;

fn open(folder: &Path) -> SqliteStore {
    let store =
        SqliteStore::open(&folder.join("store.db"), WriterLimits::default(), Vec::new()).unwrap();
    // The binary of these tests cannot run statements.
    store.with_sql_program(env!("CARGO_BIN_EXE_lamplight").into())
}

fn payload(id: u128, received_ms: i64, body: String) -> Arc<Plan> {
    let metadata = PayloadMetadata {
        id: PayloadId(Uuid::from_u128(id)),
        received_ms,
        key_id: "wk_1".into(),
        source: "web".into(),
        encoding: Encoding::Identity,
        events: 1_000,
        unpacked_bytes: u32::try_from(body.len()).unwrap(),
        user_agent: None,
        origin: None,
        client: None,
    };
    Arc::new(plan(&metadata, &body.into(), 1, &Enrichers::default()).unwrap())
}

/// Traits that fill a profile.
fn large() -> Value {
    (0..15).map(|n| (format!("large{n}"), Value::from("x".repeat(1_000)))).collect()
}

fn identify(traits: &Value) -> Value {
    json!({ "name": "identify", "user": { "id": "ann" }, "properties": traits })
}

/// The bytes of all databases in a folder.
fn bytes(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
}

/// Stores events of a user with a large profile. Gives the bytes that were sent and stored.
async fn store(events: impl Iterator<Item = Value>) -> (u64, u64) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.apply(vec![payload(1, NOW, json!([identify(&large())]).to_string())], NOW).await.unwrap();
    store.close().await.unwrap();
    let before = bytes(dir.path());
    let store = open(dir.path());
    let (events, mut sent) = (events.collect::<Vec<_>>(), 0);
    for (id, events) in (2..).zip(events.chunks(500)) {
        let body = Value::from(events.to_vec()).to_string();
        sent += body.len() as u64;
        store.apply(vec![payload(id, NOW, body)], NOW).await.unwrap();
    }
    store.close().await.unwrap();
    assert_eq!(checker::faults(dir.path()), [""; 0]);
    (sent, bytes(dir.path()).saturating_sub(before))
}

/// Each row had a copy of the profile: 16 KB for an event of 40 bytes.
#[tokio::test]
async fn events_of_a_user_with_a_large_profile_take_little_more_than_they_say() {
    let (sent, stored) =
        store((0..2_000).map(|_| json!({ "name": "e", "user": { "id": "ann" } }))).await;
    assert!(stored < sent * 12, "{stored} bytes for {sent}");
    let nobody = store((0..2_000).map(|_| json!({ "name": "e" }))).await.1;
    assert!(stored < nobody + 200_000, "{stored} bytes, and {nobody} without a user");
}

#[tokio::test]
async fn changes_of_one_trait_of_a_large_profile_take_little_more_than_they_say() {
    let (sent, stored) = store((0..2_000).map(|n| identify(&json!({ "n": n })))).await;
    assert!(stored < sent * 12, "{stored} bytes for {sent}");
}

/// A trait that changes its size by a few bytes decides whether a large one still fits.
#[tokio::test]
async fn a_trait_that_goes_in_and_out_of_a_full_profile_takes_no_more_than_itself() {
    let fill =
        |n: usize| identify(&json!({ "large15": "y".repeat(1_000), "small": "z".repeat(n) }));
    let (sent, stored) = store((0..2_000).map(|n| fill(n % 2 * 900))).await;
    assert!(stored < sent * 6, "{stored} bytes for {sent}");
}

/// The profiles of all events, the newest first, as lists and as SQL show them.
async fn profiles(store: &SqliteStore) -> Vec<Option<String>> {
    let (mut events, mut after) = (Vec::new(), None);
    loop {
        let query = EventQuery { filter: EventFilter::default(), after, limit: 10_000 };
        let page = store.events(query).await.unwrap();
        events.extend(page.events);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    for view in ["events", "numbered"] {
        let sql = SqlQuery {
            sql: format!("SELECT profile FROM {view} WHERE producer IS NOT NULL ORDER BY id DESC"),
            filter: EventFilter::default(),
            rows_max: 10_000,
            bytes_max: 1 << 26,
            time_max: Duration::from_mins(1),
        };
        let table = store.sql(sql).await.unwrap().unwrap();
        let rows: Vec<Vec<Value>> = serde_json::from_str(&table.rows_json).unwrap();
        let listed: Vec<_> = events
            .iter()
            .filter(|event| event.number.is_some())
            .map(|event| vec![event.profile_json.clone().map_or(Value::Null, Value::from)])
            .collect();
        assert!(rows == listed, "{view} shows other profiles than the list");
    }
    events.into_iter().map(|event| event.profile_json).collect()
}

fn numbered(seq: u64, mut event: Value) -> Value {
    event["producer"] = "00000000000000000000000001".into();
    event["seq"] = seq.into();
    event
}

#[tokio::test]
async fn each_event_shows_the_profile_of_its_time_however_versions_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let (mut want, mut known) = (Vec::new(), large());
    for n in 0..600_u64 {
        let set = json!({ (format!("t{}", n % 7)): n, (format!("t{}", (n + 3) % 7)): null });
        if n > 0 {
            known.as_object_mut().unwrap().insert(format!("t{}", n % 7), n.into());
            known.as_object_mut().unwrap().remove(&format!("t{}", (n + 3) % 7));
        }
        let set = if n == 0 { large() } else { set };
        want.push(Some(json!({ "traits": known }).to_string()));
        let events = json!([numbered(n + 1, identify(&set))]);
        let at = NOW + i64::try_from(n).unwrap();
        store.apply(vec![payload(u128::from(n) + 1, at, events.to_string())], at).await.unwrap();
        if n % 200 == 199 {
            store.close().await.unwrap();
            store = open(dir.path());
        }
    }
    want.reverse();
    assert!(profiles(&store).await == want, "a profile is not the one of its time");
    assert_eq!(checker::faults(dir.path()), [""; 0]);
    store.close().await.unwrap();
}

/// Events of two weeks may be applied in turn, when one was delayed.
#[tokio::test]
async fn weeks_in_turn_take_little_more_than_one_after_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut sent = 0;
    for n in 0..200_u64 {
        let traits = if n < 2 { large() } else { json!({ "n": n }) };
        let at = NOW + i64::try_from(n).unwrap() + i64::try_from(n % 2).unwrap() * WEEK_MS;
        let body = json!([numbered(n + 1, identify(&traits))]).to_string();
        sent += body.len() as u64;
        store.apply(vec![payload(u128::from(n) + 1, at, body)], at).await.unwrap();
    }
    let last = profiles(&store).await.remove(0).unwrap();
    assert!(last.contains(r#""n":199"#), "{last}");
    store.close().await.unwrap();
    let stored = bytes(dir.path());
    assert!(stored < sent * 10 + 600_000, "{stored} bytes for {sent}");
    assert_eq!(checker::faults(dir.path()), [""; 0]);
}

#[tokio::test]
async fn versions_of_an_unfinished_commit_are_deleted_with_its_rows() {
    let dir = tempfile::tempdir().unwrap();
    let (path, before) = (dir.path().join("store.db"), dir.path().join("before.db"));
    let say = |id: u64, n: u64| {
        let body = json!([numbered(id, identify(&json!({ "n": n, "a": 1 })))]);
        vec![payload(u128::from(id), NOW + i64::try_from(id).unwrap(), body.to_string())]
    };
    let store = open(dir.path());
    store.apply(say(1, 1), NOW).await.unwrap();
    store.close().await.unwrap();
    std::fs::copy(&path, &before).unwrap();
    let store = open(dir.path());
    store.apply([say(2, 2), say(3, 3)].concat(), NOW).await.unwrap();
    store.close().await.unwrap();
    std::fs::rename(&before, &path).unwrap();
    assert_ne!(checker::faults(dir.path()), [""; 0], "they are there until the next start");

    let store = open(dir.path());
    assert_eq!(checker::faults(dir.path()), [""; 0]);
    store.apply(say(4, 4), NOW).await.unwrap();
    assert_eq!(checker::faults(dir.path()), [""; 0]);
    let shown = |n: u64| Some(json!({ "traits": { "a": 1, "n": n } }).to_string());
    assert_eq!(profiles(&store).await, [shown(4), shown(1)]);
    store.close().await.unwrap();
}

/// An operator may restore store.db from a backup that is older than the files of events.
#[tokio::test]
async fn a_profile_that_is_behind_its_versions_continues_after_them() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for n in 1..=3 {
        let body = json!([numbered(n, identify(&json!({ "n": n, "a": 1 })))]);
        let at = NOW + i64::try_from(n).unwrap();
        store.apply(vec![payload(u128::from(n), at, body.to_string())], at).await.unwrap();
    }
    store.close().await.unwrap();
    let change = "UPDATE profile_states SET revision = 1; UPDATE profile_words SET json = 'true';";
    rusqlite::Connection::open(dir.path().join("store.db")).unwrap().execute_batch(change).unwrap();
    let store = open(dir.path());
    let body = json!([numbered(4, json!({ "name": "e", "user": { "id": "ann" } }))]);
    store.apply(vec![payload(4, NOW + 4, body.to_string())], NOW).await.unwrap();
    let want = json!({ "traits": { "a": true, "n": true } }).to_string();
    assert_eq!(profiles(&store).await.remove(0), Some(want));
    assert_eq!(checker::faults(dir.path()), [""; 0]);
    store.close().await.unwrap();
}

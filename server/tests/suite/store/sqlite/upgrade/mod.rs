//! This version opens filled databases of earlier versions: nothing is missing, and work continues.

use std::path::Path;

use crate::store::sqlite::runs::checker;
use lamplight_server::store::sqlite::OpenError;
use lamplight_server::store::week::WEEK_MS;
use lamplight_server::store::{FailedPayload, Key, KeyKind, KeyRules, Replayed, RetryAsk, Ticket};

mod crashes;
pub(crate) mod older;
mod profiles;
pub(crate) mod server;
mod sources;
pub(crate) mod tallies;

use older::{call_newer, events_files, leave, steps, week_steps, weeks};
use server::{EVERYTHING, NOW, Server};

/// Weeks after the first. These are more than are open for writing at a time.
const WEEKS: i64 = 6;

/// A key with rules, and one that is disabled.
pub(crate) fn keys() -> Vec<Key> {
    let rules = KeyRules {
        origins: vec!["https://shop.example".into()],
        bytes_per_s: Some(10),
        events_per_s: None,
    };
    vec![
        Key { rules, ..Key::new(KeyKind::Write, "web", "wk_first_write_key", NOW) },
        Key { disabled_ms: Some(NOW), ..Key::new(KeyKind::Secret, "api", "sk_secret_key", NOW) },
    ]
}

/// Fills databases of this version with everything that they can hold, in every state.
pub(crate) async fn fill(folder: &Path) {
    let server = Server::open(folder).unwrap();
    server.storage.keys.add(keys()).await.unwrap();
    server.stage(0..70, 0).await;
    server.process(NOW + 100_000).await;
    assert_eq!(server.deliver(NOW + 100_000, 40, false).await, 40);
    server.stage(70..260, 0).await;
    let ask = Server::lease_ask(1, NOW + 300_000, 7);
    let leased = server.storage.payload_queue.lease(ask).await.unwrap();
    let failed: Vec<_> = leased[..3]
        .iter()
        .map(|it| FailedPayload {
            ticket: it.ticket.clone(),
            due_ms: NOW + 400_000,
            error: "disk".into(),
            is_own: false,
        })
        .collect();
    let lease = leased[0].lease;
    server.storage.payload_queue.release(lease, failed, NOW + 300_001).await.unwrap();
    let settled: Vec<Ticket> = leased[3..4].iter().map(|it| it.ticket.clone()).collect();
    server.storage.payload_queue.settle(lease, settled, NOW + 300_001).await.unwrap();
    server.storage.replays.begin(EVERYTHING, NOW).await.unwrap();
    let replay = server.storage.replays.next().await.unwrap().unwrap();
    let first =
        server.storage.archive.payloads(EVERYTHING, None, 1, 1).await.unwrap()[0].metadata.id;
    let done = Replayed { payloads: 1, ..Replayed::default() };
    assert!(server.storage.replays.advance(replay, Some(first), done, None).await.unwrap());
    server.close().await;
}

/// Adds events of later weeks. Opening the last weeks seals the first ones.
pub(crate) async fn fill_weeks(folder: &Path) {
    let server = Server::open(folder).unwrap();
    for week in 1..=WEEKS {
        server.stage(300 + week * 4..304 + week * 4, week * WEEK_MS).await;
        server.process(NOW).await;
    }
    server.close().await;
    let states = weeks(&folder.join("store.db"));
    assert!(states.contains(&"sealed".into()) && states.contains(&"open".into()), "{states:?}");
}

/// Copies `from` to `to`, with the databases as these versions of their schemas would have left
/// them.
pub(crate) fn leave_all(from: &Path, to: &Path, intake: usize, store: usize) {
    leave("intake", intake, &from.join("intake.db"), &to.join("intake.db"));
    leave("store", store, &from.join("store.db"), &to.join("store.db"));
    for path in events_files(from) {
        // The schema of a week changed in the same version as that of the store.
        let week = week_steps(store);
        leave("week", week, &path, &to.join(path.file_name().unwrap()));
    }
}

/// Finishes the work that was begun, and takes more.
async fn continue_work(server: &Server, store_version: usize) {
    server.process(NOW + 1_000_000).await;
    server.replay(NOW + 1_000_000).await;
    server.stage(300..310, 0).await;
    // Events that arrived before, in other payloads.
    server.stage(60..63, 500_000).await;
    server.process(NOW + 1_100_000).await;
    let backlog = server.storage.payload_queue.backlog().await.unwrap();
    assert_eq!((backlog.payloads, backlog.failing), (0, 0));
    if store_version >= 3 {
        let ask = RetryAsk { now_ms: NOW + 1_100_000, ..RetryAsk::default() };
        assert_eq!(server.storage.delivery_queue.retry_dead(ask).await.unwrap().count, 10);
    }
    let sent = server.deliver(NOW + 1_200_000, 10_000, true).await;
    assert!(sent > 300, "{sent} deliveries of new events");
    assert_eq!(server.storage.delivery_queue.sinks().await.unwrap()[0].waiting, 0);
}

async fn check_upgrade(intake: usize, store: usize) {
    let (today, older) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fill_weeks(today.path()).await;
    fill(today.path()).await;
    leave_all(today.path(), older.path(), intake, store);
    let folders = [today.path(), older.path()];
    let (today, older) = (Server::open(today.path()).unwrap(), Server::open(older.path()).unwrap());
    for folder in folders {
        assert_eq!(checker::faults(folder), [""; 0]);
    }
    let [runs, same] = folders.map(checker::count);
    assert_eq!(runs, same, "numbers that follow each other are one run");
    assert_eq!(older.read_intake().await, today.read_intake().await, "as it was left");
    assert_eq!(older.read_store(store).await, today.read_store(store).await, "as it was left");
    continue_work(&today, store).await;
    continue_work(&older, store).await;
    assert_eq!(older.read_intake().await, today.read_intake().await, "as it went on");
    assert_eq!(older.read_store(store.min(2)).await, today.read_store(store.min(2)).await);
    if store >= 3 {
        assert_eq!(
            older.storage.delivery_queue.sinks().await.unwrap(),
            today.storage.delivery_queue.sinks().await.unwrap()
        );
    }
    today.close().await;
    older.close().await;
    for folder in folders {
        assert_eq!(checker::faults(folder), [""; 0], "as it went on");
    }
}

#[tokio::test]
async fn intake_databases_of_earlier_versions_are_upgraded_whole() {
    for version in 1..=steps("intake").len() {
        check_upgrade(version, steps("store").len()).await;
    }
}

#[tokio::test]
async fn store_databases_of_earlier_versions_are_upgraded_whole() {
    for version in 1..=steps("store").len() {
        check_upgrade(steps("intake").len(), version).await;
    }
}

#[tokio::test]
async fn databases_of_a_newer_version_are_refused_and_not_changed() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path()).await;
    let is_database = |path: &std::path::PathBuf| path.extension().is_some_and(|it| it == "db");
    let names: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(is_database)
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(names.len(), 3, "{names:?}");
    for name in names {
        let copy = tempfile::tempdir().unwrap();
        let (intake, store) = (steps("intake").len(), steps("store").len());
        leave_all(dir.path(), copy.path(), intake, store);
        let path = copy.path().join(&name);
        call_newer(&path);
        let before = std::fs::read(&path).unwrap();
        match Server::open(copy.path()).err().unwrap() {
            error @ OpenError::Newer { found, known, .. } => {
                assert_eq!(found, known + 1);
                assert!(error.to_string().contains(&name), "{error}");
                assert!(error.to_string().contains("a newer lamplight wrote it"), "{error}");
            }
            error => panic!("{name}: {error:?}"),
        }
        assert_eq!(std::fs::read(&path).unwrap(), before, "{name}");
    }
}

/// A database stores the checksum of each step of its schema, so a released step must never change.
/// Add a step instead.
#[test]
fn a_step_that_was_released_never_changes() {
    let sums = ["intake", "store", "week"].map(|schema| {
        steps(schema).iter().map(|step| format!("{step} {:x}", step.checksum())).collect::<Vec<_>>()
    });
    let known: [&[&str]; 3] = [
        &[
            "V1__payloads abdd73db32dc6f2e",
            "V2__shares 77a531bac465eac6",
            "V3__set_aside 39b2ca43819cca0c",
            "V4__discarded e8821b663bab2537",
            "V5__compressed 494345e4a9f8bcca",
        ],
        &[
            "V1__events 5eb6dcacb8f7ae9a",
            "V2__key_rules afa7d1f682ac9521",
            "V3__deliveries eece77f5c75b398b",
            "V4__recent a63d2ca8150f5400",
            "V5__week_schema 5522a3d08f4c8c62",
            "V6__words_and_refusals 3c55a66931d39f9c",
            "V7__delivery_failures b66dab4456a709c2",
            "V8__profile_words c5070c583e8c9005",
            "V9__sources 662db186f46fe3b7",
            "V10__trends dc1de72c1058a143",
            "V11__alerts a72d70f2b22d39fe",
            "V12__console ee691936a1b65e04",
            "V13__rollups cf65ea24f895afb",
            "V14__discarded 74c91cc08605f732",
        ],
        &[
            "V1__events d5d02ed9abab5360",
            "V2__runs ee56cc33207c3c97",
            "V3__profile_versions da97742c77cf32eb",
            "V4__scopes 3536386b172bf756",
        ],
    ];
    assert_eq!(sums, known);
}

//! Each check complains about what breaks its rule, and about nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use lamplight_server::store::sqlite::verify::{CHECKS, Databases, run};
use lamplight_server::store::week::WEEK_MS;
use lamplight_server::store::{
    AlertKey, AlertMark, AlertPhase, AlertRound, Encoding, Figure, NewPayload, Notice,
    NoticeAttempt, NoticeDelivery, NoticeState, PayloadId, PayloadMetadata, RetentionLimits,
    Sample, Week,
};
use uuid::Uuid;

use super::breaks::{BREAKS, events_files};
use super::violations;
use crate::store::sqlite::upgrade::server::{NOW, Server};

/// Weeks after the first: more than are open for writing at a time.
const WEEKS: i64 = 5;

/// A data directory with everything in it, as a server leaves it.
async fn fill(folder: &Path) {
    let server = Server::open(folder).unwrap();
    server.stage(0..70, 0).await;
    server.process(NOW + 100_000).await;
    assert_eq!(server.deliver(NOW + 100_000, 40, false).await, 40);
    for week in 1..=WEEKS {
        server.stage(300 + week * 4..304 + week * 4, week * WEEK_MS).await;
        server.process(NOW).await;
    }
    identify(&server).await;
    watch(&server).await;
    server.process(NOW + 200_000).await;
    // These wait.
    server.stage(400..406, WEEKS * WEEK_MS).await;
    server.close().await;
}

/// Stages a payload by which users get profiles that their events show.
async fn identify(server: &Server) {
    let user = r#""user":{"id":"ann"}"#;
    let event =
        |name: &str, traits: &str| format!(r#"{{"name":"{name}",{user},"properties":{traits}}}"#);
    let traits =
        |number: u32| format!(r#"{{"plan":"p{number}","city":"a city with a long name"}}"#);
    let mut events: Vec<_> = (0..4).map(|number| event("identify", &traits(number))).collect();
    events.push(event("seen", "{}"));
    let body = format!("[{}]", events.join(","));
    let received_ms = NOW + 150_000;
    let metadata = PayloadMetadata {
        id: PayloadId(Uuid::from_u128(u128::try_from(received_ms).unwrap() << 80)),
        received_ms,
        key_id: "wk_1".into(),
        source: "web".into(),
        encoding: Encoding::Identity,
        events: 5,
        unpacked_bytes: u32::try_from(body.len()).unwrap(),
        user_agent: None,
        origin: None,
        client: None,
    };
    let payload = NewPayload { metadata, body: body.into(), home: None };
    server.storage.payload_queue.stage(payload).await.unwrap();
}

/// Records samples over three days, and alerts in each phase with notices of each delivery.
async fn watch(server: &Server) {
    for number in 1..=12 {
        let at_ms = NOW + i64::try_from(number).unwrap() * 20 * 20 * 60 * 1000;
        for half_ms in [0, 20_000] {
            let values = BTreeMap::from([(Figure::MemoryBytes, at_ms % 7)]);
            let number = 2 * number + u64::from(half_ms > 0);
            let at_ms = at_ms + half_ms;
            let sample = Sample { run: 1, number, at_ms, certain_ms: Some(at_ms), values };
            server.storage.trends.record(sample).await.unwrap();
        }
    }
    let phase = |alert: &str| AlertPhase::Firing {
        alert: alert.into(),
        kind: "lost".into(),
        is_silent: false,
        since_ms: NOW,
        fine_ms: None,
        value: 1,
        text: "1 event was lost".into(),
    };
    let notice = |alert: &str, state: NoticeState| Notice {
        id: format!("{alert} {state:?}"),
        alert: alert.into(),
        state,
        rule: "lost".into(),
        kind: "lost".into(),
        thing: "web".into(),
        since_ms: NOW,
        at_ms: NOW,
        value: Some(1),
        text: "1 event was lost".into(),
    };
    let key = |thing: &str| AlertKey { rule: "lost".into(), thing: thing.into() };
    let pending = AlertPhase::Pending { since_ms: NOW, held_ms: 1 };
    let round = AlertRound {
        mark: AlertMark { run: 1, at_ms: NOW, counts: BTreeMap::new() },
        changed: BTreeMap::from([
            (key("web"), Some(phase("a"))),
            (key("app"), Some(phase("b"))),
            (key("shop"), Some(pending)),
        ]),
        notices: vec![
            (notice("z", NoticeState::Firing), NoticeDelivery::Queued),
            (notice("z", NoticeState::Recovered), NoticeDelivery::Queued),
            (notice("a", NoticeState::Firing), NoticeDelivery::Queued),
            (notice("b", NoticeState::Firing), NoticeDelivery::Silent),
            (notice("c", NoticeState::Firing), NoticeDelivery::NoWebhook),
        ],
    };
    let alerts = &server.storage.alerts;
    alerts.save(round).await.unwrap();
    let failed = NoticeAttempt::Failed("no answer".into());
    let retried = NoticeAttempt::Retry(NOW + 1, "no answer".into());
    for (number, attempt) in [(1, NoticeAttempt::Sent), (2, failed), (3, retried)] {
        assert!(alerts.settle(number, attempt, NOW + 1).await.unwrap());
    }
}

fn copied(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.path().join(entry.file_name())).unwrap();
    }
    to
}

#[tokio::test]
async fn each_check_complains_about_what_it_is_for_and_no_other_does() {
    let whole = tempfile::tempdir().unwrap();
    fill(whole.path()).await;
    assert_eq!(violations(whole.path()), [""; 0], "a server left it like that");
    for (check, broken, complain) in BREAKS {
        let folder = copied(whole.path());
        broken.run(folder.path());
        let databases = Databases::open(folder.path()).unwrap();
        let found = run(&databases, &mut |_| {}).unwrap();
        let names: BTreeSet<_> = found.iter().map(|violation| violation.check).collect();
        let want: BTreeSet<_> = complain.iter().copied().collect();
        assert_eq!(names, want, "{check}: {found:#?}");
        for violation in &found {
            let line = violation.to_string();
            assert!(violation.count > 0 && !line.contains('\n') && line.contains(".db"), "{line}");
        }
    }
    let broken: BTreeSet<_> = BREAKS.iter().map(|(check, ..)| *check).collect();
    let checks: BTreeSet<_> = CHECKS.iter().map(|check| check.name).collect();
    assert_eq!(broken, checks, "each check has a database that it complains about");
}

#[tokio::test]
async fn what_retention_removed_is_nothing_to_complain_about() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path()).await;
    let server = Server::open(folder.path()).unwrap();
    let newest = Week::of_ms(NOW + WEEKS * WEEK_MS);
    for kept_weeks in [4, 1, 0] {
        let from_ms = newest.to_ms() - kept_weeks * WEEK_MS;
        let limits = RetentionLimits {
            events_from_ms: Some(from_ms),
            events_bytes: None,
            ids_from_ms: from_ms,
            pending_from_ms: i64::MAX,
            now_ms: newest.to_ms(),
        };
        for _ in 0..3 {
            server.storage.events.prune(limits).await.unwrap();
            assert_eq!(violations(folder.path()), [""; 0], "{kept_weeks} weeks are kept");
        }
    }
    // A payload that was received in a removed week is applied late.
    server.process(NOW + 100_000_000).await;
    server.close().await;
    assert_eq!(violations(folder.path()), [""; 0]);
}

#[tokio::test]
async fn rows_of_an_unfinished_commit_are_nothing_to_complain_about() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path()).await;
    let server = Server::open(folder.path()).unwrap();
    // The file of events is one commit ahead of store.db: the process ended in between.
    let before = copied(folder.path());
    server.process(NOW + WEEKS * WEEK_MS + 1_000_000).await;
    server.close().await;
    let last = events_files(folder.path()).pop().unwrap();
    std::fs::copy(&last, before.path().join(last.file_name().unwrap())).unwrap();
    // The newer file as a whole, without the log of the older one.
    for log in ["-wal", "-shm"] {
        let mut name = before.path().join(last.file_name().unwrap()).into_os_string();
        name.push(log);
        let _ = std::fs::remove_file(name);
    }
    assert_eq!(violations(before.path()), [""; 0]);
    let server = Server::open(before.path()).unwrap();
    server.process(NOW + WEEKS * WEEK_MS + 1_000_000).await;
    server.close().await;
    assert_eq!(violations(before.path()), [""; 0], "processed again");
}

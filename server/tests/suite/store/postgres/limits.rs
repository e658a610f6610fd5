//! Limits and samples when several servers write at once.

use std::collections::BTreeMap;

use lamplight_server::store::saved_views::SAVED_VIEWS_MAX;
use lamplight_server::store::sessions::SESSIONS_MAX;
use lamplight_server::store::{
    AlertMark, AlertRound, Figure, NOTICES_MAX, Notice, NoticeDelivery, NoticeState, Resolution,
    Sample, SavedView, Session, TrendQuery,
};

use super::fleet::Servers;
use crate::store::sample::NOW;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_sessions_than_allowed_are_kept_when_servers_add_some_at_once() {
    let servers = Servers::start(2).await;
    let client = servers.database.client().await;
    let filled = "INSERT INTO sessions SELECT decode(lpad(to_hex(n), 64, '0'), 'hex'), 'at_1', $1, $1 + n \
         FROM generate_series(1, $2::bigint) AS n";
    client.execute(filled, &[&NOW, &(i64::from(SESSIONS_MAX) - 3)]).await.unwrap();
    let mut adding = tokio::task::JoinSet::new();
    for number in 0..24_u8 {
        let storage = servers.storages[usize::from(number) % 2].clone();
        let session = Session {
            hash: [number + 1; 32],
            key_id: "at_\u{0}1".into(),
            made_ms: NOW,
            expires_ms: NOW + 100_000 + i64::from(number),
        };
        adding.spawn(async move { storage.sessions.add(session).await.unwrap() });
    }
    adding.join_all().await;
    let left = servers.storages[0].sessions.list(NOW).await.unwrap();
    assert_eq!(left.len(), SESSIONS_MAX as usize);
    assert_eq!(left.iter().filter(|it| it.key_id == "at_\u{0}1").count(), 24);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_has_no_more_views_than_allowed_when_servers_save_some_at_once() {
    let servers = Servers::start(2).await;
    let client = servers.database.client().await;
    let filled = "INSERT INTO saved_views SELECT 'events', 'view ' || n, '', $1 \
         FROM generate_series(1, $2::bigint) AS n";
    client.execute(filled, &[&NOW, &(i64::from(SAVED_VIEWS_MAX) - 5)]).await.unwrap();
    let mut saving = tokio::task::JoinSet::new();
    for number in 0..24_usize {
        let storage = servers.storages[number % 2].clone();
        let view = SavedView {
            page: "events".into(),
            name: format!("\u{0}{number}"),
            query: "a=\u{10FFFF}".into(),
            made_ms: NOW,
        };
        saving.spawn(async move { storage.saved_views.save(view).await.unwrap() });
    }
    let saved = saving.join_all().await;
    assert_eq!(saved.iter().filter(|it| **it).count(), 5);
    let views = servers.storages[1].saved_views.list("events".into()).await.unwrap();
    assert_eq!(views.len(), SAVED_VIEWS_MAX as usize);
    assert!(views.is_sorted_by(|a, b| a.name < b.name) && views[0].query == "a=\u{10FFFF}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sample_that_servers_record_at_once_counts_once() {
    let servers = Servers::start(2).await;
    let mut recording = tokio::task::JoinSet::new();
    for turn in 0..40_u64 {
        let storage = servers.storages[usize::try_from(turn).unwrap() % 2].clone();
        let number = 1 + turn / 20;
        let values = BTreeMap::from([(Figure::DiskFreeBytes, 5)]);
        let sample = Sample { run: 1, number, at_ms: NOW, certain_ms: Some(NOW), values };
        recording.spawn(async move { storage.trends.record(sample).await.unwrap() });
    }
    recording.join_all().await;
    let query = TrendQuery {
        resolution: Resolution::Minute,
        from_ms: i64::MIN,
        to_ms: i64::MAX,
        limit: 10,
    };
    let rows = servers.storages[0].trends.periods(query).await.unwrap();
    let samples = rows[0].figures[&Figure::DiskFreeBytes].samples;
    // The first may come after the second, and does not count then.
    assert!(rows.len() == 1 && (1..=2).contains(&samples), "{rows:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_notices_are_kept_when_servers_save_some_at_once() {
    let servers = Servers::start(2).await;
    let notice = Notice {
        id: "n".into(),
        alert: "a".into(),
        state: NoticeState::Firing,
        rule: "r".into(),
        kind: "k".into(),
        thing: "t\u{0}".into(),
        since_ms: NOW,
        at_ms: NOW,
        value: None,
        text: "\u{10FFFF}".into(),
    };
    let mut saving = tokio::task::JoinSet::new();
    for turn in 0..16_u64 {
        let storage = servers.storages[usize::try_from(turn).unwrap() % 2].clone();
        let round = AlertRound {
            mark: AlertMark { run: 1, at_ms: NOW, counts: BTreeMap::new() },
            changed: BTreeMap::new(),
            notices: vec![(notice.clone(), NoticeDelivery::Queued); 100],
        };
        saving.spawn(async move { storage.alerts.save(round).await.unwrap() });
    }
    saving.join_all().await;
    let alerts = &servers.storages[0].alerts;
    let history = alerts.history(5_000).await.unwrap();
    assert_eq!(i64::try_from(history.len()).unwrap(), NOTICES_MAX);
    assert!(history.iter().all(|it| it.notice == notice));
    let next = alerts.next_queued().await.unwrap().unwrap();
    assert_eq!(next.number, history.last().unwrap().number);
}

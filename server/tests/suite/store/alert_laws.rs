//! The laws of `Alerts`.

use std::collections::BTreeMap;

use lamplight_server::store::{
    AlertBook, AlertKey, AlertMark, AlertPhase, AlertRound, KeptNotice, NOTICES_MAX, Notice,
    NoticeAttempt, NoticeDelivery, NoticeState, Storage,
};

use crate::store::backend::Backend;
use crate::store::sample::NOW;

crate::laws!(
    a_round_is_what_the_next_process_continues_from,
    notices_are_sent_in_the_order_in_which_they_were_said,
    a_failed_attempt_is_counted_and_stays_queued,
    only_a_queued_notice_is_settled_and_only_once,
    only_the_newest_notices_are_kept,
);

fn key(thing: &str) -> AlertKey {
    AlertKey { rule: "queue_age".into(), thing: thing.into() }
}

fn notice(id: &str) -> Notice {
    Notice {
        id: id.into(),
        alert: "a".into(),
        state: NoticeState::Firing,
        rule: "queue_age".into(),
        kind: "queue_age".into(),
        thing: "process".into(),
        since_ms: NOW - 1,
        at_ms: NOW,
        value: Some(5),
        text: "a \"text\"".into(),
    }
}

fn round(notices: Vec<(Notice, NoticeDelivery)>) -> AlertRound {
    AlertRound { notices, ..AlertRound::default() }
}

async fn queued(storage: &Storage) -> Option<KeptNotice> {
    storage.alerts.next_queued().await.unwrap()
}

async fn a_round_is_what_the_next_process_continues_from(backend: Backend) {
    let storage = &backend.storage;
    assert_eq!(storage.alerts.book().await.unwrap(), AlertBook::default());
    let firing = AlertPhase::Firing {
        alert: "a".into(),
        kind: "queue_age".into(),
        is_silent: true,
        since_ms: NOW,
        fine_ms: Some(7),
        value: -3,
        text: "t".into(),
    };
    let pending = AlertPhase::Pending { since_ms: NOW, held_ms: 5 };
    let mark =
        AlertMark { run: u64::MAX, at_ms: NOW, counts: BTreeMap::from([("lost".into(), 4)]) };
    let changed = BTreeMap::from([
        (key("process"), Some(firing.clone())),
        (key("intake"), Some(pending)),
        (key("none"), None),
    ]);
    let first = AlertRound { mark: mark.clone(), changed, notices: Vec::new() };
    storage.alerts.save(first).await.unwrap();
    let backend = backend.reopened().await;
    let mark = AlertMark { at_ms: NOW + 1, ..mark };
    let changed = BTreeMap::from([(key("intake"), None)]);
    let second = AlertRound { mark: mark.clone(), changed, notices: Vec::new() };
    backend.storage.alerts.save(second).await.unwrap();
    let phases = BTreeMap::from([(key("process"), firing)]);
    let backend = backend.reopened().await;
    assert_eq!(
        backend.storage.alerts.book().await.unwrap(),
        AlertBook { mark: Some(mark), phases }
    );
}

async fn notices_are_sent_in_the_order_in_which_they_were_said(backend: Backend) {
    let storage = &backend.storage;
    assert_eq!(queued(storage).await, None);
    let said = [
        (notice("1"), NoticeDelivery::Silent),
        (notice("2"), NoticeDelivery::Queued),
        (notice("3"), NoticeDelivery::NoWebhook),
    ];
    storage.alerts.save(round(said.to_vec())).await.unwrap();
    storage.alerts.save(round(vec![(notice("4"), NoticeDelivery::Queued)])).await.unwrap();
    let backend = backend.reopened().await;
    let storage = &backend.storage;
    let first = queued(storage).await.unwrap();
    assert_eq!((first.notice.clone(), first.attempts, first.due_ms), (notice("2"), 0, Some(NOW)));
    assert!(storage.alerts.settle(first.number, NoticeAttempt::Sent, NOW + 5).await.unwrap());
    assert_eq!(queued(storage).await.unwrap().notice, notice("4"));
    let counts = BTreeMap::from([
        (NoticeDelivery::Queued, 1),
        (NoticeDelivery::Sent, 1),
        (NoticeDelivery::NoWebhook, 1),
        (NoticeDelivery::Silent, 1),
    ]);
    assert_eq!(storage.alerts.notice_counts().await.unwrap(), counts);
    let history = storage.alerts.history(3).await.unwrap();
    let ids: Vec<_> = history.iter().map(|it| (it.notice.id.as_str(), it.delivery)).collect();
    let want = [
        ("4", NoticeDelivery::Queued),
        ("3", NoticeDelivery::NoWebhook),
        ("2", NoticeDelivery::Sent),
    ];
    assert_eq!(ids, want);
    assert_eq!((history[2].ended_ms, history[2].due_ms), (Some(NOW + 5), None));
}

async fn a_failed_attempt_is_counted_and_stays_queued(Backend { storage, .. }: Backend) {
    storage.alerts.save(round(vec![(notice("1"), NoticeDelivery::Queued)])).await.unwrap();
    let number = queued(&storage).await.unwrap().number;
    let retry = |due_ms| NoticeAttempt::Retry(due_ms, "HTTP 500".into());
    for due_ms in [NOW + 10, NOW + 20] {
        assert!(storage.alerts.settle(number, retry(due_ms), NOW).await.unwrap());
    }
    let again = queued(&storage).await.unwrap();
    assert_eq!((again.attempts, again.due_ms, again.ended_ms), (2, Some(NOW + 20), None));
    assert_eq!(again.error.as_deref(), Some("HTTP 500"));
    let failed = NoticeAttempt::Failed("HTTP 400".into());
    assert!(storage.alerts.settle(number, failed, NOW + 30).await.unwrap());
    let ended = &storage.alerts.history(1).await.unwrap()[0];
    assert_eq!((ended.delivery, ended.attempts), (NoticeDelivery::Failed, 3));
    assert_eq!((ended.ended_ms, ended.error.as_deref()), (Some(NOW + 30), Some("HTTP 400")));
    let counts = storage.alerts.notice_counts().await.unwrap();
    assert_eq!(counts, BTreeMap::from([(NoticeDelivery::Failed, 1)]));
}

async fn only_a_queued_notice_is_settled_and_only_once(Backend { storage, .. }: Backend) {
    let said = vec![(notice("1"), NoticeDelivery::Silent), (notice("2"), NoticeDelivery::Queued)];
    storage.alerts.save(round(said)).await.unwrap();
    let number = queued(&storage).await.unwrap().number;
    let sent =
        async |number| storage.alerts.settle(number, NoticeAttempt::Sent, NOW).await.unwrap();
    assert!(!sent(number - 1).await, "it is silent");
    assert!(sent(number).await);
    assert!(!sent(number).await);
    assert!(!sent(number + 1).await, "there is none");
}

async fn only_the_newest_notices_are_kept(Backend { storage, .. }: Backend) {
    let said = |from: i64, to: i64| {
        let each = (from..to).map(|it| (notice(&it.to_string()), NoticeDelivery::Queued));
        round(each.collect())
    };
    storage.alerts.save(said(0, 600)).await.unwrap();
    storage.alerts.save(said(600, NOTICES_MAX + 5)).await.unwrap();
    let history = storage.alerts.history(10_000).await.unwrap();
    assert_eq!(history.len(), usize::try_from(NOTICES_MAX).unwrap());
    let counts = storage.alerts.notice_counts().await.unwrap();
    assert_eq!(counts, BTreeMap::from([(NoticeDelivery::Queued, NOTICES_MAX.unsigned_abs())]));
    assert_eq!(queued(&storage).await.unwrap().notice.id, "5");
}

//! Calls every method of trends and alerts once.

use std::collections::BTreeMap;
use std::path::Path;

use lamplight_server::store::WriterLimits;
use lamplight_server::store::sqlite;
use lamplight_server::store::{
    AlertKey, AlertPhase, AlertRound, CatalogueQuery, ErrorQuery, ErrorSample, ErrorStage, Figure,
    Notice, NoticeAttempt, NoticeDelivery, NoticeState, Occurrence, Resolution, Sample, Storage,
    TrafficQuery, TrendQuery,
};

use crate::delivering;

pub(crate) async fn run(storage: &Storage, at_ms: i64) {
    for number in 1..3 {
        let run = at_ms.unsigned_abs();
        let values = BTreeMap::from([(Figure::Stored, 1)]);
        let sample = Sample { run, number, at_ms, certain_ms: Some(at_ms), values };
        storage.trends.record(sample).await.unwrap();
    }
    for resolution in Resolution::ALL {
        let query = TrendQuery { resolution, from_ms: 0, to_ms: at_ms, limit: 5 };
        storage.trends.periods(query).await.unwrap();
    }
    storage.trends.first_event_ms().await.unwrap();
    tallies(storage, at_ms).await;
    let (id, alert, rule, kind, thing) =
        ("i".to_owned(), "a".into(), "r".to_owned(), "k".into(), "t".to_owned());
    let (state, text) = (NoticeState::Firing, "x".into());
    let key = AlertKey { rule: rule.clone(), thing: thing.clone() };
    let notice =
        Notice { id, alert, state, rule, kind, thing, since_ms: 1, at_ms, value: None, text };
    for phase in [Some(AlertPhase::Pending { since_ms: 1, held_ms: 1 }), None] {
        let changed = BTreeMap::from([(key.clone(), phase)]);
        let notices = vec![(notice.clone(), NoticeDelivery::Queued)];
        storage
            .alerts
            .save(AlertRound { changed, notices, ..AlertRound::default() })
            .await
            .unwrap();
        storage.alerts.book().await.unwrap();
    }
    let queued = storage.alerts.next_queued().await.unwrap().unwrap();
    storage.alerts.settle(queued.number, NoticeAttempt::Sent, at_ms).await.unwrap();
    storage.alerts.history(5).await.unwrap();
    storage.alerts.notice_counts().await.unwrap();
}

async fn tallies(storage: &Storage, at_ms: i64) {
    let occurrence = Occurrence {
        stage: ErrorStage::Intake,
        code: "c",
        owner: "web".into(),
        first_ms: at_ms,
        last_ms: at_ms,
        count: 1,
        sample: ErrorSample::new(None, "m"),
    };
    for _ in 0..2 {
        storage.tallies.record(vec![occurrence.clone()]).await.unwrap();
    }
    for source in [None, Some("web".to_owned())] {
        let query =
            CatalogueQuery { source: source.clone(), limit: 5, ..CatalogueQuery::default() };
        storage.tallies.names(query).await.unwrap();
        let (resolution, from_ms) = (Resolution::Hour, at_ms - 3_600_000);
        let query = TrafficQuery { source: source.clone(), resolution, from_ms, to_ms: at_ms };
        storage.tallies.traffic(query).await.unwrap();
        let query = ErrorQuery { stage: None, source, sink: None, after: None, limit: 5 };
        storage.tallies.errors(query).await.unwrap();
    }
    let found = storage.tallies.properties("web".into(), "a".into()).await.unwrap();
    assert!(found.is_some());
}

/// How many statements are run for one sample and one evaluation that changes nothing.
pub(crate) async fn count_a_minute(folder: &Path) -> u64 {
    let (intake, store) = (folder.join("intake.db"), folder.join("store.db"));
    let storage =
        sqlite::open(&intake, &store, WriterLimits::default(), delivering::routes()).unwrap();
    let mut counted = 0;
    for number in 1..4 {
        let before = lamplight_sql_log::runs(folder);
        let at_ms = i64::try_from(number).unwrap() * 60_000;
        let values = Figure::ALL.iter().map(|figure| (*figure, 1)).collect();
        let sample = Sample { run: 1, number, at_ms, certain_ms: Some(at_ms), values };
        storage.trends.record(sample).await.unwrap();
        storage.alerts.save(AlertRound::default()).await.unwrap();
        counted = lamplight_sql_log::runs(folder) - before;
    }
    storage.close().await.unwrap();
    counted
}

//! What a large store knows beside events: errors, the server's own figures, and alerts.

use std::collections::BTreeMap;
use std::path::Path;

use lamplight_server::store::tally::TallyKind;
use lamplight_server::store::{
    AlertKey, AlertMark, AlertPhase, AlertRound, Counts, ErrorSample, ErrorStage, Figure, Notice,
    NoticeDelivery, NoticeState, Sample, Storage, Week,
};
use rusqlite::params;

use super::deliveries;
use super::extent::{Extent, SOURCES, mixed, source};
use super::weeks::{close, open};

const HOUR_MS: i64 = 60 * 60 * 1000;
/// Errors of each group.
pub(super) const ERRORS: i64 = 12_345;
/// How many hours have figures, and how many notices there are.
const HOURS: u64 = 240;
const NOTICES: i64 = 200;
const REFUSALS: [&str; 4] = ["key_unknown", "rate_exceeded", "body_too_large", "disk_full"];

/// Figures of the last days, and alerts. Written by the server's own code: they are few.
pub(super) async fn fill(storage: &Storage, extent: Extent) {
    for hour in 0..HOURS {
        let value = |figure: u64| i64::try_from(mixed(figure << 20 | hour) % 90_000_000).unwrap();
        let values = Figure::ALL.iter().zip((0..).map(value)).map(|(it, value)| (*it, value));
        let at_ms = extent.to_ms - i64::try_from(HOURS - hour).unwrap() * HOUR_MS;
        let values = values.collect();
        let sample = Sample { run: hour, number: hour, at_ms, certain_ms: None, values };
        storage.trends.record(sample).await.unwrap();
    }
    storage.alerts.save(alerts(extent)).await.unwrap();
}

/// Errors that nothing else in the store tells of, each group as it is once it was added up.
pub(super) fn fill_errors(folder: &Path, extent: Extent) {
    let store = open(&folder.join("store.db"));
    let add = |stage: ErrorStage, code: &str, owner: &str| {
        let (kind, at_ms) = (TallyKind::Error(stage), extent.to_ms - HOUR_MS);
        let mut counts = Counts::at(at_ms);
        counts.add(at_ms, ERRORS, kind.kept());
        store
            .execute(
                "INSERT INTO tallies (kind, owner, label, counts) VALUES (?1, ?2, ?3, ?4)",
                params![kind.number(), owner, code, counts.write()],
            )
            .unwrap();
        let sample = ErrorSample::new(None, "what was wrong with the last one");
        let sample = serde_json::to_string(&sample).unwrap();
        store
            .execute(
                "INSERT INTO tally_details (id, oldest_week, json) VALUES (last_insert_rowid(), ?1, ?2)",
                params![Week::of_ms(at_ms).number(), sample],
            )
            .unwrap();
    };
    for owner in (0..SOURCES).map(source) {
        for code in REFUSALS {
            add(ErrorStage::Intake, code, &owner);
        }
        add(ErrorStage::Process, "set_aside", &owner);
    }
    for code in deliveries::REASONS {
        add(ErrorStage::Delivery, code, "warehouse");
    }
    close(&store);
}

fn alerts(extent: Extent) -> AlertRound {
    let text = "12,345 events were made and will not arrive";
    let phase = AlertPhase::Firing {
        alert: "a-1".into(),
        kind: "lost".into(),
        is_silent: false,
        since_ms: extent.to_ms - HOUR_MS,
        fine_ms: None,
        value: 12_345,
        text: text.into(),
    };
    let notice = |number: i64| Notice {
        id: format!("n-{number}"),
        alert: format!("a-{}", number / 2),
        state: if number % 2 == 0 { NoticeState::Firing } else { NoticeState::Recovered },
        rule: "lost".into(),
        kind: "lost".into(),
        thing: "shop-03".into(),
        since_ms: extent.to_ms - HOUR_MS,
        at_ms: extent.to_ms - (NOTICES - number) * 60_000,
        value: Some(12_345),
        text: text.into(),
    };
    AlertRound {
        changed: BTreeMap::from([(
            AlertKey { rule: "lost".into(), thing: "shop-03".into() },
            Some(phase),
        )]),
        notices: (0..NOTICES).map(|number| (notice(number), NoticeDelivery::NoWebhook)).collect(),
        mark: AlertMark { run: 1, at_ms: extent.to_ms, counts: BTreeMap::new() },
    }
}

//! Deliveries of a large store: those that were sent, those that wait for sinks that are paused,
//! and those that were given up.

use std::path::Path;

use lamplight_server::store::RowId;
use rusqlite::{Connection, params};

use super::extent::Extent;
use super::weeks::{close, open};

/// Their settings. All are paused, so that nothing changes while pages are read.
pub(super) const SINKS: &str = "\
[sinks.archive]
kind = 'file'
path = 'archive.ndjson'
[sinks.crm]
kind = 'webhook'
url = 'http://127.0.0.1:9/events'
secret = 'a secret of more than sixteen bytes'
[sinks.warehouse]
kind = 'webhook'
url = 'http://127.0.0.1:9/warehouse'
secret = 'a secret of more than sixteen bytes'
";
/// Why deliveries were given up.
pub(super) const REASONS: [&str; 5] =
    ["refused", "gone", "unauthorized", "too_large", "retries_exhausted"];

/// How many deliveries there are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deliveries {
    pub(super) sent: u64,
    pub(super) waiting: u64,
    pub(super) dead: u64,
    pub(super) discarded: u64,
}

impl Deliveries {
    pub(super) fn of(extent: Extent) -> Self {
        let events = extent.events();
        Self {
            sent: events / 20,
            waiting: events / 50,
            dead: events / 100,
            discarded: events / 1_000,
        }
    }
}

/// One line of a delivery's log.
struct Line {
    sink: i64,
    step: u32,
    state: &'static str,
    reason: Option<&'static str>,
}

pub(super) fn fill(folder: &Path, extent: Extent) {
    let store = open(&folder.join("store.db"));
    store.execute_batch("BEGIN").unwrap();
    let of = Deliveries::of(extent);
    let counts =
        [("archive", "file", 0, of.sent, 0, 0), ("crm", "webhook", of.waiting, 0, 0, 0), {
            ("warehouse", "webhook", 0, 0, of.dead, of.discarded)
        }];
    for (sink, (name, kind, waiting, sent, dead, discarded)) in (1_i64..).zip(counts) {
        store
            .execute(
                "INSERT OR REPLACE INTO sinks (id, name, kind, is_configured, paused_ms, waiting, sent, dead, discarded) \
                 VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6, ?7, ?8)",
                params![sink, name, kind, extent.to_ms, waiting, sent, dead, discarded],
            )
            .unwrap();
    }
    let events = extent.events();
    let log = |event: u64, line: Line| log(&store, extent, event, &line);
    for event in events - of.sent..events {
        log(event, Line { sink: 1, step: 0, state: "queued", reason: None });
        log(event, Line { sink: 1, step: 1, state: "sent", reason: None });
    }
    for event in events - of.waiting..events {
        log(event, Line { sink: 2, step: 0, state: "queued", reason: None });
        wait(&store, extent, event);
    }
    for number in 0..of.dead + of.discarded {
        let event = events / 2 + number;
        let reason = REASONS[usize::try_from(number).unwrap() % REASONS.len()];
        log(event, Line { sink: 3, step: 0, state: "queued", reason: None });
        log(event, Line { sink: 3, step: 1, state: "dead", reason: Some(reason) });
        let is_discarded = number >= of.dead;
        if is_discarded {
            log(event, Line { sink: 3, step: 2, state: "discarded", reason: Some("discarded") });
        }
        let row = extent.event(event).row();
        letter(&store, row, reason, is_discarded);
    }
    store.execute_batch("COMMIT").unwrap();
    close(&store);
}

fn log(store: &Connection, extent: Extent, event: u64, line: &Line) {
    let event = extent.event(event);
    store
        .prepare_cached(
            "INSERT INTO deliveries (event_id, sink, step, at_ms, state, attempt, reason, detail) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )
        .unwrap()
        .execute(params![
            event.row().0.as_bytes(),
            line.sink,
            line.step,
            event.payload.received_ms + i64::from(line.step) * 40,
            line.state,
            line.step,
            line.reason,
            line.reason.map(|_| "the service answered 422: {\"error\":\"unknown customer\"}"),
        ])
        .unwrap();
}

fn wait(store: &Connection, extent: Extent, event: u64) {
    let event = extent.event(event);
    store
        .prepare_cached(
            "INSERT INTO delivery_queue (sink, due_ms, event_id, bytes, queued_ms, steps, attempts) \
             VALUES (2, 0, ?1, 300, ?2, 1, 0)",
        )
        .unwrap()
        .execute(params![event.row().0.as_bytes(), event.payload.received_ms])
        .unwrap();
}

fn letter(store: &Connection, event: RowId, reason: &str, is_discarded: bool) {
    let (table, steps) = if is_discarded { ("discarded_letters", 3) } else { ("dead_letters", 2) };
    store
        .prepare_cached(&format!(
            "INSERT INTO {table} (sink, event_id, reason, bytes, steps) VALUES (3, ?1, ?2, 300, ?3)"
        ))
        .unwrap()
        .execute(params![event.0.as_bytes(), reason, steps])
        .unwrap();
}

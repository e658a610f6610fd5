//! The files of events of a large store, written directly: as the server writes them, but in large
//! transactions and without a sync.

use std::path::Path;

use lamplight_server::store::Week;
use rusqlite::{Connection, params};

use super::super::upgrade::older;
use super::extent::{Extent, PAYLOAD_EVENTS, Payload};

/// Opens a database to fill it. A crash would leave it unusable, which a test can afford.
pub(super) fn open(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    let fast = "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536; \
                PRAGMA wal_autocheckpoint = 20000";
    connection.execute_batch(fast).unwrap();
    connection
}

/// Ends what [`open`] began.
pub(super) fn close(connection: &Connection) {
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
}

/// Writes all events, a file for each week.
pub(super) fn fill(folder: &Path, extent: Extent) {
    let store = open(&folder.join("store.db"));
    let schema = older::steps("week").last().unwrap().version();
    let payloads: Vec<Payload> = (0..extent.payloads()).map(|it| extent.payload(it)).collect();
    for payloads in payloads.chunk_by(|a, b| a.week() == b.week()) {
        let week = payloads[0].week();
        fill_week(folder, week, payloads);
        let events = payloads.len() as u64 * PAYLOAD_EVENTS;
        store
            .execute(
                "INSERT INTO weeks (week, state, batch, events, schema) VALUES (?1, 'sealed', 0, ?2, ?3)",
                params![week.number(), events, schema],
            )
            .unwrap();
    }
}

fn fill_week(folder: &Path, week: Week, payloads: &[Payload]) {
    let mut file = Connection::open(folder.join(format!("events-{week}.db"))).unwrap();
    file.execute_batch("PRAGMA journal_mode = WAL").unwrap();
    refinery::Runner::new(&older::steps("week")).run(&mut file).unwrap();
    drop(file);
    let file = open(&folder.join(format!("events-{week}.db")));
    file.execute_batch("BEGIN").unwrap();
    for payload in payloads {
        insert(&file, *payload);
    }
    file.execute_batch("COMMIT").unwrap();
    close(&file);
}

fn insert(file: &Connection, payload: Payload) {
    let mut insert = file
        .prepare_cached(
            "INSERT INTO events (id, type, name, source, ts_ms, time_ms, received_ms, created_day, user_id, \
             producer, seq, event_id, payload_id, payload_index, properties) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )
        .unwrap();
    let (source, id) = (payload.sender.source(), payload.id().0);
    let producer = payload.sender.producer().bits().to_be_bytes();
    for index in 0..PAYLOAD_EVENTS {
        let event = payload.event(index);
        insert
            .execute(params![
                event.row().0.as_bytes(),
                event.kind(),
                event.name(),
                source,
                payload.received_ms - 1_000,
                payload.received_ms,
                day(payload.received_ms),
                event.user(),
                event.seq().map(|_| producer),
                event.seq(),
                event.client_id(),
                id.as_bytes(),
                index,
                event.properties(),
            ])
            .unwrap();
    }
    if payload.sender.is_page() {
        let first = payload.first_number();
        file.prepare_cached(
            "INSERT INTO runs (producer, scope, first, last, first_id) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .unwrap()
        .execute(params![
            producer,
            source,
            first,
            first + PAYLOAD_EVENTS - 1,
            payload.row(0).0.as_bytes()
        ])
        .unwrap();
    }
}

/// The day of a time as a number such as 20260131.
fn day(at_ms: i64) -> i64 {
    let text = jiff::Timestamp::from_millisecond(at_ms).unwrap().strftime("%Y%m%d").to_string();
    text.parse().unwrap()
}

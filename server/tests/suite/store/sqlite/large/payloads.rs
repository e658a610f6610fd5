//! The payloads of a large store, as intake.db keeps them: those of the last days, those that wait
//! for their next attempt, and those that were set aside.

use std::path::Path;

use lamplight_server::store::PayloadId;
use rusqlite::{Connection, params};

use super::extent::{Extent, PAYLOAD_EVENTS, Payload};
use super::weeks::{close, open};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// How long payloads are kept.
const KEPT_MS: i64 = 13 * DAY_MS;
/// As `store/sqlite/payloads/share.rs` has it.
const SHARE_RUN: i64 = 64;
const SHARES: i64 = 4;

/// How many payloads are not processed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unprocessed {
    pub(super) waiting: u64,
    pub(super) set_aside: u64,
    pub(super) discarded: u64,
}

impl Unprocessed {
    pub(super) fn of(extent: Extent) -> Self {
        let waiting = extent.events() / 5_000;
        Self { waiting, set_aside: waiting, discarded: waiting / 4 }
    }
}

pub(super) fn fill(folder: &Path, extent: Extent) {
    let intake = open(&folder.join("intake.db"));
    intake.execute_batch("BEGIN").unwrap();
    let mut position = 0;
    for payload in (0..extent.payloads()).map(|number| extent.payload(number)) {
        if extent.to_ms - payload.received_ms < KEPT_MS {
            position += 1;
            insert(&intake, position, payload);
        }
    }
    let of = Unprocessed::of(extent);
    for number in 0..of.waiting + of.set_aside + of.discarded {
        position += 1;
        // Numbers that no payload has that is processed.
        let payload = Payload {
            number: 2 * (extent.payloads() + number),
            received_ms: extent.to_ms - 10 * 60_000,
            sender: extent.payload(number).sender,
        };
        insert(&intake, position, payload);
        if number < of.waiting {
            wait(&intake, position, payload);
        } else {
            let discarded_ms = (number >= of.waiting + of.set_aside).then_some(extent.to_ms);
            set_aside(&intake, position, payload, discarded_ms);
        }
    }
    intake
        .execute(
            "UPDATE discarded_sums SET payloads = ?1, events = ?2",
            params![of.discarded, of.discarded * PAYLOAD_EVENTS],
        )
        .unwrap();
    intake.execute_batch("COMMIT").unwrap();
    close(&intake);
}

/// What was sent: the events, a duplicate of the first one, and what is no event.
fn body(payload: Payload) -> String {
    let mut events: Vec<String> =
        (0..PAYLOAD_EVENTS).map(|index| payload.event(index).json()).collect();
    if payload.duplicates() > 0 {
        let first = Payload { number: payload.number - 1, ..payload };
        events.push(first.event(0).json());
    }
    if payload.invalid() > 0 {
        events.push(r#"{"properties":{}}"#.to_owned());
    }
    format!("[{}]", events.join(","))
}

fn insert(intake: &Connection, position: i64, payload: Payload) {
    let body = body(payload);
    intake
        .prepare_cached(
            "INSERT INTO payloads (position, id, received_ms, key_id, source, encoding, events, unpacked_bytes, \
             user_agent, origin, client, body) VALUES (?1, ?2, ?3, 'wk_1', ?4, 'identity', ?5, ?6, ?7, ?8, ?9, ?10)",
        )
        .unwrap()
        .execute(params![
            position,
            id(payload.id()),
            payload.received_ms,
            payload.sender.source(),
            PAYLOAD_EVENTS + payload.duplicates() + payload.invalid(),
            body.len(),
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "https://shop.example.com",
            "203.0.113.0/24",
            body.as_bytes(),
        ])
        .unwrap();
}

fn wait(intake: &Connection, position: i64, payload: Payload) {
    intake
        .prepare_cached(
            "INSERT INTO payload_queue (share, due_ms, position, received_ms, events, unpacked_bytes, attempts, \
             last_error) VALUES (?1, ?2, ?3, ?4, ?5, 5000, 5, 'the disk did not answer')",
        )
        .unwrap()
        .execute(params![
            position / SHARE_RUN % SHARES,
            payload.received_ms + DAY_MS,
            position,
            payload.received_ms,
            PAYLOAD_EVENTS
        ])
        .unwrap();
}

fn set_aside(intake: &Connection, position: i64, payload: Payload, discarded_ms: Option<i64>) {
    intake
        .prepare_cached(
            "INSERT INTO set_aside (position, id, received_ms, events, unpacked_bytes, attempts, error, set_aside_ms, \
             discarded_ms) VALUES (?1, ?2, ?3, ?4, 5000, 20, ?5, ?3, ?6)",
        )
        .unwrap()
        .execute(params![
            position,
            id(payload.id()),
            payload.received_ms,
            PAYLOAD_EVENTS,
            "failed to process the payload: a value of the profile is too large",
            discarded_ms
        ])
        .unwrap();
}

fn id(payload: PayloadId) -> [u8; 16] {
    *payload.0.as_bytes()
}

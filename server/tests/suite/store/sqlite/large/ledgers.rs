//! What store.db holds about the events of a large store: ledgers, sums, and arrivals that are not
//! stored.

use std::path::Path;

use rusqlite::{Connection, params};

use super::extent::{Extent, PAYLOAD_EVENTS, Payload, SOURCES, Sender, source};
use super::weeks::{close, open};

/// How long ids are known.
const IDS_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// How many payloads a live view can go back.
const RECENT: u64 = 1_000;
/// Why events are invalid.
const REASONS: [(&str, &str); 5] = [
    ("name_missing", "`name` is missing"),
    ("properties_too_large", "`properties` has 70,112 bytes, and at most 65,536 are allowed"),
    ("ts_invalid", "`ts` is \"yesterday\", which is no time"),
    ("properties_invalid", "`properties` is a list, and has to be an object"),
    ("type_unknown", "`type` is \"urgent\": send default, critical or monitor"),
];

/// Writes everything but the events.
pub(super) fn fill(folder: &Path, extent: Extent) {
    let store = open(&folder.join("store.db"));
    store.execute_batch("BEGIN").unwrap();
    ledgers(&store, extent);
    sources(&store, extent);
    for number in 0..extent.payloads() {
        let payload = extent.payload(number);
        not_stored(&store, payload);
        applied(&store, payload);
        if extent.to_ms - payload.received_ms < IDS_MS {
            client_ids(&store, payload);
        }
    }
    for number in extent.payloads().saturating_sub(RECENT)..extent.payloads() {
        let payload = extent.payload(number);
        let (first, last) = (payload.row(0).0, payload.row(PAYLOAD_EVENTS - 1).0);
        store
            .prepare_cached("INSERT INTO recent (first_id, last_id) VALUES (?1, ?2)")
            .unwrap()
            .execute(params![first.as_bytes(), last.as_bytes()])
            .unwrap();
    }
    totals(&store, extent);
    store.execute_batch("COMMIT").unwrap();
    close(&store);
}

fn ledgers(store: &Connection, extent: Extent) {
    let mut insert = store
        .prepare(
            "INSERT INTO producers (producer, scope, source, next, made, received, declared, missing, \
             first_heard_ms, last_heard_ms, received_json, dropped_json) \
             VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )
        .unwrap();
    // In the order of the table, which is quicker.
    let mut pages: Vec<Sender> = extent.senders().filter(|it| it.is_page()).collect();
    pages.sort_by_key(|page| page.producer().bits());
    for page in pages {
        let (missing, declared) = (page.missing(), page.declared());
        let first = PAYLOAD_EVENTS + missing + declared + 1;
        let received = if missing + declared == 0 {
            format!("[[1,{}]]", page.made())
        } else {
            format!("[[1,{PAYLOAD_EVENTS}],[{first},{}]]", page.made())
        };
        let dropped = match declared {
            0 => "{}".to_owned(),
            _ => format!(r#"{{"quota":[[{},{}]]}}"#, PAYLOAD_EVENTS + 1, PAYLOAD_EVENTS + declared),
        };
        insert
            .execute(params![
                page.producer().bits().to_be_bytes(),
                page.source(),
                page.made() + 1,
                page.made(),
                page.received(),
                declared,
                missing,
                extent.received_ms(2 * page.0),
                extent.received_ms(2 * page.0 + 1),
                received,
                dropped
            ])
            .unwrap();
    }
}

fn sources(store: &Connection, extent: Extent) {
    for source in (0..SOURCES).map(source) {
        let pages = || extent.senders().filter(|it| it.is_page() && it.source() == source);
        if pages().next().is_none() {
            continue;
        }
        let sum = |of: fn(Sender) -> u64| pages().map(of).sum::<u64>();
        store
            .execute(
                "INSERT INTO sources (source, producers, made, received, declared, missing) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    source,
                    pages().count(),
                    sum(Sender::made),
                    sum(Sender::received),
                    sum(Sender::declared),
                    sum(Sender::missing)
                ],
            )
            .unwrap();
    }
}

/// The duplicates and the invalid events of a payload, which come after the others.
fn not_stored(store: &Connection, payload: Payload) {
    let mut insert = store
        .prepare_cached(
            "INSERT INTO outcomes (id, state, reason, detail, source, producer, seq, payload_id, payload_index, \
             received_ms, applied_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10)",
        )
        .unwrap();
    let (sender, duplicates) = (payload.sender, payload.duplicates());
    for place in 0..duplicates + payload.invalid() {
        let is_duplicate = place < duplicates;
        let reason = REASONS[usize::try_from(sender.0 / SOURCES / 10).unwrap() % REASONS.len()];
        let reason = Some(reason).filter(|_| !is_duplicate);
        let index = PAYLOAD_EVENTS + place;
        insert
            .execute(params![
                payload.row(index).0.as_bytes(),
                if is_duplicate { "duplicate" } else { "invalid" },
                reason.map(|(code, _)| code),
                reason.map(|(_, detail)| detail),
                sender.source(),
                is_duplicate.then(|| sender.producer().bits().to_be_bytes()),
                is_duplicate.then_some(1),
                payload.id().0.as_bytes(),
                index,
                payload.received_ms,
            ])
            .unwrap();
    }
}

fn applied(store: &Connection, payload: Payload) {
    store
        .prepare_cached("INSERT INTO applied VALUES (?1, ?2, 1, ?3, ?4, ?5)")
        .unwrap()
        .execute(params![
            payload.id().0.as_bytes(),
            payload.received_ms,
            PAYLOAD_EVENTS,
            payload.duplicates(),
            payload.invalid()
        ])
        .unwrap();
}

fn client_ids(store: &Connection, payload: Payload) {
    for event in (0..PAYLOAD_EVENTS).map(|index| payload.event(index)) {
        let Some(id) = event.client_id() else { return };
        store
            .prepare_cached(
                "INSERT INTO event_ids (event_id, source, key_kind, id, received_ms) VALUES (?1, ?2, 2, ?3, ?4)",
            )
            .unwrap()
            .execute(params![
                id,
                payload.sender.source(),
                event.row().0.as_bytes(),
                payload.received_ms
            ])
            .unwrap();
    }
}

fn totals(store: &Connection, extent: Extent) {
    let (stored, received) = (extent.events(), extent.sum(Sender::received));
    let invalid = extent.sum(Sender::invalid);
    store
        .execute(
            "UPDATE totals SET stored = ?1, duplicates = ?2, invalid = ?3, unnumbered = ?4, made = ?5, \
             declared = ?6, missing = ?7, tally_log = NULL",
            params![
                stored,
                extent.sum(Sender::duplicates),
                invalid,
                stored - received + invalid,
                extent.sum(Sender::made),
                extent.sum(Sender::declared),
                extent.sum(Sender::missing)
            ],
        )
        .unwrap();
}

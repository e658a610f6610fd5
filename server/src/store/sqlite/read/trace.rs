//! All that is known about one event.

use lamplight_wire::Producer;
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use super::events;
use crate::store::Outcome;
use crate::store::apply::StoredLedger;
use crate::store::ledger::Ledger;
use crate::store::sqlite::apply::ledgers;
use crate::store::sqlite::file::columns::{
    column_error, number, payload_id, producer_bytes, row_id,
};
use crate::store::sqlite::weeks::readers::Reading;
use crate::store::sqlite::weeks::{catalog, runs};
use crate::store::{EventRef, EventTrace, RefusedEvent, Repeat, RowId, StoredEvent, Week};

/// The most later arrivals that a trace lists.
const REPEATS_MAX: u32 = 100;

/// What [`refused`] reads, in its order.
pub(crate) const REFUSED_COLUMNS: &str = "id, state, reason, detail, source, producer, seq, event_id, payload_id, \
     payload_index, received_ms, applied_ms, content";
/// The number of columns in [`REFUSED_COLUMNS`]. Whatever is selected after them begins here.
pub(crate) const REFUSED_COLUMN_COUNT: usize = 13;

/// The most weeks that are searched for one producer's event. A producer lives as long as a page,
/// so it has one or two.
const WEEKS_MAX: usize = 64;

/// Finds an event by any of its ids.
pub(crate) fn find(
    reading: &Reading<'_>,
    event: &EventRef,
) -> rusqlite::Result<Option<EventTrace>> {
    match event {
        EventRef::Row(id) => by_row(reading, *id),
        EventRef::Number(producer, seq) => by_number(reading, *producer, *seq, None),
        EventRef::NumberOf(source, producer, seq) => {
            by_number(reading, *producer, *seq, Some(source))
        }
        EventRef::ClientId(name) => by_name(reading, name, None),
        EventRef::ClientIdOf(source, name) => by_name(reading, name, Some(source)),
    }
}

/// Client ids are pruned before the events are. Then the events themselves are searched. An event
/// that is stored comes before one of another source that cannot be, and one that came with a
/// secret key before one that anybody can have sent.
fn by_name(
    reading: &Reading<'_>,
    name: &str,
    source: Option<&str>,
) -> rusqlite::Result<Option<EventTrace>> {
    let known = first_arrival(
        reading,
        "SELECT id FROM event_ids WHERE event_id = ?1 AND (?2 IS NULL OR source = ?2) \
         ORDER BY refused, key_kind DESC, received_ms LIMIT 1",
        params![name, source],
    )?;
    if let Some(id) = known {
        return by_row(reading, id);
    }
    let all = (Week::from_number(0), Week::from_number(u32::MAX));
    for week in catalog::between(reading, all, WEEKS_MAX)? {
        let sql = "SELECT id FROM events WHERE event_id = ?1 AND (?2 IS NULL OR source = ?2) \
                   ORDER BY source, id LIMIT 1";
        let stored =
            reading.week(week, |events| first_arrival(events, sql, params![name, source]))?;
        if let Some(id) = stored.flatten() {
            return by_row(reading, id);
        }
    }
    let sql = "SELECT id FROM outcomes WHERE event_id = ?1 AND (?2 IS NULL OR source = ?2) \
               AND state = 'invalid' LIMIT 1";
    first_arrival(reading, sql, params![name, source])?.map_or(Ok(None), |id| by_row(reading, id))
}

fn first_arrival(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> rusqlite::Result<Option<RowId>> {
    connection.prepare_cached(sql)?.query_row(params, |row| row_id(row, 0)).optional()
}

/// Each source has numbers of its own. One that arrived comes before one that did not.
fn by_number(
    reading: &Reading<'_>,
    producer: Producer,
    seq: u64,
    source: Option<&str>,
) -> rusqlite::Result<Option<EventTrace>> {
    let mut missing = None;
    for StoredLedger { ledger, .. } in ledgers::of_producer(reading, producer, source)? {
        if ledger.received.contains(seq) {
            return arrived(reading, producer, seq, &ledger);
        }
        missing = missing.or_else(|| ledger.missing(producer, seq));
    }
    Ok(missing)
}

/// A number that arrived, according to its ledger.
fn arrived(
    reading: &Reading<'_>,
    producer: Producer,
    seq: u64,
    ledger: &Ledger,
) -> rusqlite::Result<Option<EventTrace>> {
    let (bytes, heard) = (producer_bytes(producer), ledger.heard_weeks());
    let refused = "SELECT id FROM outcomes WHERE producer = ?1 AND seq = ?2 AND state = 'invalid'";
    let refused = if ledger.is_shared {
        first_arrival(reading, &format!("{refused} LIMIT 1"), params![bytes, seq])
    } else {
        let refused = format!("{refused} AND source = ?3 LIMIT 1");
        first_arrival(reading, &refused, params![bytes, seq, ledger.source])
    };
    if let Some(id) = refused? {
        return by_row(reading, id);
    }
    for week in catalog::between(reading, heard, WEEKS_MAX)? {
        let stored =
            reading.week(week, |events| runs::find(events, producer, ledger.scope(), seq))?;
        if let Some(id) = stored.flatten() {
            return by_row(reading, id);
        }
    }
    removed(reading, heard)
}

fn by_row(reading: &Reading<'_>, id: RowId) -> rusqlite::Result<Option<EventTrace>> {
    if let Some(event) = stored(reading, id)? {
        let row = &event.row;
        let repeats = repeats(reading, row.number, row.event_id.as_deref(), &row.source, id)?;
        return Ok(Some(EventTrace::Stored { event: Box::new(event), repeats }));
    }
    let refused = reading
        .prepare_cached(&format!("SELECT {REFUSED_COLUMNS} FROM outcomes WHERE id = ?1"))?
        .query_row([id.0.as_bytes()], refused)
        .optional()?;
    let Some(event) = refused else {
        return removed(reading, (Week::of_row(id), Week::of_row(id)));
    };
    let repeats = match event.outcome {
        Outcome::Invalid => {
            repeats(reading, event.number, event.event_id.as_deref(), &event.source, id)?
        }
        Outcome::Duplicate | Outcome::Stored => Vec::new(),
    };
    Ok(Some(EventTrace::Refused { event: Box::new(event), repeats }))
}

/// Whether an event that is not found may have been in a week that was removed.
fn removed(store: &Connection, weeks: (Week, Week)) -> rusqlite::Result<Option<EventTrace>> {
    let removed_ms = catalog::removed_between(store, weeks)?;
    Ok(removed_ms.map(|removed_ms| EventTrace::Removed { removed_ms }))
}

/// An event in its week's file. A row whose payload has not been applied does not count.
fn stored(reading: &Reading<'_>, id: RowId) -> rusqlite::Result<Option<StoredEvent>> {
    let row = reading.week(Week::of_row(id), |events| events::by_id(events, id))?;
    let Some(row) = row.flatten() else { return Ok(None) };
    let applied = reading
        .prepare_cached("SELECT applied_ms, attempt FROM applied WHERE payload_id = ?1")?
        .query_row([row.payload.0.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(applied.map(|(applied_ms, attempt)| StoredEvent { row, applied_ms, attempt }))
}

/// Reads an arrival from [`REFUSED_COLUMNS`].
pub(crate) fn refused(row: &Row<'_>) -> rusqlite::Result<RefusedEvent> {
    let (state, content): (String, Option<String>) = (row.get(1)?, row.get(12)?);
    Ok(RefusedEvent {
        id: row_id(row, 0)?,
        outcome: Outcome::from_name(&state).ok_or_else(|| column_error(1, "state"))?,
        reason: row.get(2)?,
        detail: row.get(3)?,
        source: row.get(4)?,
        number: number(row, 5)?,
        event_id: row.get(7)?,
        payload: payload_id(row, 8)?,
        index: row.get(9)?,
        received_ms: row.get(10)?,
        applied_ms: row.get(11)?,
        content: content.and_then(|json| serde_json::from_str(&json).ok()),
    })
}

fn repeats(
    connection: &Connection,
    number: Option<(Producer, u64)>,
    event_id: Option<&str>,
    source: &str,
    but: RowId,
) -> rusqlite::Result<Vec<Repeat>> {
    const SELECT: &str =
        "SELECT payload_id, received_ms, applied_ms FROM outcomes WHERE state = 'duplicate' AND";
    let but = but.0.as_bytes();
    let read = |row: &Row<'_>| {
        Ok(Repeat {
            payload: payload_id(row, 0)?,
            received_ms: row.get(1)?,
            applied_ms: row.get(2)?,
        })
    };
    match (number, event_id) {
        (Some((producer, seq)), _) => connection
            .prepare_cached(&format!(
                "{SELECT} producer = ?1 AND seq = ?2 AND source = ?3 AND id <> ?4 ORDER BY id LIMIT ?5"
            ))?
            .query_map(params![producer_bytes(producer), seq, source, but, REPEATS_MAX], read)?
            .collect(),
        (None, Some(name)) => connection
            .prepare_cached(&format!(
                "{SELECT} event_id = ?1 AND source = ?2 AND id <> ?3 ORDER BY id LIMIT ?4"
            ))?
            .query_map(params![name, source, but, REPEATS_MAX], read)?
            .collect(),
        (None, None) => Ok(Vec::new()),
    }
}

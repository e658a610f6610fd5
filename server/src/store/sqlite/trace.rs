//! All that is known about one event.

use lamplight_wire::Producer;
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use super::columns::{column_error, number, payload_id, producer_bytes, row_id};
use super::{events, ledgers};
use crate::outcome::Outcome;
use crate::store::{EventRef, EventTrace, RefusedEvent, Repeat, RowId, StoredEvent, Verdict};

/// Most later arrivals that a trace lists.
const REPEATS_MAX: u32 = 100;

const REFUSED: &str = "SELECT id, state, reason, detail, source, producer, seq, event_id, payload_id, payload_index, \
     received_ms, applied_ms FROM outcomes";

/// Finds an event by any of its names.
pub(super) fn find(
    connection: &Connection,
    event: &EventRef,
) -> rusqlite::Result<Option<EventTrace>> {
    match event {
        EventRef::Row(id) => by_row(connection, *id),
        EventRef::Number(producer, seq) => {
            let id = first_arrival(
                connection,
                "SELECT id FROM events WHERE producer = ?1 AND seq = ?2 UNION ALL \
                 SELECT id FROM outcomes WHERE producer = ?1 AND seq = ?2 AND state = 'invalid' LIMIT 1",
                params![producer_bytes(*producer), seq],
            )?;
            match id {
                Some(id) => by_row(connection, id),
                None => missing(connection, *producer, *seq),
            }
        }
        EventRef::Named(name) => {
            let id = first_arrival(
                connection,
                "SELECT id FROM event_ids WHERE event_id = ?1 ORDER BY received_ms LIMIT 1",
                params![name],
            )?;
            id.map_or(Ok(None), |id| by_row(connection, id))
        }
    }
}

fn first_arrival(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> rusqlite::Result<Option<RowId>> {
    connection.prepare_cached(sql)?.query_row(params, |row| row_id(row, 0)).optional()
}

fn by_row(connection: &Connection, id: RowId) -> rusqlite::Result<Option<EventTrace>> {
    if let Some(event) = stored(connection, id)? {
        let row = &event.row;
        let repeats = repeats(connection, row.number, row.event_id.as_deref(), &row.source, id)?;
        return Ok(Some(EventTrace::Stored { event: Box::new(event), repeats }));
    }
    let refused = connection
        .prepare_cached(&format!("{REFUSED} WHERE id = ?1"))?
        .query_row([id.0.as_bytes()], refused)
        .optional()?;
    let Some(event) = refused else { return Ok(None) };
    let repeats = match event.outcome {
        Outcome::Invalid => {
            repeats(connection, event.number, event.event_id.as_deref(), &event.source, id)?
        }
        Outcome::Duplicate | Outcome::Stored => Vec::new(),
    };
    Ok(Some(EventTrace::Refused { event: Box::new(event), repeats }))
}

fn stored(connection: &Connection, id: RowId) -> rusqlite::Result<Option<StoredEvent>> {
    let Some(row) = events::by_id(connection, id)? else { return Ok(None) };
    let (applied_ms, attempt) = connection
        .prepare_cached("SELECT applied_ms, attempt FROM applied WHERE payload_id = ?1")?
        .query_row([row.payload.0.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Some(StoredEvent { row, applied_ms, attempt }))
}

fn refused(row: &Row<'_>) -> rusqlite::Result<RefusedEvent> {
    let state: String = row.get(1)?;
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
                "{SELECT} producer = ?1 AND seq = ?2 AND id <> ?3 ORDER BY id LIMIT ?4"
            ))?
            .query_map(params![producer_bytes(producer), seq, but, REPEATS_MAX], read)?
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

/// What its producer's ledger says about a number that did not arrive.
fn missing(
    connection: &Connection,
    producer: Producer,
    seq: u64,
) -> rusqlite::Result<Option<EventTrace>> {
    let Some(ledger) = ledgers::find(connection, producer)? else { return Ok(None) };
    if seq > ledger.made() || ledger.received.contains(seq) {
        return Ok(None);
    }
    let reason = ledger
        .declared()
        .into_iter()
        .find_map(|(reason, ranges)| ranges.contains(seq).then_some(reason));
    let verdict = if reason.is_some() { Verdict::Declared } else { Verdict::InFlight };
    let last_heard_ms = ledger.last_heard_ms;
    Ok(Some(EventTrace::Missing { producer, seq, verdict, reason, last_heard_ms }))
}

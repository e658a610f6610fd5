//! The most recently applied payloads, in commit order: what the live view follows.
//!
//! Row ids are in the order of receipt, and a payload may be applied late, so the live view cannot
//! follow them.

use rusqlite::{Connection, params, params_from_iter};

use super::events::{event_row, in_span, matches};
use crate::store::sqlite::file::columns::row_id;
use crate::store::sqlite::weeks::readers::Reading;
use crate::store::{EventFilter, EventRow, LivePlace, LivePosition, LiveTail, RowId, Week};

/// How many payloads are kept for the live view.
const KEPT: i64 = 20_000;
/// The most payloads that one read of the live view covers.
const PAYLOADS_MAX: u32 = 200;
/// One read of the live view ends early once its JSON columns have this many bytes.
const BYTES_MAX: usize = 256 * 1024;

pub(crate) const PAYLOADS: &str = "SELECT position, first_id, last_id FROM recent WHERE position >= ?1 ORDER BY position LIMIT ?2";
pub(crate) const FORGET: &str = "DELETE FROM recent WHERE position <= ?1";

/// Records payloads that have rows, by their spans. Runs in the transaction that writes the rows.
pub(crate) fn add(connection: &Connection, payloads: &[(RowId, RowId)]) -> rusqlite::Result<()> {
    if payloads.is_empty() {
        return Ok(());
    }
    let mut insert =
        connection.prepare_cached("INSERT INTO recent (first_id, last_id) VALUES (?1, ?2)")?;
    for (first, last) in payloads {
        insert.execute(params![first.0.as_bytes(), last.0.as_bytes()])?;
    }
    connection.prepare_cached(FORGET)?.execute([connection.last_insert_rowid() - KEPT])?;
    Ok(())
}

/// The current end of the live view.
pub(crate) fn end(connection: &Connection) -> rusqlite::Result<LivePosition> {
    let payload = connection
        .prepare_cached("SELECT coalesce(max(position), 0) FROM recent")?
        .query_row([], |row| row.get(0))?;
    Ok(LivePosition { payload, index: u32::MAX })
}

/// What was stored after `after`, at most `limit` events of it.
pub(crate) fn tail(
    reading: &Reading<'_>,
    filter: &EventFilter,
    after: LivePosition,
    limit: u32,
) -> rusqlite::Result<LiveTail> {
    let oldest: Option<i64> = reading
        .prepare_cached("SELECT min(position) FROM recent")?
        .query_row([], |row| row.get(0))?;
    // The first position is 1. A position from another database may lie beyond the end.
    let is_known = oldest.is_none_or(|oldest| after.payload >= oldest - 1)
        && after.payload <= end(reading)?.payload;
    let after = if is_known { after } else { LivePlace::START };
    let mut tail =
        LiveTail { events: Vec::new(), next: after.into(), has_more: false, has_gap: !is_known };
    let (mut looked_at, mut bytes, time) = (0, 0, reading.budget());
    let mut statement = reading.prepare_cached(PAYLOADS)?;
    let mut payloads = statement.query(params![after.payload, PAYLOADS_MAX])?;
    while let Some(row) = payloads.next()? {
        looked_at += 1;
        let payload = row.get(0)?;
        let (first, last) = (row_id(row, 1)?, row_id(row, 2)?);
        let found =
            reading.week(Week::of_row(first), |week| events(week, filter, (first, last)))?;
        for (index, event) in found.unwrap_or_default() {
            let position = LivePosition { payload, index };
            if position <= after {
                continue;
            }
            if tail.events.len() >= limit as usize || bytes >= BYTES_MAX {
                tail.has_more = true;
                return Ok(tail);
            }
            bytes += event.json_bytes();
            tail.next = position.into();
            tail.events.push((position.into(), event));
        }
        tail.next = LivePosition { payload, index: u32::MAX }.into();
        if time.is_over() {
            tail.has_more = true;
            return Ok(tail);
        }
    }
    tail.has_more = looked_at >= PAYLOADS_MAX;
    Ok(tail)
}

/// The rows of one payload that match, in its order.
fn events(
    connection: &Connection,
    filter: &EventFilter,
    span: (RowId, RowId),
) -> rusqlite::Result<Vec<(u32, EventRow)>> {
    let (sql, values) = in_span(filter, span);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        if matches(row, filter)? {
            let event = event_row(connection, row)?;
            events.push((event.index, event));
        }
    }
    events.reverse();
    Ok(events)
}

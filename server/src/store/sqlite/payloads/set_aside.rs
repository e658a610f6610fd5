//! Payloads that are set aside: `set_aside`.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::queue;
use crate::store::share::share_of;
use crate::store::{DiscardedSums, Lease, PayloadId, SetAsidePayload};

/// Copies the leased payload at `position` here, with its error.
pub(crate) fn insert(
    connection: &Connection,
    lease: Lease,
    position: i64,
    error: &str,
    now_ms: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO set_aside \
             (position, id, received_ms, events, unpacked_bytes, attempts, error, set_aside_ms) \
             SELECT queue.position, payloads.id, queue.received_ms, queue.events, \
             queue.unpacked_bytes, queue.attempts, ?4, ?5 \
             FROM payload_queue AS queue JOIN payloads USING (position) \
             WHERE queue.share = ?1 AND queue.due_ms = ?2 AND queue.position = ?3",
        )?
        .execute(params![share_of(position), lease.until_ms, position, error, now_ms])?;
    Ok(())
}

/// Moves a payload back into the queue. Gives the number of its events, if it was set aside.
pub(crate) fn put_back(
    connection: &Connection,
    id: PayloadId,
    now_ms: i64,
) -> rusqlite::Result<Option<i64>> {
    let id = id.0.into_bytes();
    let found: Option<(i64, i64)> = connection
        .prepare_cached(
            "SELECT position, events FROM set_aside WHERE id = ?1 AND discarded_ms IS NULL",
        )?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((position, events)) = found else { return Ok(None) };
    connection
        .prepare_cached(
            "INSERT INTO payload_queue \
             (share, due_ms, position, received_ms, events, unpacked_bytes, attempts, last_error) \
             SELECT ?1, ?2, position, received_ms, events, unpacked_bytes, attempts, error \
             FROM set_aside WHERE position = ?3",
        )?
        .execute(params![share_of(position), now_ms.max(1), position])?;
    connection.prepare_cached("DELETE FROM set_aside WHERE position = ?1")?.execute([position])?;
    Ok(Some(events))
}

/// Marks a payload that is set aside as discarded, or one that was discarded as set aside again.
/// Gives the number of its events, if that changed it.
pub(crate) fn mark_discarded(
    connection: &Connection,
    id: PayloadId,
    discarded_ms: Option<i64>,
) -> rusqlite::Result<Option<i64>> {
    let events: Option<i64> = connection
        .prepare_cached(
            "UPDATE set_aside SET discarded_ms = ?2 \
             WHERE id = ?1 AND (discarded_ms IS NULL) <> (?2 IS NULL) RETURNING events",
        )?
        .query_row(params![id.0.into_bytes(), discarded_ms], |row| row.get(0))
        .optional()?;
    if let Some(events) = events {
        let sign = if discarded_ms.is_some() { 1 } else { -1 };
        connection
            .prepare_cached(
                "UPDATE discarded_sums SET payloads = payloads + ?1, events = events + ?2 WHERE id = 1",
            )?
            .execute([sign, sign * events])?;
    }
    Ok(events)
}

/// How much was discarded.
pub(crate) fn discarded(connection: &Connection) -> rusqlite::Result<DiscardedSums> {
    connection
        .prepare_cached("SELECT payloads, events FROM discarded_sums WHERE id = 1")?
        .query_row([], |row| Ok(DiscardedSums { payloads: row.get(0)?, events: row.get(1)? }))
}

/// Payloads after `after` that are set aside, or that were discarded, in the order of their ids.
pub(crate) fn page(
    connection: &Connection,
    is_discarded: bool,
    after: Option<PayloadId>,
    limit: u32,
) -> rusqlite::Result<Vec<SetAsidePayload>> {
    connection
        .prepare_cached(
            "SELECT aside.id, aside.received_ms, key_id, source, encoding, aside.events, \
             aside.unpacked_bytes, user_agent, origin, client, attempts, error, set_aside_ms, \
             discarded_ms FROM set_aside AS aside JOIN payloads USING (position) \
             WHERE aside.id > ?1 AND (discarded_ms IS NOT NULL) = ?3 ORDER BY aside.id LIMIT ?2",
        )?
        .query_map(
            params![after.map(|id| id.0.into_bytes()).unwrap_or_default(), limit, is_discarded],
            read,
        )?
        .collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<SetAsidePayload> {
    Ok(SetAsidePayload {
        metadata: queue::metadata(row)?,
        attempts: row.get(10)?,
        error: row.get(11)?,
        set_aside_ms: row.get(12)?,
        discarded_ms: row.get(13)?,
    })
}

/// How many payloads are set aside, and how many events in them. Reads the whole table.
pub(crate) fn count(connection: &Connection) -> rusqlite::Result<(i64, i64)> {
    connection.query_row(
        "SELECT count(*), coalesce(sum(events), 0) FROM set_aside WHERE discarded_ms IS NULL",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// When the oldest was received, discarded or not: the first in the order of arrival.
pub(crate) fn oldest_ms(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT received_ms FROM set_aside ORDER BY position LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()
}

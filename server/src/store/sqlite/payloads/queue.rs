//! The queue of payloads that wait to be processed: `payload_queue`.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::kept_body;
use crate::store::Lease;
use crate::store::fair_share::FairShare;
use crate::store::share::{SHARES, share_of, shares_of};
use crate::store::sqlite::file::columns::column_error;
use crate::store::{
    Backlog, FailedPayload, LeaseAsk, PayloadId, PayloadMetadata, Ticket, WorkerSlot,
};

/// The most payloads that one transaction deletes: responses wait for it.
const PRUNED_MAX: u32 = 100;
/// The most failed payloads that pruning looks at. If more wait, it deletes nothing.
const HELD_MAX: u32 = 1_000;

/// A row that was leased.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LeasedRow {
    due_ms: i64,
    pub(crate) position: i64,
    unpacked_bytes: u64,
    pub(crate) attempts: u32,
    pub(crate) own_failures: u32,
}

/// The lease that `ask` asks for.
pub(crate) fn lease_of(ask: LeaseAsk) -> Lease {
    Lease { token: ask.token, until_ms: ask.now_ms.saturating_add(ask.lease_ms) }
}

fn token(lease: Lease) -> [u8; 16] {
    lease.token.0.to_be_bytes()
}

/// Adds a payload that was just appended at `position`.
pub(crate) fn push(
    connection: &Connection,
    position: i64,
    metadata: &PayloadMetadata,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO payload_queue (share, due_ms, position, received_ms, events, unpacked_bytes) \
             VALUES (?1, 0, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            share_of(position),
            position,
            metadata.received_ms,
            metadata.events,
            metadata.unpacked_bytes
        ])?;
    Ok(())
}

/// Leases what is due for one worker.
pub(crate) fn lease(connection: &Connection, ask: LeaseAsk) -> rusqlite::Result<Vec<LeasedRow>> {
    let share = FairShare { places: ask.payloads_max as usize, bytes_max: ask.unpacked_bytes_max };
    let retries = due(connection, ask.worker, (1, ask.now_ms), share.places)?;
    let fresh = due(connection, ask.worker, (0, 0), share.fresh_max(retries.len()))?;
    let taken = share.choose(retries, fresh, |row| row.unpacked_bytes);
    for row in &taken {
        take(connection, row, lease_of(ask))?;
    }
    Ok(taken)
}

fn take(connection: &Connection, row: &LeasedRow, lease: Lease) -> rusqlite::Result<()> {
    let moved = connection
        .prepare_cached(
            "UPDATE payload_queue SET due_ms = ?4, lease_token = ?5, attempts = attempts + 1 \
             WHERE share = ?1 AND due_ms = ?2 AND position = ?3",
        )?
        .execute(params![
            share_of(row.position),
            row.due_ms,
            row.position,
            lease.until_ms,
            token(lease)
        ])?;
    debug_assert_eq!(moved, 1);
    Ok(())
}

/// What is due in a span of time and in one share, the longest waiting first.
pub(super) const DUE: &str = "SELECT due_ms, position, unpacked_bytes, attempts, own_failures \
     FROM payload_queue WHERE share = ?1 AND due_ms BETWEEN ?2 AND ?3 \
     ORDER BY due_ms, position LIMIT ?4";

/// What is due in a span of time, the longest waiting first.
fn due(
    connection: &Connection,
    worker: WorkerSlot,
    span: (i64, i64),
    limit: usize,
) -> rusqlite::Result<Vec<LeasedRow>> {
    let mut find = connection.prepare_cached(DUE)?;
    let mut due = Vec::new();
    for share in shares_of(worker) {
        let found = find.query_map(params![share, span.0, span.1, limit], |row| {
            Ok(LeasedRow {
                due_ms: row.get(0)?,
                position: row.get(1)?,
                unpacked_bytes: row.get(2)?,
                attempts: row.get(3)?,
                own_failures: row.get(4)?,
            })
        })?;
        for row in found {
            due.push(row?);
        }
    }
    due.sort_unstable_by_key(|row| (row.due_ms, row.position));
    due.truncate(limit);
    Ok(due)
}

/// The ticket of the payload at `position`.
pub(crate) fn ticket(position: i64) -> Ticket {
    Ticket::new(&position.to_be_bytes())
}

fn position_of(ticket: &Ticket) -> Option<i64> {
    ticket.name().try_into().ok().map(i64::from_be_bytes)
}

/// The positions of `tickets`, if `lease` holds every one of them.
pub(crate) fn held<'a>(
    connection: &Connection,
    lease: Lease,
    tickets: impl Iterator<Item = &'a Ticket>,
) -> rusqlite::Result<Option<Vec<i64>>> {
    let mut held = connection.prepare_cached(
        "SELECT 1 FROM payload_queue \
         WHERE share = ?1 AND due_ms = ?2 AND position = ?3 AND lease_token = ?4",
    )?;
    let mut positions = Vec::new();
    for ticket in tickets {
        let Some(position) = position_of(ticket) else { return Ok(None) };
        if !held.exists(params![share_of(position), lease.until_ms, position, token(lease)])? {
            return Ok(None);
        }
        positions.push(position);
    }
    Ok(Some(positions))
}

/// Removes a finished payload. Returns its number of events.
pub(crate) fn settle(
    connection: &Connection,
    lease: Lease,
    position: i64,
) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(
            "DELETE FROM payload_queue \
             WHERE share = ?1 AND due_ms = ?2 AND position = ?3 AND lease_token = ?4 RETURNING events",
        )?
        .query_row(
            params![share_of(position), lease.until_ms, position, token(lease)],
            |row| row.get(0),
        )
}

/// Makes a failed payload due again.
pub(crate) fn release(
    connection: &Connection,
    lease: Lease,
    position: i64,
    failed: &FailedPayload,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE payload_queue SET due_ms = ?5, lease_token = NULL, last_error = ?6, \
             own_failures = own_failures + ?7 \
             WHERE share = ?1 AND due_ms = ?2 AND position = ?3 AND lease_token = ?4",
        )?
        .execute(params![
            share_of(position),
            lease.until_ms,
            position,
            token(lease),
            failed.due_ms.max(1),
            failed.error,
            failed.is_own
        ])?;
    Ok(())
}

/// Releases every lease. For a start, when no earlier process can hold one.
pub(crate) fn release_all(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute(
        "UPDATE payload_queue SET due_ms = 1, lease_token = NULL WHERE due_ms > 0 AND lease_token IS NOT NULL",
        [],
    )?;
    Ok(())
}

/// How many payloads wait, and how many events in them. Reads the whole queue.
pub(crate) fn count(connection: &Connection) -> rusqlite::Result<(i64, i64)> {
    connection.query_row(
        "SELECT count(*), coalesce(sum(events), 0) FROM payload_queue",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// The backlog, except for its counts. Reads one fresh row of each share, and the failed ones,
/// which are few.
pub(crate) fn backlog(connection: &Connection) -> rusqlite::Result<Backlog> {
    let mut backlog = Backlog::default();
    let mut last_failed_ms = None;
    let mut tried = connection.prepare_cached(
        "SELECT min(received_ms), count(last_error) FROM \
         (SELECT received_ms, last_error FROM payload_queue WHERE share = ?1 AND due_ms > 0 LIMIT 10000)",
    )?;
    let mut failed = connection.prepare_cached(
        "SELECT due_ms, last_error FROM payload_queue \
         WHERE share = ?1 AND due_ms > 0 AND last_error IS NOT NULL ORDER BY due_ms DESC LIMIT 1",
    )?;
    for share in 0..SHARES {
        let (tried_ms, failing): (Option<i64>, u64) =
            tried.query_row([share], |row| Ok((row.get(0)?, row.get(1)?)))?;
        backlog.failing += failing;
        let fresh_ms = first_fresh(connection, share)?.map(|(_, received_ms)| received_ms);
        backlog.oldest_ms = [backlog.oldest_ms, tried_ms, fresh_ms].into_iter().flatten().min();
        let failed: Option<(i64, String)> =
            failed.query_row([share], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        if let Some((due_ms, error)) = failed
            && last_failed_ms.is_none_or(|last_ms| due_ms > last_ms)
        {
            (last_failed_ms, backlog.last_error) = (Some(due_ms), Some(error));
        }
    }
    Ok(backlog)
}

/// The longest waiting fresh payload of a share: its position, and when it was received.
fn first_fresh(connection: &Connection, share: u32) -> rusqlite::Result<Option<(i64, i64)>> {
    connection
        .prepare_cached(
            "SELECT position, received_ms FROM payload_queue \
             WHERE share = ?1 AND due_ms = 0 ORDER BY position LIMIT 1",
        )?
        .query_row([share], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

/// Deletes the oldest payloads if they are settled and were received before `before_ms`. Returns
/// how many.
pub(crate) fn prune(connection: &Connection, before_ms: i64) -> rusqlite::Result<u64> {
    let oldest: Vec<(i64, i64)> = connection
        .prepare_cached(
            "SELECT position, received_ms FROM payloads \
             WHERE position NOT IN (SELECT position FROM set_aside WHERE discarded_ms IS NULL) ORDER BY position LIMIT ?1",
        )?
        .query_map([PRUNED_MAX + HELD_MAX], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let (mut fresh, mut tried) = (i64::MAX, HashSet::new());
    let mut find_tried = connection.prepare_cached(
        "SELECT position FROM payload_queue WHERE share = ?1 AND due_ms > 0 LIMIT ?2",
    )?;
    for share in 0..SHARES {
        if let Some((position, _)) = first_fresh(connection, share)? {
            fresh = fresh.min(position);
        }
        for position in
            find_tried.query_map(params![share, HELD_MAX], |row| row.get::<_, i64>(0))?
        {
            tried.insert(position?);
        }
    }
    if tried.len() >= HELD_MAX as usize {
        // With this many failures, telling which payloads are settled would take too long.
        return Ok(0);
    }
    let mut delete = connection.prepare_cached("DELETE FROM payloads WHERE position = ?1")?;
    // Of those that are set aside, only the discarded ones come here. They stay counted.
    let mut forget = connection.prepare_cached("DELETE FROM set_aside WHERE position = ?1")?;
    let mut pruned = 0;
    for (position, _) in oldest
        .into_iter()
        .take_while(|(position, received_ms)| *position < fresh && *received_ms < before_ms)
        .filter(|(position, _)| !tried.contains(position))
        .take(PRUNED_MAX as usize)
    {
        forget.execute([position])?;
        pruned += delete.execute([position])? as u64;
    }
    Ok(pruned)
}

/// Reads the metadata from the first 10 columns of a row.
pub(crate) fn metadata(row: &Row<'_>) -> rusqlite::Result<PayloadMetadata> {
    let encoding: String = row.get(4)?;
    Ok(PayloadMetadata {
        id: PayloadId(Uuid::from_bytes(row.get(0)?)),
        received_ms: row.get(1)?,
        key_id: row.get(2)?,
        source: row.get(3)?,
        encoding: kept_body::encoding(&encoding).ok_or_else(|| column_error(4, "encoding"))?,
        events: row.get(5)?,
        unpacked_bytes: row.get(6)?,
        user_agent: row.get(7)?,
        origin: row.get(8)?,
        client: row.get(9)?,
    })
}

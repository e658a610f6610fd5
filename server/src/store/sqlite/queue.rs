//! The queue of payloads still to be processed: `payload_queue`.

use std::collections::HashSet;

use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::columns::column_error;
use crate::lease::Lease;
use crate::store::{Backlog, Encoding, FailedPayload, LeaseAsk, PayloadId, Receipt, Ticket};

/// Most payloads that are deleted in one transaction: answers wait for it.
const PRUNED_MAX: u32 = 100;
/// Most payloads that were tried and are not settled. With more of them, nothing is deleted.
const HELD_MAX: u32 = 1_000;

/// A row that was leased.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    due_ms: i64,
    pub(super) position: i64,
    unpacked_bytes: u64,
    pub(super) attempts: u32,
}

/// The lease that `ask` asks for.
pub(super) fn lease_of(ask: LeaseAsk) -> Lease {
    Lease { token: ask.token, until_ms: ask.now_ms.saturating_add(ask.lease_ms) }
}

fn token(lease: Lease) -> [u8; 16] {
    lease.token.0.to_be_bytes()
}

/// Adds a payload that was just appended at `position`.
pub(super) fn push(
    connection: &Connection,
    position: i64,
    receipt: &Receipt,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO payload_queue (due_ms, position, received_ms, events, unpacked_bytes) \
             VALUES (0, ?1, ?2, ?3, ?4)",
        )?
        .execute(params![position, receipt.received_ms, receipt.events, receipt.unpacked_bytes])?;
    Ok(())
}

/// Leases what is due. A quarter of the places goes to payloads that come round again, so that
/// neither they nor fresh ones wait for the others to run out.
pub(super) fn lease(connection: &Connection, ask: LeaseAsk) -> rusqlite::Result<Vec<Taken>> {
    let again = due(connection, (1, ask.now_ms), (ask.payloads_max / 4).max(1))?;
    let fresh_max = ask.payloads_max.saturating_sub(u32::try_from(again.len()).unwrap_or(u32::MAX));
    let fresh = due(connection, (0, 0), fresh_max)?;
    let lease = lease_of(ask);
    let (mut bytes, mut taken) = (0, Vec::new());
    for row in again.into_iter().chain(fresh) {
        bytes += row.unpacked_bytes;
        if !taken.is_empty() && bytes > ask.unpacked_bytes_max {
            break;
        }
        let moved = connection
            .prepare_cached(
                "UPDATE payload_queue SET due_ms = ?3, lease_token = ?4, attempts = attempts + 1 \
                 WHERE due_ms = ?1 AND position = ?2",
            )?
            .execute(params![row.due_ms, row.position, lease.until_ms, token(lease)])?;
        debug_assert_eq!(moved, 1);
        taken.push(row);
    }
    Ok(taken)
}

fn due(connection: &Connection, span: (i64, i64), limit: u32) -> rusqlite::Result<Vec<Taken>> {
    connection
        .prepare_cached(
            "SELECT due_ms, position, unpacked_bytes, attempts FROM payload_queue \
             WHERE due_ms BETWEEN ?1 AND ?2 ORDER BY due_ms, position LIMIT ?3",
        )?
        .query_map(params![span.0, span.1, limit], |row| {
            Ok(Taken {
                due_ms: row.get(0)?,
                position: row.get(1)?,
                unpacked_bytes: row.get(2)?,
                attempts: row.get(3)?,
            })
        })?
        .collect()
}

/// Whether `lease` holds every one of `tickets`.
pub(super) fn holds(
    connection: &Connection,
    lease: Lease,
    tickets: impl Iterator<Item = Ticket>,
) -> rusqlite::Result<bool> {
    let mut held = connection.prepare_cached(
        "SELECT 1 FROM payload_queue WHERE due_ms = ?1 AND position = ?2 AND lease_token = ?3",
    )?;
    for ticket in tickets {
        if !held.exists(params![lease.until_ms, ticket.0, token(lease)])? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Removes finished work. Gives the number of its events.
pub(super) fn settle(
    connection: &Connection,
    lease: Lease,
    ticket: Ticket,
) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(
            "DELETE FROM payload_queue WHERE due_ms = ?1 AND position = ?2 AND lease_token = ?3 RETURNING events",
        )?
        .query_row(params![lease.until_ms, ticket.0, token(lease)], |row| row.get(0))
}

/// Makes failed work due again.
pub(super) fn release(
    connection: &Connection,
    lease: Lease,
    failed: &FailedPayload,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE payload_queue SET due_ms = ?4, lease_token = NULL, last_error = ?5 \
             WHERE due_ms = ?1 AND position = ?2 AND lease_token = ?3",
        )?
        .execute(params![
            lease.until_ms,
            failed.ticket.0,
            token(lease),
            failed.due_ms.max(1),
            failed.error
        ])?;
    Ok(())
}

/// Ends every lease. For a start, when whoever held one is gone.
pub(super) fn release_all(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute(
        "UPDATE payload_queue SET due_ms = 1, lease_token = NULL WHERE due_ms > 0 AND lease_token IS NOT NULL",
        [],
    )?;
    Ok(())
}

/// How many payloads wait, and how many events in them. Reads the whole queue.
pub(super) fn count(connection: &Connection) -> rusqlite::Result<(i64, i64)> {
    connection.query_row(
        "SELECT count(*), coalesce(sum(events), 0) FROM payload_queue",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// What waits, but for the counts. Reads one fresh row and those that were tried before, which are few.
pub(super) fn backlog(connection: &Connection) -> rusqlite::Result<Backlog> {
    let fresh: Option<i64> = connection
        .prepare_cached(
            "SELECT received_ms FROM payload_queue WHERE due_ms = 0 ORDER BY position LIMIT 1",
        )?
        .query_map([], |row| row.get(0))?
        .next()
        .transpose()?;
    let (tried, failing): (Option<i64>, u64) = connection
        .prepare_cached(
            "SELECT min(received_ms), count(last_error) FROM \
             (SELECT received_ms, last_error FROM payload_queue WHERE due_ms > 0 LIMIT 10000)",
        )?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let last_error = connection
        .prepare_cached(
            "SELECT last_error FROM payload_queue WHERE due_ms > 0 AND last_error IS NOT NULL \
             ORDER BY due_ms DESC LIMIT 1",
        )?
        .query_map([], |row| row.get(0))?
        .next()
        .transpose()?;
    let oldest_ms = fresh.into_iter().chain(tried).min();
    Ok(Backlog { payloads: 0, events: 0, oldest_ms, failing, last_error })
}

/// Deletes the oldest payloads if they are settled and were received before `before_ms`. Gives how many.
pub(super) fn prune(connection: &Connection, before_ms: i64) -> rusqlite::Result<u64> {
    let oldest: Vec<(i64, i64)> = connection
        .prepare_cached("SELECT position, received_ms FROM payloads ORDER BY position LIMIT ?1")?
        .query_map([PRUNED_MAX + HELD_MAX], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let fresh: i64 = connection
        .prepare_cached(
            "SELECT position FROM payload_queue WHERE due_ms = 0 ORDER BY position LIMIT 1",
        )?
        .query_map([], |row| row.get(0))?
        .next()
        .transpose()?
        .unwrap_or(i64::MAX);
    let tried: HashSet<i64> = connection
        .prepare_cached("SELECT position FROM payload_queue WHERE due_ms > 0 LIMIT ?1")?
        .query_map([HELD_MAX], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    if tried.len() >= HELD_MAX as usize {
        // Too much goes wrong to be tidying up.
        return Ok(0);
    }
    let mut delete = connection.prepare_cached("DELETE FROM payloads WHERE position = ?1")?;
    let mut pruned = 0;
    for (position, _) in oldest
        .into_iter()
        .take_while(|(position, received_ms)| *position < fresh && *received_ms < before_ms)
        .filter(|(position, _)| !tried.contains(position))
        .take(PRUNED_MAX as usize)
    {
        pruned += delete.execute([position])? as u64;
    }
    Ok(pruned)
}

/// Reads a receipt from the first ten columns that its readers select.
pub(super) fn receipt(row: &Row<'_>) -> rusqlite::Result<Receipt> {
    let encoding: String = row.get(4)?;
    Ok(Receipt {
        id: PayloadId(Uuid::from_bytes(row.get(0)?)),
        received_ms: row.get(1)?,
        key_id: row.get(2)?,
        source: row.get(3)?,
        encoding: Encoding::from_name(&encoding).ok_or_else(|| column_error(4, "encoding"))?,
        events: row.get(5)?,
        unpacked_bytes: row.get(6)?,
        user_agent: row.get(7)?,
        origin: row.get(8)?,
        client: row.get(9)?,
    })
}

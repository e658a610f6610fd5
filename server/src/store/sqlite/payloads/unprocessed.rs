//! Where a payload is, and the payloads that are not processed yet.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{kept_body, queue};
use crate::store::share::{SHARES, share_of};
use crate::store::{KeptPayload, PayloadId, PayloadState, Unprocessed, UnprocessedPayload};

const WAITING: &str = "SELECT position, due_ms, attempts, lease_token IS NOT NULL, last_error FROM payload_queue \
     WHERE share = ?1 AND";
const SET_ASIDE: &str =
    "SELECT position, attempts, error, set_aside_ms, discarded_ms FROM set_aside";

/// Where a payload is.
pub(crate) fn state(
    connection: &Connection,
    id: PayloadId,
) -> rusqlite::Result<Option<PayloadState>> {
    let position: Option<i64> = connection
        .prepare_cached("SELECT position FROM payloads WHERE id = ?1")?
        .query_row([id.0.into_bytes()], |row| row.get(0))
        .optional()?;
    let Some(position) = position else { return Ok(None) };
    // The first uses the key. The second reads what was tried before, which is little.
    for condition in ["due_ms = 0 AND position = ?2", "due_ms > 0 AND position = ?2"] {
        let found = connection
            .prepare_cached(&format!("{WAITING} {condition}"))?
            .query_row(params![share_of(position), position], waiting)
            .optional()?;
        if let Some((_, state)) = found {
            return Ok(Some(state));
        }
    }
    let aside = connection
        .prepare_cached(&format!("{SET_ASIDE} WHERE position = ?1"))?
        .query_row([position], set_aside)
        .optional()?;
    Ok(Some(aside.map_or(PayloadState::Settled, |(_, state)| state)))
}

fn waiting(row: &Row<'_>) -> rusqlite::Result<(i64, PayloadState)> {
    let (due_ms, is_leased): (i64, bool) = (row.get(1)?, row.get(3)?);
    let state = PayloadState::Waiting {
        attempts: row.get(2)?,
        due_ms: (due_ms > 0 && !is_leased).then_some(due_ms),
        is_leased,
        error: row.get(4)?,
    };
    Ok((row.get(0)?, state))
}

fn set_aside(row: &Row<'_>) -> rusqlite::Result<(i64, PayloadState)> {
    let state = PayloadState::SetAside {
        attempts: row.get(1)?,
        error: row.get(2)?,
        set_aside_ms: row.get(3)?,
        discarded_ms: row.get(4)?,
    };
    Ok((row.get(0)?, state))
}

/// Payloads that are not processed yet, within limits: those that failed before, those that are set
/// aside, and the newest of the others.
pub(crate) fn page(
    connection: &Connection,
    payloads_max: u32,
    unpacked_bytes_max: u64,
) -> rusqlite::Result<Unprocessed> {
    let limit = payloads_max.saturating_add(1);
    let mut found = Vec::new();
    for part in
        ["due_ms > 0 ORDER BY due_ms LIMIT ?2", "due_ms = 0 ORDER BY position DESC LIMIT ?2"]
    {
        let mut statement = connection.prepare_cached(&format!("{WAITING} {part}"))?;
        let mut of_part = Vec::new();
        for share in 0..SHARES {
            for row in statement.query_map(params![share, limit], waiting)? {
                of_part.push(row?);
            }
        }
        of_part.sort_unstable_by_key(|(position, _)| std::cmp::Reverse(*position));
        found.extend(of_part);
        if part.starts_with("due_ms > 0") {
            let mut statement = connection
                .prepare_cached(&format!("{SET_ASIDE} ORDER BY position DESC LIMIT ?1"))?;
            for row in statement.query_map([limit], set_aside)? {
                found.push(row?);
            }
        }
    }
    let mut body = connection.prepare_cached(
        "SELECT id, received_ms, key_id, source, encoding, events, unpacked_bytes, user_agent, origin, client, body \
         FROM payloads WHERE position = ?1",
    )?;
    let (mut payloads, mut bytes) = (Vec::new(), 0);
    let mut has_more = false;
    for (position, state) in found {
        if payloads.len() >= payloads_max as usize || bytes >= unpacked_bytes_max {
            has_more = true;
            break;
        }
        let read = |row: &Row<'_>| {
            Ok(KeptPayload { metadata: queue::metadata(row)?, body: kept_body::read(row)? })
        };
        if let Some(payload) = body.query_row([position], read).optional()? {
            bytes += u64::from(payload.metadata.unpacked_bytes);
            payloads.push(UnprocessedPayload { payload, state });
        }
    }
    Ok(Unprocessed { payloads, has_more })
}

//! Replays in intake.db: which payloads, and how far each replay is.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{kept_body, queue};
use crate::store::replays::{COUNTED_MAX, LISTED_MAX};
use crate::store::sqlite::file::columns::payload_id;
use crate::store::{KeptPayload, PayloadId, PayloadSpan, Replay, ReplayId, Replayed, SpanCount};

const SELECT: &str = "SELECT id, first_id, last_id, after_id, payloads, rewritten, restored, accepted, skipped, begun_ms, \
     ended_ms FROM replays";

fn bytes(id: PayloadId) -> [u8; 16] {
    id.0.into_bytes()
}

/// The number of payloads and events in a span.
pub(crate) fn count(connection: &Connection, span: PayloadSpan) -> rusqlite::Result<SpanCount> {
    let (payloads, events): (u64, u64) = connection
        .prepare_cached(
            "SELECT count(*), coalesce(sum(events), 0) FROM \
             (SELECT events FROM payloads WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3)",
        )?
        .query_row(params![bytes(span.first), bytes(span.last), COUNTED_MAX + 1], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    Ok(SpanCount { payloads, events, has_more: payloads > COUNTED_MAX })
}

/// The payloads of a span in the order of their ids, within limits, and at least one if there is
/// any.
pub(crate) fn page(
    connection: &Connection,
    span: PayloadSpan,
    after: Option<PayloadId>,
    (payloads_max, unpacked_bytes_max): (u32, u64),
) -> rusqlite::Result<Vec<KeptPayload>> {
    let first = after.map_or(bytes(span.first), bytes);
    let mut statement = connection.prepare_cached(
        "SELECT id, received_ms, key_id, source, encoding, events, unpacked_bytes, user_agent, origin, client, body \
         FROM payloads WHERE id >= ?1 AND id <= ?2 AND (?3 OR id > ?1) ORDER BY id LIMIT ?4",
    )?;
    let mut rows =
        statement.query(params![first, bytes(span.last), after.is_none(), payloads_max])?;
    let (mut page, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let metadata = queue::metadata(row)?;
        bytes += u64::from(metadata.unpacked_bytes);
        if !page.is_empty() && bytes > unpacked_bytes_max {
            break;
        }
        page.push(KeptPayload { metadata, body: kept_body::read(row)? });
    }
    Ok(page)
}

/// Records a request for a replay.
pub(crate) fn begin(
    connection: &Connection,
    span: PayloadSpan,
    now_ms: i64,
) -> rusqlite::Result<ReplayId> {
    connection
        .prepare_cached("INSERT INTO replays (first_id, last_id, begun_ms) VALUES (?1, ?2, ?3)")?
        .execute(params![bytes(span.first), bytes(span.last), now_ms])?;
    Ok(ReplayId(connection.last_insert_rowid()))
}

/// Replays, the newest first.
pub(crate) fn list(connection: &Connection) -> rusqlite::Result<Vec<Replay>> {
    connection
        .prepare_cached(&format!("{SELECT} ORDER BY id DESC LIMIT ?1"))?
        .query_map([LISTED_MAX], replay)?
        .collect()
}

/// The oldest replay that is not finished.
pub(crate) fn next(connection: &Connection) -> rusqlite::Result<Option<Replay>> {
    connection
        .prepare_cached(&format!("{SELECT} WHERE ended_ms IS NULL ORDER BY id LIMIT 1"))?
        .query_row([], replay)
        .optional()
}

/// Records the progress of `replay`. Changes nothing if another caller moved it.
pub(crate) fn advance(
    connection: &Connection,
    replay: &Replay,
    after: Option<PayloadId>,
    done: Replayed,
    ended_ms: Option<i64>,
) -> rusqlite::Result<bool> {
    let changed = connection
        .prepare_cached(
            "UPDATE replays SET after_id = ?3, payloads = payloads + ?4, rewritten = rewritten + ?5, \
             restored = restored + ?6, accepted = accepted + ?7, skipped = skipped + ?8, ended_ms = ?9 \
             WHERE id = ?1 AND after_id IS ?2 AND ended_ms IS NULL",
        )?
        .execute(params![
            replay.id.0,
            replay.after.map(bytes),
            after.map(bytes),
            done.payloads,
            done.rewritten,
            done.restored,
            done.accepted,
            done.skipped,
            ended_ms,
        ])?;
    Ok(changed == 1)
}

fn replay(row: &Row<'_>) -> rusqlite::Result<Replay> {
    let after: Option<[u8; 16]> = row.get(3)?;
    Ok(Replay {
        id: ReplayId(row.get(0)?),
        span: PayloadSpan { first: payload_id(row, 1)?, last: payload_id(row, 2)? },
        after: after.map(|bytes| PayloadId(uuid::Uuid::from_bytes(bytes))),
        done: Replayed {
            payloads: row.get(4)?,
            rewritten: row.get(5)?,
            restored: row.get(6)?,
            accepted: row.get(7)?,
            skipped: row.get(8)?,
        },
        begun_ms: row.get(9)?,
        ended_ms: row.get(10)?,
    })
}

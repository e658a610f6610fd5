//! Dead letters: deliveries that were given up, retrying them, and discarding them.

use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};
use uuid::Uuid;

use super::queue;
use super::queue::Line;
use super::sinks;
use crate::store::sqlite::file::columns::row_id;
use crate::store::week::first_row_at;
use crate::store::{
    DeadLetter, DeadLetterQuery, DeliveryState, DeliveryTicket, DiscardAsk, RETRIED, RETRY_MAX,
    RetryAsk, RetryCount, RowId, SinkMove,
};

struct Letter {
    sink: i64,
    event: RowId,
    bytes: u64,
    steps: u32,
    reason: String,
}

/// The table of dead letters, or of those that were discarded.
const fn table(is_discarded: bool) -> &'static str {
    if is_discarded { "discarded_letters" } else { "dead_letters" }
}

/// Discards dead letters, or restores discarded ones.
pub(crate) fn discard(connection: &Connection, ask: &DiscardAsk) -> rusqlite::Result<RetryCount> {
    let (found, count) = selected(connection, table(ask.restore), &ask.letters)?;
    if !ask.letters.dry_run {
        for letter in &found {
            move_letter(connection, letter, ask)?;
        }
    }
    Ok(count)
}

/// Moves a letter from one table to the other.
fn move_letter(connection: &Connection, letter: &Letter, ask: &DiscardAsk) -> rusqlite::Result<()> {
    let (from, to) = (table(ask.restore), table(!ask.restore));
    connection
        .prepare_cached(&format!("DELETE FROM {from} WHERE sink = ?1 AND event_id = ?2"))?
        .execute(params![letter.sink, letter.event.0.as_bytes()])?;
    connection
        .prepare_cached(&format!(
            "INSERT INTO {to} (sink, event_id, reason, bytes, steps) VALUES (?1, ?2, ?3, ?4, ?5)"
        ))?
        .execute(params![
            letter.sink,
            letter.event.0.as_bytes(),
            letter.reason,
            letter.bytes,
            letter.steps.saturating_add(1)
        ])?;
    let (state, reason) = ask.step(&letter.reason);
    let line = Line {
        event: letter.event,
        sink: letter.sink,
        step: letter.steps,
        at_ms: ask.letters.now_ms,
        state,
        attempt: 0,
        due_ms: None,
        reason: Some(reason),
    };
    queue::log(connection, &line)?;
    sinks::count(connection, letter.sink, ask.moved())
}

/// A page of a sink's dead letters, in the order of their events.
pub(crate) fn page(
    connection: &Connection,
    query: &DeadLetterQuery,
) -> rusqlite::Result<Vec<DeadLetter>> {
    let Some(sink) = sinks::find(connection, &query.sink)? else { return Ok(Vec::new()) };
    let table = table(query.is_discarded);
    let reason = if query.reason.is_some() { "it.reason = ?2" } else { "?2 IS NULL" };
    connection
        .prepare_cached(&format!(
            "SELECT it.event_id, it.reason, log.at_ms, log.detail FROM {table} AS it \
             LEFT JOIN deliveries AS log ON log.event_id = it.event_id AND log.sink = it.sink \
             AND log.step = it.steps - 1 \
             WHERE it.sink = ?1 AND {reason} AND it.event_id > ?3 ORDER BY it.event_id LIMIT ?4"
        ))?
        .query_map(
            params![
                sink,
                query.reason,
                query.after.map(|id| id.0.into_bytes()).unwrap_or_default(),
                query.limit
            ],
            |row| {
                Ok(DeadLetter {
                    event: row_id(row, 0)?,
                    reason: row.get(1)?,
                    at_ms: row.get(2)?,
                    detail: row.get(3)?,
                })
            },
        )?
        .collect()
}

/// The letters in a table that match, at most [`RETRY_MAX`].
fn selected(
    connection: &Connection,
    table: &str,
    ask: &RetryAsk,
) -> rusqlite::Result<(Vec<Letter>, RetryCount)> {
    let mut found = Vec::new();
    for sink in sinks_of(connection, ask)? {
        find(connection, table, sink, ask, &mut found)?;
    }
    let is_more = found.len() > RETRY_MAX as usize;
    found.truncate(RETRY_MAX as usize);
    let count = found.len() as u64;
    Ok((found, RetryCount { count, is_more }))
}

/// Retries dead letters.
pub(crate) fn retry(connection: &Connection, ask: &RetryAsk) -> rusqlite::Result<RetryCount> {
    let (found, RetryCount { count, is_more }) = selected(connection, table(false), ask)?;
    if !ask.dry_run {
        for (index, letter) in (0..).zip(&found) {
            revive(connection, letter, ask.now_ms, ask.due_ms(index, count))?;
        }
    }
    Ok(RetryCount { count, is_more })
}

fn sinks_of(connection: &Connection, ask: &RetryAsk) -> rusqlite::Result<Vec<i64>> {
    match &ask.sink {
        Some(name) => Ok(sinks::find(connection, name)?.into_iter().collect()),
        None => connection
            .prepare_cached("SELECT id FROM sinks ORDER BY id")?
            .query_map([], |row| row.get(0))?
            .collect(),
    }
}

/// Finds dead letters along one index, one more than one call retries.
fn find(
    connection: &Connection,
    table: &str,
    sink: i64,
    ask: &RetryAsk,
    found: &mut Vec<Letter>,
) -> rusqlite::Result<()> {
    let mut sql = format!("SELECT event_id, bytes, steps, reason FROM {table} WHERE sink = ?");
    let mut values = vec![];
    let mut and = |condition: &str, value: Value| {
        sql.push_str(condition);
        values.push(value);
    };
    and("", Value::Integer(sink));
    if let Some(reason) = &ask.reason {
        and(" AND reason = ?", Value::Text(reason.clone()));
    }
    let blob = |id: Uuid| Value::Blob(id.as_bytes().to_vec());
    if let Some(event) = ask.event {
        and(" AND event_id = ?", blob(event.0));
    }
    if let Some(from_ms) = ask.from_ms {
        and(" AND event_id >= ?", blob(first_row_at(from_ms).0));
    }
    if let Some(to_ms) = ask.to_ms {
        and(" AND event_id < ?", blob(first_row_at(to_ms).0));
    }
    let room = i64::from(RETRY_MAX) + 1 - i64::try_from(found.len()).unwrap_or(i64::MAX);
    and(" ORDER BY event_id LIMIT ?", Value::Integer(room.max(0)));
    let mut statement = connection.prepare_cached(&sql)?;
    let letters = statement.query_map(params_from_iter(values), |row| {
        let event = row_id(row, 0)?;
        Ok(Letter { sink, event, bytes: row.get(1)?, steps: row.get(2)?, reason: row.get(3)? })
    })?;
    for letter in letters {
        found.push(letter?);
    }
    Ok(())
}

fn revive(
    connection: &Connection,
    letter: &Letter,
    now_ms: i64,
    due_ms: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM dead_letters WHERE sink = ?1 AND event_id = ?2")?
        .execute(params![letter.sink, letter.event.0.as_bytes()])?;
    let line = Line {
        event: letter.event,
        sink: letter.sink,
        step: letter.steps,
        at_ms: now_ms,
        state: DeliveryState::Queued,
        attempt: 0,
        due_ms: Some(due_ms),
        reason: Some(RETRIED),
    };
    queue::log(connection, &line)?;
    let steps = letter.steps.saturating_add(1);
    let ticket = DeliveryTicket::new(letter.event, now_ms, 0, steps, letter.bytes);
    queue::push(connection, letter.sink, &ticket, due_ms.max(1))?;
    sinks::count(connection, letter.sink, SinkMove { waiting: 1, dead: -1, ..SinkMove::default() })
}

/// Deletes dead letters of events before `from`, whose rows are gone, discarded or not: at most
/// `rows_max` of each sink. Those that were not discarded count as dropped from then on. Returns
/// how many were deleted.
pub(crate) fn prune(
    connection: &Connection,
    from: RowId,
    rows_max: u32,
) -> rusqlite::Result<usize> {
    let mut rows = 0;
    for sink in sinks_of(connection, &RetryAsk::default())? {
        // Discarded ones stay counted as such.
        rows += connection
            .prepare_cached(
                "DELETE FROM discarded_letters WHERE sink = ?1 AND event_id IN \
                 (SELECT event_id FROM discarded_letters WHERE sink = ?1 AND event_id < ?2 ORDER BY event_id LIMIT ?3)",
            )?
            .execute(params![sink, from.0.as_bytes(), rows_max])?;
        let gone = connection
            .prepare_cached(
                "DELETE FROM dead_letters WHERE sink = ?1 AND event_id IN \
                 (SELECT event_id FROM dead_letters WHERE sink = ?1 AND event_id < ?2 ORDER BY event_id LIMIT ?3)",
            )?
            .execute(params![sink, from.0.as_bytes(), rows_max])?;
        let count = i64::try_from(gone).unwrap_or(i64::MAX);
        if count > 0 {
            sinks::count(
                connection,
                sink,
                SinkMove { dead: -count, dropped: count, ..SinkMove::default() },
            )?;
        }
        rows += gone;
    }
    Ok(rows)
}

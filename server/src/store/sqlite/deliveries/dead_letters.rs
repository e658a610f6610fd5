//! Dead letters: deliveries that were given up, and retrying them.

use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};
use uuid::Uuid;

use super::queue;
use super::queue::Line;
use super::sinks::{self, Moved};
use crate::store::sqlite::file::columns::row_id;
use crate::store::week::first_row_at;
use crate::store::{
    DeliveryState, DeliveryTicket, RETRIED, RETRY_MAX, RetryAsk, RetryCount, RowId,
};

struct DeadLetter {
    sink: i64,
    event: RowId,
    bytes: u64,
    steps: u32,
}

/// Retries dead letters.
pub(crate) fn retry(connection: &Connection, ask: &RetryAsk) -> rusqlite::Result<RetryCount> {
    let mut found = Vec::new();
    for sink in sinks_of(connection, ask)? {
        find(connection, sink, ask, &mut found)?;
    }
    let is_more = found.len() > RETRY_MAX as usize;
    found.truncate(RETRY_MAX as usize);
    let count = found.len() as u64;
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
    sink: i64,
    ask: &RetryAsk,
    found: &mut Vec<DeadLetter>,
) -> rusqlite::Result<()> {
    let (mut sql, mut values) =
        ("SELECT event_id, bytes, steps FROM dead_letters WHERE sink = ?".to_owned(), vec![]);
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
        Ok(DeadLetter { sink, event: row_id(row, 0)?, bytes: row.get(1)?, steps: row.get(2)? })
    })?;
    for letter in letters {
        found.push(letter?);
    }
    Ok(())
}

fn revive(
    connection: &Connection,
    letter: &DeadLetter,
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
    sinks::count(connection, letter.sink, Moved { waiting: 1, dead: -1, ..Moved::default() })
}

/// Deletes dead letters of events before `from`, whose rows are gone: at most `rows_max` of each
/// sink. They count as dropped from then on. Returns how many were deleted.
pub(crate) fn prune(
    connection: &Connection,
    from: RowId,
    rows_max: u32,
) -> rusqlite::Result<usize> {
    let mut rows = 0;
    for sink in sinks_of(connection, &RetryAsk::default())? {
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
                Moved { dead: -count, dropped: count, ..Moved::default() },
            )?;
        }
        rows += gone;
    }
    Ok(rows)
}

//! Sinks as they are listed.

use rusqlite::{Connection, OptionalExtension, Row};

use crate::store::{FAILING_MAX, SinkRow};

/// Every sink, by name.
pub(crate) fn all(connection: &Connection) -> rusqlite::Result<Vec<SinkRow>> {
    let mut sinks: Vec<(i64, SinkRow)> = connection
        .prepare_cached(
            "SELECT id, name, kind, is_configured, paused_ms, stopped, rests_until_ms, rests_why, waiting, sent, dead, \
             dropped, discarded FROM sinks ORDER BY name",
        )?
        .query_map([], |row| Ok((row.get(0)?, sink_row(row)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (id, sink) in &mut sinks {
        (sink.oldest_ms, sink.failing) = age(connection, *id)?;
    }
    Ok(sinks.into_iter().map(|(_, sink)| sink).collect())
}

fn sink_row(row: &Row<'_>) -> rusqlite::Result<SinkRow> {
    let until_ms: Option<i64> = row.get(6)?;
    Ok(SinkRow {
        name: row.get(1)?,
        kind: row.get(2)?,
        is_configured: row.get(3)?,
        paused_ms: row.get(4)?,
        stopped: row.get(5)?,
        rests: until_ms.zip(row.get(7)?),
        waiting: row.get(8)?,
        oldest_ms: None,
        failing: 0,
        sent: row.get(9)?,
        dead: row.get(10)?,
        dropped: row.get(11)?,
        discarded: row.get(12)?,
    })
}

/// When the oldest delivery of a sink was queued, and how many have failed, of up to
/// [`FAILING_MAX`] retries.
fn age(connection: &Connection, sink: i64) -> rusqlite::Result<(Option<i64>, u64)> {
    let fresh_ms: Option<i64> = connection
        .prepare_cached(
            "SELECT queued_ms FROM delivery_queue WHERE sink = ?1 AND due_ms = 0 ORDER BY event_id LIMIT 1",
        )?
        .query_row([sink], |row| row.get(0))
        .optional()?;
    // Step 0 is how a delivery began, step 1 its first failure.
    let (tried_ms, failing): (Option<i64>, u64) = connection
        .prepare_cached(
            "SELECT min(queued_ms), count(*) FILTER (WHERE steps > 1) FROM (SELECT queued_ms, steps \
             FROM delivery_queue WHERE sink = ?1 AND due_ms > 0 ORDER BY due_ms, event_id LIMIT ?2)",
        )?
        .query_row([sink, i64::from(FAILING_MAX)], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(([fresh_ms, tried_ms].into_iter().flatten().min(), failing))
}

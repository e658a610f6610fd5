//! Sinks: their state and their counts.

use rusqlite::{Connection, OptionalExtension, params};

use crate::store::{Route, SinkCondition, SinkMove};

/// Records which sinks there are. Returns the number of each.
pub(crate) fn set(connection: &Connection, routes: &[Route]) -> rusqlite::Result<Vec<i64>> {
    connection.execute(
        "UPDATE delivery_queue SET first_failed_ms = NULL WHERE due_ms > 0 AND first_failed_ms IS NOT NULL \
         AND sink IN (SELECT id FROM sinks WHERE stopped IS NOT NULL)",
        [],
    )?;
    connection.execute(
        "UPDATE sinks SET is_configured = 0, stopped = NULL, rests_until_ms = NULL, rests_why = NULL",
        [],
    )?;
    routes
        .iter()
        .map(|route| {
            connection
                .prepare_cached(
                    "INSERT INTO sinks (name, kind, is_configured) VALUES (?1, ?2, 1) \
                     ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, is_configured = 1 RETURNING id",
                )?
                .query_row(params![route.sink, route.kind], |row| row.get(0))
        })
        .collect()
}

/// The number of the sink with this name.
pub(crate) fn find(connection: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT id FROM sinks WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()
}

/// The number of the sink with this name, if it is neither paused nor stopped.
pub(crate) fn running(connection: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(
            "SELECT id FROM sinks WHERE name = ?1 AND paused_ms IS NULL AND stopped IS NULL",
        )?
        .query_row([name], |row| row.get(0))
        .optional()
}

/// Adds to the counts of a sink.
pub(crate) fn count(connection: &Connection, sink: i64, moved: SinkMove) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE sinks SET waiting = waiting + ?2, sent = sent + ?3, dead = dead + ?4, \
             dropped = dropped + ?5, discarded = discarded + ?6 WHERE id = ?1",
        )?
        .execute(params![
            sink,
            moved.waiting,
            moved.sent,
            moved.dead,
            moved.dropped,
            moved.discarded
        ])?;
    Ok(())
}

/// Records the sink's condition.
pub(crate) fn set_condition(
    connection: &Connection,
    sink: i64,
    condition: &SinkCondition,
) -> rusqlite::Result<()> {
    let (stopped, rests_until_ms, rests_why) = match condition {
        SinkCondition::Up => (None, None, None),
        SinkCondition::Resting(until_ms, reason) => {
            (None, Some(*until_ms), Some(reason.to_string()))
        }
        SinkCondition::Stopped(reason) => (Some(reason.to_string()), None, None),
    };
    connection
        .prepare_cached(
            "UPDATE sinks SET stopped = ?2, rests_until_ms = ?3, rests_why = ?4 WHERE id = ?1",
        )?
        .execute(params![sink, stopped, rests_until_ms, rests_why])?;
    Ok(())
}

/// Pauses a sink, or resumes it. Returns whether it exists.
pub(crate) fn pause(
    connection: &Connection,
    name: &str,
    paused_ms: Option<i64>,
) -> rusqlite::Result<bool> {
    let changed = connection
        .prepare_cached(
            "UPDATE sinks SET paused_ms = CASE WHEN ?2 IS NULL THEN NULL ELSE coalesce(paused_ms, ?2) END, \
             stopped = CASE WHEN ?2 IS NULL THEN NULL ELSE stopped END WHERE name = ?1",
        )?
        .execute(params![name, paused_ms])?;
    if changed == 1 && paused_ms.is_none() {
        // Time that the sink was paused or stopped is not time in which a delivery failed.
        connection
            .prepare_cached(
                "UPDATE delivery_queue SET first_failed_ms = NULL WHERE due_ms > 0 AND \
                 first_failed_ms IS NOT NULL AND sink = (SELECT id FROM sinks WHERE name = ?1)",
            )?
            .execute([name])?;
    }
    Ok(changed == 1)
}

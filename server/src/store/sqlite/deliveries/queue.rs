//! The queue of deliveries, and the log of each: `delivery_queue` and `deliveries`.

use rusqlite::{CachedStatement, Connection, Row, params};

use super::sinks;
use crate::store::Lease;
use crate::store::sqlite::apply::profiles;
use crate::store::sqlite::file::columns::row_id;
use crate::store::sqlite::read::events;
use crate::store::sqlite::weeks::readers::Reading;
use crate::store::{
    DeliveryAsk, DeliveryFailures, DeliveryState, DeliveryStep, DeliveryTicket, LOG_STEPS_MAX,
    LeasedDelivery, Reason, RowId, STEPS_MAX, SettledDelivery, Settlement, SinkMove, Week,
};

/// One line of the log.
pub(crate) struct Line<'a> {
    pub(crate) event: RowId,
    pub(crate) sink: i64,
    pub(crate) step: u32,
    pub(crate) at_ms: i64,
    pub(crate) state: DeliveryState,
    pub(crate) attempt: u32,
    pub(crate) due_ms: Option<i64>,
    pub(crate) reason: Option<(&'a str, &'a str)>,
}

/// Writes a line as this step. Returns whether that changed anything.
fn write(mut statement: CachedStatement<'_>, line: &Line<'_>, step: u32) -> rusqlite::Result<bool> {
    let changed = statement.execute(params![
        line.event.0.as_bytes(),
        line.sink,
        step,
        line.at_ms,
        line.state.name(),
        line.attempt,
        line.due_ms,
        line.reason.map(|(code, _)| code),
        line.reason.map(|(_, detail)| detail),
    ])?;
    Ok(changed == 1)
}

/// Appends to the log, unless that step of that delivery is there already. Returns whether it was
/// appended.
pub(crate) fn log(connection: &Connection, line: &Line<'_>) -> rusqlite::Result<bool> {
    let statement = connection
        .prepare_cached(
            "INSERT INTO deliveries (event_id, sink, step, at_ms, state, attempt, due_ms, reason, detail) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING",
        )?;
    write(statement, line, line.step)
}

/// Writes a failed attempt over the step before it, if that is a failed attempt, too. Returns
/// whether it was.
fn log_over(connection: &Connection, line: &Line<'_>) -> rusqlite::Result<bool> {
    let statement = connection.prepare_cached(
        "UPDATE deliveries SET at_ms = ?4, attempt = ?6, due_ms = ?7, reason = ?8, detail = ?9 \
             WHERE event_id = ?1 AND sink = ?2 AND step = ?3 AND state = ?5",
    )?;
    write(statement, line, line.step.saturating_sub(1))
}

/// Queues a delivery that is due at `due_ms`.
pub(crate) fn push(
    connection: &Connection,
    sink: i64,
    ticket: &DeliveryTicket,
    due_ms: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO delivery_queue (sink, due_ms, event_id, bytes, queued_ms, steps, attempts, \
             first_failed_ms, alone_failed_ms, own_failures) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            sink,
            due_ms,
            ticket.event.0.as_bytes(),
            ticket.bytes,
            ticket.queued_ms,
            ticket.steps,
            ticket.attempts,
            ticket.failures.first_ms,
            ticket.failures.alone_ms,
            ticket.failures.own,
        ])?;
    Ok(())
}

/// A row that was leased.
pub(crate) struct LeasedRow {
    due_ms: i64,
    ticket: DeliveryTicket,
}

/// Leases what is due.
pub(crate) fn lease(
    connection: &Connection,
    ask: &DeliveryAsk,
) -> rusqlite::Result<Vec<LeasedRow>> {
    let Some(sink) = sinks::running(connection, &ask.sink)? else { return Ok(Vec::new()) };
    let retries = due(connection, Due::Again, sink, ask.now_ms, ask.events_max as usize)?;
    let fresh = due(connection, Due::Fresh, sink, ask.now_ms, ask.fresh_max(retries.len()))?;
    let isolated = due(connection, Due::Isolated, sink, ask.now_ms, 1)?.pop();
    let taken = ask.choose(retries, fresh, isolated, |row| row.ticket.bytes);
    let lease = ask.lease();
    for row in &taken {
        let moved = connection
            .prepare_cached(
                "UPDATE delivery_queue SET due_ms = ?4, lease_token = ?5, attempts = attempts + 1 \
                 WHERE sink = ?1 AND due_ms = ?2 AND event_id = ?3",
            )?
            .execute(params![
                sink,
                row.due_ms,
                row.ticket.event.0.as_bytes(),
                lease.until_ms,
                token(lease)
            ])?;
        debug_assert_eq!(moved, 1);
    }
    Ok(taken)
}

fn token(lease: Lease) -> [u8; 16] {
    lease.token.0.to_be_bytes()
}

/// A list of what is due.
#[derive(Clone, Copy)]
enum Due {
    /// Never tried.
    Fresh,
    /// Failed before.
    Again,
    /// Fails by itself.
    Isolated,
}

impl Due {
    const fn condition(self) -> &'static str {
        match self {
            Self::Fresh => "due_ms = 0 AND ?2 IS NOT NULL",
            Self::Again => "due_ms BETWEEN 1 AND ?2 AND own_failures = 0",
            Self::Isolated => "due_ms BETWEEN 1 AND ?2 AND own_failures > 0",
        }
    }
}

fn due(
    connection: &Connection,
    list: Due,
    sink: i64,
    now_ms: i64,
    limit: usize,
) -> rusqlite::Result<Vec<LeasedRow>> {
    let condition = list.condition();
    connection
        .prepare_cached(&format!(
            "SELECT due_ms, event_id, bytes, queued_ms, steps, attempts, first_failed_ms, alone_failed_ms, \
             own_failures FROM delivery_queue WHERE sink = ?1 AND {condition} ORDER BY due_ms, event_id LIMIT ?3"
        ))?
        .query_map(params![sink, now_ms, limit], |row| {
            let failures = DeliveryFailures {
                first_ms: row.get(6)?,
                alone_ms: row.get(7)?,
                own: row.get(8)?,
            };
            let ticket = DeliveryTicket {
                event: row_id(row, 1)?,
                bytes: row.get(2)?,
                queued_ms: row.get(3)?,
                steps: row.get(4)?,
                attempts: row.get::<_, u32>(5)?.saturating_add(1),
                failures,
                shard: 0,
            };
            Ok(LeasedRow { due_ms: row.get(0)?, ticket })
        })?
        .collect()
}

/// Reads the events of what was leased, from their weeks' files.
pub(crate) fn read(
    reading: &Reading<'_>,
    taken: &[LeasedRow],
) -> rusqlite::Result<Vec<LeasedDelivery>> {
    let week = |taken: &LeasedRow| Week::of_row(taken.ticket.event);
    let mut leased = Vec::with_capacity(taken.len());
    for run in taken.chunk_by(|a, b| week(a) == week(b)) {
        let rows = reading.week(week(&run[0]), |events| {
            run.iter()
                .map(|taken| events::by_id(events, taken.ticket.event))
                .collect::<rusqlite::Result<Vec<_>>>()
        })?;
        // Without the file, retention has removed the events of that week.
        let mut rows = rows.unwrap_or_else(|| vec![None; run.len()]);
        for row in rows.iter_mut().flatten() {
            row.outdated_traits = profiles::outdated(reading, row)?;
        }
        leased.extend(
            run.iter().zip(rows).map(|(taken, row)| LeasedDelivery { ticket: taken.ticket, row }),
        );
    }
    Ok(leased)
}

/// Settles leased deliveries. Returns false if the lease does not hold all of them; the caller must
/// then roll back.
pub(crate) fn settle(connection: &Connection, settlement: &Settlement) -> rusqlite::Result<bool> {
    let Some(sink) = sinks::find(connection, &settlement.sink)? else { return Ok(false) };
    let mut moved = SinkMove::default();
    for settled in &settlement.deliveries {
        let held = connection
            .prepare_cached(
                "DELETE FROM delivery_queue \
                 WHERE sink = ?1 AND due_ms = ?2 AND event_id = ?3 AND lease_token = ?4",
            )?
            .execute(params![
                sink,
                settlement.lease.until_ms,
                settled.ticket.event.0.as_bytes(),
                token(settlement.lease)
            ])?;
        if held != 1 {
            return Ok(false);
        }
        settle_one(connection, sink, settled, settlement.now_ms, &mut moved)?;
    }
    sinks::count(connection, sink, moved)?;
    if let Some(condition) = &settlement.condition {
        sinks::set_condition(connection, sink, condition)?;
    }
    Ok(true)
}

fn settle_one(
    connection: &Connection,
    sink: i64,
    settled: &SettledDelivery,
    now_ms: i64,
    moved: &mut SinkMove,
) -> rusqlite::Result<()> {
    let SettledDelivery { ticket, ending } = settled;
    let (state, due_ms, reason) = (ending.state(), ending.due_ms(), ending.reason());
    *moved += SinkMove::of(ending);
    let line = Line {
        event: ticket.event,
        sink,
        step: ticket.steps,
        at_ms: now_ms,
        state,
        attempt: ticket.attempts,
        due_ms,
        reason: reason.map(|reason| (reason.code, &*reason.detail)),
    };
    let is_over = state == DeliveryState::Retry
        && ticket.steps >= LOG_STEPS_MAX
        && log_over(connection, &line)?;
    if !is_over {
        let logged = log(connection, &line)?;
        debug_assert!(logged, "a step is logged once");
    }
    let steps = ticket.steps.saturating_add(u32::from(!is_over));
    let next = DeliveryTicket { steps, ..*ticket };
    match (state, due_ms, reason) {
        (DeliveryState::Retry, Some(due_ms), _) => push(connection, sink, &next, due_ms)?,
        (DeliveryState::Dead, _, Some(reason)) => bury(connection, sink, &next, reason)?,
        _ => {}
    }
    Ok(())
}

fn bury(
    connection: &Connection,
    sink: i64,
    ticket: &DeliveryTicket,
    reason: &Reason,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO dead_letters (sink, event_id, reason, bytes, steps) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            sink,
            ticket.event.0.as_bytes(),
            reason.code,
            ticket.bytes,
            ticket.steps
        ])?;
    Ok(())
}

/// Releases every lease. For a start, when no earlier process can hold one.
pub(crate) fn release_all(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute(
        "UPDATE delivery_queue SET due_ms = 1, lease_token = NULL \
         WHERE sink IN (SELECT id FROM sinks) AND due_ms > 0 AND lease_token IS NOT NULL",
        [],
    )?;
    Ok(())
}

/// Deletes the log of deliveries of events before `from`, at most `rows_max` steps. A delivery that
/// is still queued is dropped when it is leased. Returns how many rows were deleted.
pub(crate) fn prune(
    connection: &Connection,
    from: RowId,
    rows_max: u32,
) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM deliveries WHERE (event_id, sink, step) IN \
             (SELECT event_id, sink, step FROM deliveries WHERE event_id < ?1 \
              ORDER BY event_id, sink, step LIMIT ?2)",
        )?
        .execute(params![from.0.as_bytes(), rows_max])
}

/// Every step of every delivery of an event.
pub(crate) fn steps(connection: &Connection, event: RowId) -> rusqlite::Result<Vec<DeliveryStep>> {
    connection
        .prepare_cached(
            "SELECT sinks.name, at_ms, state, attempt, due_ms, reason, detail FROM deliveries \
             JOIN sinks ON sinks.id = deliveries.sink WHERE event_id = ?1 ORDER BY sink, step LIMIT ?2",
        )?
        .query_map(params![event.0.as_bytes(), STEPS_MAX], step)?
        .collect()
}

fn step(row: &Row<'_>) -> rusqlite::Result<DeliveryStep> {
    let state: String = row.get(2)?;
    Ok(DeliveryStep {
        sink: row.get(0)?,
        at_ms: row.get(1)?,
        state: DeliveryState::from_name(&state)
            .ok_or_else(|| crate::store::sqlite::file::columns::column_error(2, "state"))?,
        attempt: row.get(3)?,
        due_ms: row.get(4)?,
        reason: row.get(5)?,
        detail: row.get(6)?,
    })
}

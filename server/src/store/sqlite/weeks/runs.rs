//! The table `runs` of a file of events.

use std::ops::ControlFlow;

use lamplight_wire::Producer;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::store::run::{Run, Runs};
use crate::store::sqlite::file::columns::{producer_bytes, row_id};
use crate::store::{EventIdentity, RowId};

/// The last run that begins with a number or before it.
pub(crate) const UP_TO: &str = "SELECT first, last, first_id FROM runs WHERE producer = ?1 AND scope = ?2 AND first <= ?3 ORDER BY first DESC LIMIT 1";
/// The runs of a producer in a scope that begin before a number, the last first.
pub(crate) const BEFORE: &str = "SELECT first, last, first_id FROM runs WHERE producer = ?1 AND scope = ?2 AND first < ?3 ORDER BY first DESC";
/// The runs that begin in a span of rows.
pub(crate) const IN_SPAN: &str = "SELECT runs.first, runs.last, runs.first_id, runs.producer, runs.scope FROM events CROSS JOIN runs \
     ON runs.producer = events.producer AND runs.scope IN (events.source, '') AND runs.first = events.seq AND runs.first_id = events.id \
     WHERE events.id BETWEEN ?1 AND ?2";
/// Deletes a run unless one of its rows is there.
pub(crate) const DELETE: &str = "DELETE FROM runs WHERE producer = ?1 AND scope = ?2 AND first = ?3 \
     AND NOT EXISTS (SELECT 1 FROM events WHERE id BETWEEN ?4 AND ?5)";

fn read(producer: Producer, row: &Row<'_>) -> rusqlite::Result<Run> {
    Ok(Run { producer, first: row.get(0)?, last: row.get(1)?, first_id: row_id(row, 2)? })
}

/// Writes runs. Fails if a number is in another run already, which the schema forbids.
pub(crate) fn save(connection: &Connection, runs: Runs<'_>) -> rusqlite::Result<()> {
    if runs.0.is_empty() {
        return Ok(());
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO runs (producer, scope, first, last, first_id) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for (run, scope) in runs.0 {
        let (producer, first_id) = (producer_bytes(run.producer), run.first_id.0.as_bytes());
        insert.execute(params![producer, scope, run.first, run.last, first_id])?;
    }
    Ok(())
}

/// The row that holds a number, according to the runs of a scope.
pub(crate) fn find(
    connection: &Connection,
    producer: Producer,
    scope: &str,
    seq: u64,
) -> rusqlite::Result<Option<RowId>> {
    let run = connection
        .prepare_cached(UP_TO)?
        .query_row(params![producer_bytes(producer), scope, seq], |row| read(producer, row))
        .optional()?;
    Ok(run.filter(|run| seq <= run.last).map(|run| run.row(seq)))
}

/// Whether a run says that the row `id` holds the event with this identity. A run of a row that was
/// deleted by hand still says so.
pub(crate) fn has(
    connection: &Connection,
    identity: &EventIdentity,
    scope: &str,
    id: RowId,
) -> rusqlite::Result<bool> {
    let EventIdentity::Numbered(producer, seq) = *identity else { return Ok(false) };
    Ok(find(connection, producer, scope, seq)? == Some(id))
}

/// Passes the runs of a producer in a scope to `take`, last first, until it breaks: all of them, or
/// only the numbers before one.
pub(crate) fn walk(
    connection: &Connection,
    producer: Producer,
    scope: &str,
    before: Option<u64>,
    mut take: impl FnMut(Run) -> rusqlite::Result<ControlFlow<()>>,
) -> rusqlite::Result<()> {
    let end = before.and_then(|seq| i64::try_from(seq).ok()).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(BEFORE)?;
    let mut rows = statement.query(params![producer_bytes(producer), scope, end])?;
    while let Some(row) = rows.next()? {
        let mut run = read(producer, row)?;
        run.last = run.last.min(before.map_or(u64::MAX, |seq| seq.saturating_sub(1)));
        if take(run)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// Deletes the rows in spans of ids, with their runs. Returns how many rows there were.
///
/// A run is deleted with its last row. A run may be older than some of its rows, if those were
/// restored.
pub(crate) fn delete_rows(
    connection: &Connection,
    spans: &[(RowId, RowId)],
) -> rusqlite::Result<usize> {
    let (mut runs, mut deleted) = (Vec::new(), 0);
    for (first, last) in spans {
        let span = params![first.0.as_bytes(), last.0.as_bytes()];
        let mut begun = connection.prepare_cached(IN_SPAN)?;
        for run in begun.query_map(span, |row| {
            let run = read(crate::store::sqlite::file::columns::producer(row, 3)?, row)?;
            Ok((run, row.get::<_, String>(4)?))
        })? {
            runs.push(run?);
        }
    }
    for (first, last) in spans {
        deleted += connection
            .prepare_cached("DELETE FROM events WHERE id BETWEEN ?1 AND ?2")?
            .execute(params![first.0.as_bytes(), last.0.as_bytes()])?;
    }
    for (run, scope) in runs {
        let (first, last) = run.span();
        connection.prepare_cached(DELETE)?.execute(params![
            producer_bytes(run.producer),
            scope,
            run.first,
            first.0.as_bytes(),
            last.0.as_bytes()
        ])?;
    }
    Ok(deleted)
}

//! Runs: which rows hold the sequence numbers of a producer. The table `runs` of a file of events.
//!
//! A run is a sequence of consecutive numbers in consecutive rows of one payload, which is how a
//! page sends them. So a payload costs one entry in a table whose keys are random, not one for each
//! event.

use std::ops::ControlFlow;

use lamplight_wire::Producer;
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

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

/// Consecutive numbers in rows with consecutive ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    producer: Producer,
    /// The first number.
    pub(crate) first: u64,
    /// The last number, at least the first.
    last: u64,
    /// The row of the first number.
    pub(crate) first_id: RowId,
}

impl Run {
    fn read(producer: Producer, row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { producer, first: row.get(0)?, last: row.get(1)?, first_id: row_id(row, 2)? })
    }

    /// The row that a number of it is in.
    fn row(&self, seq: u64) -> RowId {
        let offset = u128::from(seq.saturating_sub(self.first));
        RowId(Uuid::from_u128(self.first_id.0.as_u128().saturating_add(offset)))
    }

    /// The rows of its first and its last number.
    pub(crate) fn span(&self) -> (RowId, RowId) {
        (self.first_id, self.row(self.last))
    }

    /// The part of the run that comes before a number and row in a list, the last first. `None` if
    /// nothing is left.
    pub(crate) fn before(mut self, place: Option<(u64, RowId)>) -> Option<Self> {
        if let Some((seq, id)) = place
            && self.last == seq
            && self.row(seq) >= id
        {
            self.last = seq.checked_sub(1)?;
        }
        (self.first <= self.last).then_some(self)
    }

    /// Extends the run by a number, if the number and its row are the next.
    fn takes(&mut self, producer: Producer, seq: u64, id: RowId) -> bool {
        let is_next = producer == self.producer
            && seq.checked_sub(1) == Some(self.last)
            && id == self.row(seq);
        if is_next {
            self.last = seq;
        }
        is_next
    }
}

/// The runs of the rows that one transaction writes, each with its scope.
#[derive(Debug, Default)]
pub(crate) struct Runs<'a>(Vec<(Run, &'a str)>);

impl<'a> Runs<'a> {
    /// Adds the row `id` of an event with this identity, whose number counts in `scope`. The rows
    /// of a payload must come in order.
    pub(crate) fn add(&mut self, identity: &EventIdentity, scope: &'a str, id: RowId) {
        let EventIdentity::Numbered(producer, seq) = *identity else { return };
        let is_next = self
            .0
            .last_mut()
            .is_some_and(|(run, last)| *last == scope && run.takes(producer, seq, id));
        if !is_next {
            self.0.push((Run { producer, first: seq, last: seq, first_id: id }, scope));
        }
    }

    /// Writes the runs. Fails if a number is in another run already, which the schema forbids.
    pub(crate) fn save(self, connection: &Connection) -> rusqlite::Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut insert = connection.prepare_cached(
            "INSERT INTO runs (producer, scope, first, last, first_id) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        for (run, scope) in self.0 {
            let (producer, first_id) = (producer_bytes(run.producer), run.first_id.0.as_bytes());
            insert.execute(params![producer, scope, run.first, run.last, first_id])?;
        }
        Ok(())
    }
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
        .query_row(params![producer_bytes(producer), scope, seq], |row| Run::read(producer, row))
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
        let mut run = Run::read(producer, row)?;
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
            let run = Run::read(crate::store::sqlite::file::columns::producer(row, 3)?, row)?;
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

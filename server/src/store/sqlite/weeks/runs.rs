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
pub(crate) const UP_TO: &str = "SELECT first, last, first_id FROM runs WHERE producer = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1";
/// The runs of a producer that begin before a number, the last first.
pub(crate) const BEFORE: &str =
    "SELECT first, last, first_id FROM runs WHERE producer = ?1 AND first < ?2 ORDER BY first DESC";
/// The runs that begin in a span of rows.
pub(crate) const IN_SPAN: &str = "SELECT runs.first, runs.last, runs.first_id, runs.producer FROM events CROSS JOIN runs \
     ON runs.producer = events.producer AND runs.first = events.seq AND runs.first_id = events.id \
     WHERE events.id BETWEEN ?1 AND ?2";
/// Deletes a run unless one of its rows is there.
pub(crate) const DELETE: &str = "DELETE FROM runs WHERE producer = ?1 AND first = ?2 \
     AND NOT EXISTS (SELECT 1 FROM events WHERE id BETWEEN ?3 AND ?4)";

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

/// The runs of the rows that one transaction writes.
#[derive(Debug, Default)]
pub(crate) struct Runs(Vec<Run>);

impl Runs {
    /// Adds the row `id` of an event with this identity. The rows of a payload must come in order.
    pub(crate) fn add(&mut self, identity: &EventIdentity, id: RowId) {
        let EventIdentity::Numbered(producer, seq) = *identity else { return };
        if !self.0.last_mut().is_some_and(|run| run.takes(producer, seq, id)) {
            self.0.push(Run { producer, first: seq, last: seq, first_id: id });
        }
    }

    /// Writes the runs. Fails if a number is in another run already, which the schema forbids.
    pub(crate) fn save(self, connection: &Connection) -> rusqlite::Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut insert = connection.prepare_cached(
            "INSERT INTO runs (producer, first, last, first_id) VALUES (?1, ?2, ?3, ?4)",
        )?;
        for run in self.0 {
            let (producer, first_id) = (producer_bytes(run.producer), run.first_id.0.as_bytes());
            insert.execute(params![producer, run.first, run.last, first_id])?;
        }
        Ok(())
    }
}

/// The row that holds a number, according to the runs.
pub(crate) fn find(
    connection: &Connection,
    producer: Producer,
    seq: u64,
) -> rusqlite::Result<Option<RowId>> {
    let run = connection
        .prepare_cached(UP_TO)?
        .query_row(params![producer_bytes(producer), seq], |row| Run::read(producer, row))
        .optional()?;
    Ok(run.filter(|run| seq <= run.last).map(|run| run.row(seq)))
}

/// Whether a run says that the row `id` holds the event with this identity. A run of a row that was
/// deleted by hand still says so.
pub(crate) fn has(
    connection: &Connection,
    identity: &EventIdentity,
    id: RowId,
) -> rusqlite::Result<bool> {
    let EventIdentity::Numbered(producer, seq) = *identity else { return Ok(false) };
    Ok(find(connection, producer, seq)? == Some(id))
}

/// Passes the runs of a producer to `take`, last first, until it breaks: all of them, or only the
/// numbers before one.
pub(crate) fn walk(
    connection: &Connection,
    producer: Producer,
    before: Option<u64>,
    mut take: impl FnMut(Run) -> rusqlite::Result<ControlFlow<()>>,
) -> rusqlite::Result<()> {
    let end = before.and_then(|seq| i64::try_from(seq).ok()).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(BEFORE)?;
    let mut rows = statement.query(params![producer_bytes(producer), end])?;
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
            Run::read(crate::store::sqlite::file::columns::producer(row, 3)?, row)
        })? {
            runs.push(run?);
        }
    }
    for (first, last) in spans {
        deleted += connection
            .prepare_cached("DELETE FROM events WHERE id BETWEEN ?1 AND ?2")?
            .execute(params![first.0.as_bytes(), last.0.as_bytes()])?;
    }
    for run in runs {
        let (first, last) = run.span();
        connection.prepare_cached(DELETE)?.execute(params![
            producer_bytes(run.producer),
            run.first,
            first.0.as_bytes(),
            last.0.as_bytes()
        ])?;
    }
    Ok(deleted)
}

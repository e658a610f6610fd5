//! The table `weeks` of store.db: which files of events there are, and how much of each counts.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};

use crate::store::Week;

fn week(number: u32) -> Week {
    Week::from_number(number)
}

/// The files that may hold rows that do not count, each with the number of the last batch that
/// counts.
pub(crate) fn open(store: &Connection) -> rusqlite::Result<Vec<(Week, i64)>> {
    store
        .prepare_cached("SELECT week, batch FROM weeks WHERE state = 'open' ORDER BY week")?
        .query_map([], |row| Ok((week(row.get(0)?), row.get(1)?)))?
        .collect()
}

/// What is known about a file before it is opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begun {
    /// The number of the last batch that counts.
    pub(crate) counted: i64,
    /// Whether the events of this week were removed. A file that is still there must not be used.
    pub(crate) was_removed: bool,
}

/// Records that rows of the week may be written from the next transaction on, to a file with the
/// first `schema` migrations.
pub(crate) fn begin(store: &Connection, week: Week, schema: i64) -> rusqlite::Result<Begun> {
    let removed_ms: Option<i64> = store
        .prepare_cached("SELECT removed_ms FROM weeks WHERE week = ?1")?
        .query_row([week.number()], |row| row.get(0))
        .optional()?
        .flatten();
    let counted = store
        .prepare_cached(
            "INSERT INTO weeks (week, state, batch, events, schema) VALUES (?1, 'open', 0, 0, ?2) \
             ON CONFLICT (week) DO UPDATE SET state = 'open', removed_ms = NULL, schema = ?2 RETURNING batch",
        )?
        .query_row(params![week.number(), schema], |row| row.get(0))?;
    Ok(Begun { counted, was_removed: removed_ms.is_some() })
}

/// The weeks whose files have fewer migrations than `schema`, and how many events are in each.
pub(crate) fn behind(store: &Connection, schema: i64) -> rusqlite::Result<Vec<(Week, u64)>> {
    store
        .prepare_cached(
            "SELECT week, events FROM weeks WHERE schema < ?1 AND state <> 'removed' ORDER BY week",
        )?
        .query_map([schema], |row| Ok((week(row.get(0)?), row.get(1)?)))?
        .collect()
}

/// Records that the file of `week` has `schema` migrations.
pub(crate) fn caught_up(store: &Connection, week: Week, schema: i64) -> rusqlite::Result<()> {
    store
        .prepare_cached("UPDATE weeks SET schema = ?2 WHERE week = ?1")?
        .execute(params![week.number(), schema])?;
    Ok(())
}

/// Records that the week's events are removed.
pub(crate) fn remove(store: &Connection, week: Week, now_ms: i64) -> rusqlite::Result<()> {
    store
        .prepare_cached(
            "UPDATE weeks SET state = 'removed', removed_ms = ?2, removed_events = removed_events + events, events = 0 \
             WHERE week = ?1 AND state <> 'removed'",
        )?
        .execute(params![week.number(), now_ms])?;
    Ok(())
}

/// Whether the week's events were removed. A file of it is a leftover of a crash.
pub(crate) fn is_removed(store: &Connection, week: Week) -> rusqlite::Result<bool> {
    store
        .prepare_cached("SELECT 1 FROM weeks WHERE week = ?1 AND state = 'removed'")?
        .exists([week.number()])
}

/// The weeks whose events were removed, and whose files may still exist.
pub(crate) fn removed(store: &Connection) -> rusqlite::Result<Vec<Week>> {
    store
        .prepare_cached("SELECT week FROM weeks WHERE state = 'removed' ORDER BY week")?
        .query_map([], |row| Ok(week(row.get(0)?)))?
        .collect()
}

/// How many events were removed with their weeks.
pub(crate) fn removed_events(store: &Connection) -> rusqlite::Result<u64> {
    store
        .prepare_cached("SELECT coalesce(sum(removed_events), 0) FROM weeks")?
        .query_row([], |row| row.get(0))
}

/// Records that everything in the file counts.
pub(crate) fn seal(store: &Connection, week: Week) -> rusqlite::Result<()> {
    store
        .prepare_cached("UPDATE weeks SET state = 'sealed' WHERE week = ?1")?
        .execute([week.number()])?;
    Ok(())
}

/// Rows that were added to weeks in one transaction, and their batches.
#[derive(Debug, Default)]
pub(crate) struct Added(BTreeMap<Week, (i64, u64)>);

impl Added {
    /// `events` rows were added.
    pub(crate) fn add(&mut self, week: Week, batch: i64, events: u64) {
        let added = self.0.entry(week).or_default();
        *added = (batch, added.1 + events);
    }

    /// Makes the rows count when the transaction commits.
    pub(crate) fn count(&self, store: &Connection) -> rusqlite::Result<()> {
        for (week, (batch, events)) in &self.0 {
            store
                .prepare_cached(
                    "UPDATE weeks SET batch = ?2, events = events + ?3 WHERE week = ?1",
                )?
                .execute(params![week.number(), batch, events])?;
        }
        Ok(())
    }
}

/// The weeks with files between two weeks, both included, newest first.
pub(crate) fn between(
    store: &Connection,
    (oldest, newest): (Week, Week),
    limit: usize,
) -> rusqlite::Result<Vec<Week>> {
    store
        .prepare_cached(
            "SELECT week FROM weeks WHERE week BETWEEN ?1 AND ?2 AND state <> 'removed' ORDER BY week DESC LIMIT ?3",
        )?
        .query_map(params![oldest.number(), newest.number(), limit], |row| Ok(week(row.get(0)?)))?
        .collect()
}

/// When the last removal of a week between two weeks, both included, took place.
pub(crate) fn removed_between(
    store: &Connection,
    (oldest, newest): (Week, Week),
) -> rusqlite::Result<Option<i64>> {
    store
        .prepare_cached(
            "SELECT max(removed_ms) FROM weeks WHERE week BETWEEN ?1 AND ?2 AND state = 'removed'",
        )?
        .query_row(params![oldest.number(), newest.number()], |row| row.get(0))
        .optional()
        .map(Option::flatten)
}

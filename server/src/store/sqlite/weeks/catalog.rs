//! The table `weeks` of store.db: which files of events there are, and what of each counts.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};

use crate::store::Week;

fn week(number: u32) -> Week {
    Week::from_number(number)
}

/// The files that may hold rows that do not count, each with the number of its last batch that does.
pub(crate) fn open(store: &Connection) -> rusqlite::Result<Vec<(Week, i64)>> {
    store
        .prepare_cached("SELECT week, batch FROM weeks WHERE state = 'open' ORDER BY week")?
        .query_map([], |row| Ok((week(row.get(0)?), row.get(1)?)))?
        .collect()
}

/// What a file that is to be opened is known to hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begun {
    /// The number of the last batch that counts.
    pub(crate) counted: i64,
    /// Whether the events of this week were removed, so that a file that is still there is not to be used.
    pub(crate) was_removed: bool,
}

/// Rows that do not count may be written from the next transaction on.
/// Its file has the first `schema` steps of its schema by then.
pub(crate) fn begin(store: &Connection, week: Week, schema: usize) -> rusqlite::Result<Begun> {
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

/// The weeks whose files have fewer steps of their schema than that, and how many events are in each.
pub(crate) fn behind(store: &Connection, schema: usize) -> rusqlite::Result<Vec<(Week, u64)>> {
    store
        .prepare_cached(
            "SELECT week, events FROM weeks WHERE schema < ?1 AND state <> 'removed' ORDER BY week",
        )?
        .query_map([schema], |row| Ok((week(row.get(0)?), row.get(1)?)))?
        .collect()
}

/// The file of `week` was brought to that step of its schema.
pub(crate) fn caught_up(store: &Connection, week: Week, schema: usize) -> rusqlite::Result<()> {
    store
        .prepare_cached("UPDATE weeks SET schema = ?2 WHERE week = ?1")?
        .execute(params![week.number(), schema])?;
    Ok(())
}

/// From now on its events are gone.
pub(crate) fn remove(store: &Connection, week: Week, now_ms: i64) -> rusqlite::Result<()> {
    store
        .prepare_cached(
            "UPDATE weeks SET state = 'removed', removed_ms = ?2, removed_events = removed_events + events, events = 0 \
             WHERE week = ?1 AND state <> 'removed'",
        )?
        .execute(params![week.number(), now_ms])?;
    Ok(())
}

/// Whether its events were removed, so that a file of it is one that a crash left.
pub(crate) fn is_removed(store: &Connection, week: Week) -> rusqlite::Result<bool> {
    store
        .prepare_cached("SELECT 1 FROM weeks WHERE week = ?1 AND state = 'removed'")?
        .exists([week.number()])
}

/// The weeks that have no events any more, and may have files still.
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

/// Everything in the file counts.
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

    /// Makes the rows count, once the transaction is committed.
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

/// The weeks between two, both included, that have files, newest first.
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

/// When the last week between two, both included, was removed, if one was.
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

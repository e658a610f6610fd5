//! Pruning: removing weeks of events, and what store.db holds about them, a limited number of rows
//! in one transaction.
//!
//! Producers' ledgers stay, so that completeness stays provable.

use std::path::Path;

use rusqlite::{Connection, params};
use uuid::Uuid;

use super::catalog;
use super::files::StoreFiles;
use super::open::path;
use crate::store::read_class::ReadClass;
use crate::store::sqlite::apply::profiles;
use crate::store::sqlite::deliveries::{dead_letters, queue};
use crate::store::sqlite::store::SqliteStore;
use crate::store::sqlite::tallies;
use crate::store::sqlite::writer::step::Guard;
use crate::store::week::first_row_at;
use crate::store::{Pruned, RetentionLimits, RowId, StoreError, Week};

/// The most rows of one table that one transaction deletes.
const ROWS_MAX: u32 = 2_000;
/// The most tallies whose values one transaction looks through.
const TALLIES_MAX: u32 = 200;
/// The most weeks that are read: more than there will ever be.
const WEEKS_MAX: usize = 100_000;

/// The weeks to remove.
pub(crate) fn due(
    store: &Connection,
    folder: &Path,
    keep: &RetentionLimits,
) -> rusqlite::Result<Vec<Week>> {
    Ok(keep.weeks_to_remove(sizes(store, folder)?))
}

/// The weeks with events, newest first, and how many bytes the file of each has.
pub(crate) fn sizes(store: &Connection, folder: &Path) -> rusqlite::Result<Vec<(Week, u64)>> {
    let all = (Week::from_number(0), Week::from_number(u32::MAX));
    let weeks = catalog::between(store, all, WEEKS_MAX)?;
    Ok(weeks.into_iter().map(|week| (week, file_bytes(folder, week))).collect())
}

fn file_bytes(folder: &Path, week: Week) -> u64 {
    // A file that cannot be read counts as 0 bytes: deleting it would free nothing.
    std::fs::metadata(path(folder, week)).map_or(0, |file| file.len())
}

/// Removes a week's events. The file is deleted after the commit.
pub(crate) fn remove(files: &mut StoreFiles, week: Week, now_ms: i64) -> rusqlite::Result<()> {
    let StoreFiles { store, weeks, .. } = files;
    weeks.remove(store, week, now_ms)
}

/// Deletes rows that nothing needs any more.
pub(crate) fn prune(store: &Connection, keep: &RetentionLimits) -> rusqlite::Result<Pruned> {
    let mut rows = store
        .prepare_cached(
            "DELETE FROM event_ids WHERE (event_id, source, key_kind) IN \
             (SELECT event_id, source, key_kind FROM event_ids WHERE received_ms < ?1 ORDER BY received_ms LIMIT ?2)",
        )?
        .execute(params![keep.client_ids_from_ms(), ROWS_MAX])?;
    if let Some(from_ms) = outcomes_from_ms(store, keep)? {
        // Row ids and payload ids both begin with the time of receipt.
        let from: Uuid = first_row_at(from_ms).0;
        for sql in [
            "DELETE FROM outcomes WHERE id IN (SELECT id FROM outcomes WHERE id < ?1 ORDER BY id LIMIT ?2)",
            "DELETE FROM applied WHERE payload_id IN \
             (SELECT payload_id FROM applied WHERE payload_id < ?1 ORDER BY payload_id LIMIT ?2)",
        ] {
            rows += store.prepare_cached(sql)?.execute(params![from.as_bytes(), ROWS_MAX])?;
        }
        rows += profiles::prune(store, from_ms, ROWS_MAX)?;
        rows += queue::prune(store, RowId(from), ROWS_MAX)?;
        rows += dead_letters::prune(store, RowId(from), ROWS_MAX)?;
    }
    Ok(Pruned { weeks: 0, rows: rows as u64 })
}

fn outcomes_from_ms(store: &Connection, keep: &RetentionLimits) -> rusqlite::Result<Option<i64>> {
    let (oldest, removed): (Option<u32>, Option<u32>) = store
        .prepare_cached(
            "SELECT (SELECT min(week) FROM weeks WHERE state <> 'removed'), \
             (SELECT max(week) FROM weeks WHERE state = 'removed')",
        )?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(keep.outcomes_from_ms(oldest.map(Week::from_number), removed.map(Week::from_number)))
}

impl SqliteStore {
    pub(crate) async fn prune_all(&self, keep: RetentionLimits) -> Result<Pruned, StoreError> {
        let folder = self.folder.clone();
        let due = self.readers.read(
            ReadClass::Work,
            "find weeks beyond the retention limits",
            move |reading| Ok((due(reading, &folder, &keep)?, catalog::removed(reading)?)),
        );
        let (due, removed) = due.await?;
        for week in &due {
            let week = *week;
            let removing =
                self.writer.write("remove a week of events", Guard::Alone, 0, move |files, _| {
                    remove(files, week, keep.now_ms)
                });
            removing.await?;
            tracing::info!(%week, "removed a week of events: it is beyond the retention limits");
        }
        self.delete_files([removed, due.clone()].concat()).await?;
        let pruned =
            self.writer.write("prune", Guard::Alone, 0, move |files: &mut StoreFiles, _| {
                let mut pruned = prune(files, &keep)?;
                if let Some(from_ms) = outcomes_from_ms(files, &keep)? {
                    let tallies = tallies::prune(files, Week::of_ms(from_ms), TALLIES_MAX)?;
                    pruned.rows += tallies as u64;
                }
                Ok(pruned)
            });
        Ok(Pruned { weeks: due.len() as u64, ..pruned.await? })
    }

    /// Deletes the files of removed weeks. The writer does it, so that none of them is opened again
    /// at the same time.
    async fn delete_files(&self, weeks: Vec<Week>) -> Result<(), StoreError> {
        let folder = self.folder.clone();
        self.readers.forget();
        let deleted =
            self.writer.write("delete files of events", Guard::Alone, 0, move |files, _| {
                files.weeks.delete_removed(&folder, &weeks)
            });
        let deleted = deleted.await;
        // A read that began before the removal may have opened one again.
        self.readers.forget();
        deleted
    }
}

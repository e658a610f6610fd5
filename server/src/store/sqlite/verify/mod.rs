//! Checks of everything that must be true on disk, one by one. Reads only, in bounded memory.
//!
//! Another database needs the same checks. Each has a name, a rule, and the logic that finds what
//! breaks the rule.

mod alerts;
mod checks;
mod deliveries;
mod files;
mod intake;
mod ledgers;
mod log_watch;
mod marks;
mod profiles;
mod rows;
mod runs;
mod sums;
mod tallies;
mod trends;

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;

pub use checks::{CHECKS, Check};

use super::snapshot::{HeldFile, IntakeSnapshot, SnapshotError, StoreSnapshot, WeekSnapshot};
use crate::store::week::first_row_at;
use crate::store::{RowId, Violation, Week};

/// What a check has found.
#[derive(Debug, Default)]
struct Found(BTreeMap<(String, &'static str), (u64, String)>);

impl Found {
    /// Adds something that is wrong in `place`. The first example of a kind is kept.
    fn add(&mut self, place: &str, kind: &'static str, example: impl FnOnce() -> String) {
        self.add_many(place, kind, 1, example);
    }

    fn add_many(
        &mut self,
        place: &str,
        kind: &'static str,
        count: u64,
        example: impl FnOnce() -> String,
    ) {
        let found = self.0.entry((place.to_owned(), kind)).or_insert_with(|| (0, example()));
        found.0 += count;
    }
}

/// All databases, as of one moment.
#[derive(Debug)]
pub struct Databases {
    intake: IntakeSnapshot,
    store: StoreSnapshot,
    /// Outcomes, marks and logs of what was received before this time may have been pruned.
    kept_from_ms: Option<i64>,
}

impl Databases {
    /// Begins to read the databases in `folder`, a data directory or a backup. A server may use
    /// them.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub fn open(folder: &Path) -> Result<Self, SnapshotError> {
        let intake = IntakeSnapshot::take(folder)?;
        let store = StoreSnapshot::take(folder)?;
        let failed = |source| SnapshotError::Sqlite { path: store.store.path().to_owned(), source };
        let kept_from_ms = kept_from_ms(&store.store.connection).map_err(failed)?;
        let mut databases = Self { intake, store, kept_from_ms };
        let marks = databases.held().map(|held| held.log.clone()).collect();
        log_watch::interrupt(databases.held_mut(), &marks)?;
        Ok(databases)
    }

    fn held(&self) -> impl Iterator<Item = &HeldFile> {
        let weeks = self.store.weeks.iter().map(|week| &week.held);
        [&self.intake.0, &self.store.store].into_iter().chain(weeks)
    }

    fn held_mut(&mut self) -> impl Iterator<Item = &mut HeldFile> {
        let weeks = self.store.weeks.iter_mut().map(|week| &mut week.held);
        [&mut self.intake.0, &mut self.store.store].into_iter().chain(weeks)
    }

    fn intake(&self) -> &Connection {
        &self.intake.0.connection
    }

    fn store(&self) -> &Connection {
        &self.store.store.connection
    }

    /// The files of events, each with its name and the rows in it that do not count.
    fn weeks(&self) -> rusqlite::Result<Vec<VerifiedWeek<'_>>> {
        self.store.weeks.iter().map(VerifiedWeek::read).collect()
    }

    /// The file of events of a week.
    fn week(&self, week: Week) -> Option<&WeekSnapshot> {
        self.store.weeks.iter().find(|it| it.listed.week == week)
    }

    /// The first id of a row or payload of which everything is kept.
    fn kept_from(&self) -> [u8; 16] {
        first_row_at(self.kept_from_ms.unwrap_or(0)).0.into_bytes()
    }

    /// Whether a row is gone although its week is there, and was never removed.
    fn is_gone(&self, id: RowId) -> rusqlite::Result<bool> {
        if id.0.into_bytes() < self.kept_from() {
            return Ok(false);
        }
        let Some(week) = self.week(Week::of_row(id)) else { return Ok(false) };
        let mut find = week.held.connection.prepare_cached("SELECT 1 FROM events WHERE id = ?1")?;
        Ok(!find.exists([id.0.as_bytes()])?)
    }
}

/// Everything is kept that was received after the newest week that was ever removed, and from the
/// oldest week with events since. While no week was removed, all is.
fn kept_from_ms(store: &Connection) -> rusqlite::Result<Option<i64>> {
    let (removed, oldest): (Option<u32>, Option<u32>) = store.query_row(
        "WITH gone (week) AS \
         (SELECT max(week) FROM weeks WHERE state = 'removed' OR removed_events > 0) \
         SELECT gone.week, (SELECT min(weeks.week) FROM weeks WHERE weeks.week > gone.week) FROM gone",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let Some(removed) = removed.map(Week::from_number) else { return Ok(None) };
    Ok(Some(oldest.map_or(removed.to_ms(), |week| Week::from_number(week).from_ms())))
}

/// A file of events that is checked.
struct VerifiedWeek<'a> {
    name: String,
    week: &'a WeekSnapshot,
    /// Spans of rows that do not count, in order.
    uncounted: Vec<(u128, u128)>,
}

impl<'a> VerifiedWeek<'a> {
    fn read(week: &'a WeekSnapshot) -> rusqlite::Result<Self> {
        let mut statement = week.held.connection.prepare_cached(
            "SELECT first_id, last_id FROM batch WHERE number > ?1 ORDER BY first_id",
        )?;
        let spans = statement.query_map([week.listed.batch], |row| {
            Ok((u128::from_be_bytes(row.get(0)?), u128::from_be_bytes(row.get(1)?)))
        })?;
        let uncounted = spans.collect::<rusqlite::Result<_>>()?;
        Ok(Self { name: week.held.name(), week, uncounted })
    }

    fn connection(&self) -> &'a Connection {
        &self.week.held.connection
    }

    /// Whether a row counts. The server deletes those that do not when it starts.
    fn counts(&self, id: u128) -> bool {
        let after = self.uncounted.partition_point(|(first, _)| *first <= id);
        let before = after.checked_sub(1).and_then(|at| self.uncounted.get(at));
        before.is_none_or(|(_, last)| id > *last)
    }
}

/// A check could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// SQLite reported an error.
    #[error("run the check {check}")]
    Sqlite {
        /// The check.
        check: &'static str,
        /// SQLite's error.
        #[source]
        source: rusqlite::Error,
    },
    /// The server writes too much meanwhile.
    #[error(
        "check a running server: the write-ahead log of {name} grew by {grown_mib} MiB meanwhile. \
         Make a backup, and check that with --backup"
    )]
    LogGrew {
        /// The file.
        name: String,
        /// By how much, in MiB.
        grown_mib: u64,
    },
}

/// Runs every check, and tells the name of each before it runs. The checks of contents need
/// databases that SQLite can read, with the schema of this version.
///
/// # Errors
/// [`CheckError`].
pub fn run(
    databases: &Databases,
    begin: &mut dyn FnMut(&'static str),
) -> Result<Vec<Violation>, CheckError> {
    let mut violations = Vec::new();
    for check in CHECKS {
        let is_about_files = ["integrity", "schema"].contains(&check.name);
        if !is_about_files && !violations.is_empty() && files::are_unreadable(&violations) {
            break;
        }
        begin(check.name);
        let mut found = Found::default();
        let done = (check.run)(databases, &mut found);
        // Whatever it says then, it was interrupted for that.
        log_watch::check(databases.held())?;
        done.map_err(|source| CheckError::Sqlite { check: check.name, source })?;
        violations.extend(found.0.into_iter().map(|((place, kind), (count, example))| {
            let example = example.replace('\n', "; ");
            let what =
                if example.is_empty() { kind.to_owned() } else { format!("{kind}: {example}") };
            Violation { check: check.name, place, what, count, advice: check.advice }
        }));
    }
    Ok(violations)
}

/// An id, as people read it.
fn shown(id: u128) -> String {
    uuid::Uuid::from_u128(id).to_string()
}

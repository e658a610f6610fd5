//! A consistent view of all databases of a data directory, for another process than the server's.
//!
//! # Why it is consistent
//!
//! What each database may know is ordered by the server's commits: a payload is committed to
//! intake.db, then its rows to the week's file, then its mark and everything else to store.db, and
//! then it leaves the queue in intake.db. So
//!
//! - intake.db is read **before** store.db. Then every payload that has left the queue has its
//!   mark. One that has a mark and is still queued is applied again, which changes nothing.
//! - A week's file must be at the batch that store.db counts, or one ahead, because only the last
//!   batch of a file can be undone. So the table `weeks` is read, then the files' transactions
//!   begin, then that of store.db, and `weeks` must still say the same. A file two batches ahead is
//!   impossible then, because store.db counts a batch before the next one is written. Otherwise all
//!   that may have changed is tried again. A batch takes milliseconds, and this takes microseconds.
//!
//! Everything is read in transactions that only read, so the server waits for nothing. They keep
//! logs from being emptied, so each ends as soon as its file was copied.

mod copy;
mod log_mark;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

pub use copy::{CopyError, CopyStep, FileGlance, FileState};
pub(crate) use log_mark::LogMark;

use super::file::connection::{open_reader, schema_version, version};
use super::weeks::open::path;
use super::{payloads, store, weeks};
use crate::store::Week;

/// How often a view is tried to be taken.
const TRIES_MAX: u32 = 2_000;

/// No view can be taken.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// SQLite reported an error.
    #[error("read database {}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// SQLite's error.
        #[source]
        source: rusqlite::Error,
    },
    /// There is no database.
    #[error(
        "find data in {}: there is no {name}. Name the data directory of the server with --data",
        folder.display()
    )]
    NoData {
        /// Where it should be.
        folder: PathBuf,
        /// The missing file.
        name: &'static str,
    },
    /// A newer version of Lamplight wrote it.
    #[error(
        "read database {}: a newer lamplight wrote it (schema {found}; this one knows up to {known}). \
         Use that version",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version of its schema.
        found: i64,
        /// The newest version that this binary knows.
        known: i64,
    },
    /// The server committed during every try.
    #[error(
        "read all files at one moment: the server stored something during each of {TRIES_MAX} \
         tries. Try again when it has less to do"
    )]
    Busy,
}

/// The newest schema that this binary knows, of each kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SchemaVersions {
    /// Of intake.db.
    pub intake: i64,
    /// Of store.db.
    pub store: i64,
    /// Of the files of events: the newest of them.
    pub week: i64,
}

impl SchemaVersions {
    /// What this binary knows.
    pub fn known() -> Self {
        Self {
            intake: version(&payloads::SCHEMA),
            store: version(&store::SCHEMA),
            week: version(&weeks::open::SCHEMA),
        }
    }
}

/// One database, as of one moment. Dropping it ends the transaction.
#[derive(Debug)]
pub struct HeldFile {
    path: PathBuf,
    /// The version of its schema.
    pub schema: i64,
    pub(crate) connection: Connection,
    /// Its log when the transaction began.
    pub(crate) log: LogMark,
}

impl HeldFile {
    /// Begins to read the database at `path`, or gives nothing if there is none.
    pub(super) fn begin(path: &Path, known: i64) -> Result<Option<Self>, SnapshotError> {
        if !path.is_file() {
            return Ok(None);
        }
        let failed = |source| SnapshotError::Sqlite { path: path.to_owned(), source };
        let opened = open_reader(path);
        // It was removed in the meantime.
        if opened.is_err() && !path.exists() {
            return Ok(None);
        }
        let connection = opened.map_err(failed)?;
        // What a check sorts may be larger than memory.
        connection.execute_batch("PRAGMA temp_store = FILE; BEGIN").map_err(failed)?;
        let schema = schema_version(&connection).map_err(failed)?;
        if schema > known {
            return Err(SnapshotError::Newer { path: path.to_owned(), found: schema, known });
        }
        Ok(Some(Self { path: path.to_owned(), schema, connection, log: LogMark::of(path) }))
    }

    /// Ends the transaction and begins another, which sees what was committed until now.
    fn begin_again(&mut self) -> Result<(), SnapshotError> {
        let begun = self
            .connection
            .execute_batch("ROLLBACK; BEGIN")
            .and_then(|()| schema_version(&self.connection));
        self.schema =
            begun.map_err(|source| SnapshotError::Sqlite { path: self.path.clone(), source })?;
        Ok(())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name of the file.
    pub fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }
}

/// What store.db says about a file of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedWeek {
    /// The week.
    pub week: Week,
    /// The number of the last batch that counts. It changes with every change of the file.
    pub batch: i64,
    /// Whether nothing is written to the file.
    pub is_sealed: bool,
    /// How many events count.
    pub events: i64,
}

/// The raw payloads and their queue.
#[derive(Debug)]
pub struct IntakeSnapshot(pub HeldFile);

impl IntakeSnapshot {
    /// Begins to read intake.db in `folder`. It must come before [`StoreSnapshot::take`].
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub fn take(folder: &Path) -> Result<Self, SnapshotError> {
        let held = HeldFile::begin(&folder.join("intake.db"), SchemaVersions::known().intake)?;
        let missing = || SnapshotError::NoData { folder: folder.to_owned(), name: "intake.db" };
        held.map(Self).ok_or_else(missing)
    }

    /// How many payloads wait to be processed, those set aside included.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub fn waiting(&self) -> Result<u64, SnapshotError> {
        let failed = |source| SnapshotError::Sqlite { path: self.0.path.clone(), source };
        let has_aside = self.0.schema >= 3;
        let aside = if has_aside { "(SELECT count(*) FROM set_aside)" } else { "0" };
        let sql = format!("SELECT (SELECT count(*) FROM payload_queue) + {aside}");
        self.0.connection.query_row(&sql, [], |row| row.get(0)).map_err(failed)
    }
}

/// A file of events.
#[derive(Debug)]
pub struct WeekSnapshot {
    /// What store.db says about it.
    pub listed: ListedWeek,
    /// The file.
    pub held: HeldFile,
}

/// store.db and the files of events, as of one moment.
#[derive(Debug)]
pub struct StoreSnapshot {
    /// store.db.
    pub store: HeldFile,
    /// The files of events, the oldest first.
    pub weeks: Vec<WeekSnapshot>,
    /// Weeks with events whose file is not there.
    pub missing: Vec<ListedWeek>,
}

impl StoreSnapshot {
    /// Begins to read store.db and the files of events in `folder`.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub fn take(folder: &Path) -> Result<Self, SnapshotError> {
        let known = SchemaVersions::known();
        let store_path = folder.join("store.db");
        let failed = |source| SnapshotError::Sqlite { path: store_path.clone(), source };
        let missing = || SnapshotError::NoData { folder: folder.to_owned(), name: "store.db" };
        let mut store = HeldFile::begin(&store_path, known.store)?.ok_or_else(missing)?;
        let mut held: BTreeMap<u32, WeekSnapshot> = BTreeMap::new();
        for attempt in 0..TRIES_MAX {
            store.begin_again()?;
            let before = listed(&store.connection).map_err(failed)?;
            held.retain(|_, it| before.iter().any(|listed| listed.week == it.listed.week));
            for listed in &before {
                match held.get_mut(&listed.week.number()) {
                    // Nothing was written to it since.
                    Some(it) if it.listed == *listed && listed.is_sealed => {}
                    Some(it) => {
                        it.held.begin_again()?;
                        it.listed = *listed;
                    }
                    None => {
                        let file = HeldFile::begin(&path(folder, listed.week), known.week)?;
                        if let Some(file) = file {
                            let week = WeekSnapshot { listed: *listed, held: file };
                            held.insert(listed.week.number(), week);
                        }
                    }
                }
            }
            store.begin_again()?;
            if listed_again(&store, &before).map_err(failed)? {
                let is_missing = |it: &&ListedWeek| !held.contains_key(&it.week.number());
                let missing = before.iter().filter(is_missing).filter(|it| it.events > 0);
                let missing = missing.copied().collect();
                return Ok(Self { store, weeks: held.into_values().collect(), missing });
            }
            std::thread::sleep(Duration::from_millis(u64::from(attempt.min(20))));
        }
        Err(SnapshotError::Busy)
    }

    /// How many events count.
    pub fn events(&self) -> u64 {
        let events = self.weeks.iter().map(|week| week.listed.events).sum::<i64>();
        u64::try_from(events).unwrap_or(0)
    }

    /// The versions of the schemas, with that of intake.db.
    pub fn schemas(&self, intake: i64) -> SchemaVersions {
        let week = self.weeks.iter().map(|week| week.held.schema).max();
        SchemaVersions {
            intake,
            store: self.store.schema,
            week: week.unwrap_or_else(|| SchemaVersions::known().week),
        }
    }
}

fn listed_again(store: &HeldFile, before: &[ListedWeek]) -> rusqlite::Result<bool> {
    Ok(listed(&store.connection)? == before)
}

/// The weeks whose events were not removed. Older schemas have these columns, too.
fn listed(store: &Connection) -> rusqlite::Result<Vec<ListedWeek>> {
    store
        .prepare_cached(
            "SELECT week, batch, state = 'sealed', events FROM weeks WHERE state <> 'removed' ORDER BY week",
        )?
        .query_map([], |row| {
            Ok(ListedWeek {
                week: Week::from_number(row.get(0)?),
                batch: row.get(1)?,
                is_sealed: row.get(2)?,
                events: row.get(3)?,
            })
        })?
        .collect()
}

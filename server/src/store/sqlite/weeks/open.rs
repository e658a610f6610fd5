//! The files of events that are open for writing, one for each week.
//!
//! A file is committed before store.db, and its rows count only once store.db has their batch
//! number: see "Two files, one outcome" in ARCHITECTURE.md. Only files that store.db lists as open
//! can hold rows that do not count.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use super::catalog;
use super::catalog::Begun;
use super::{profile_versions, runs};
use crate::store::sqlite::OpenError;
use crate::store::sqlite::file::columns::row_id;
use crate::store::sqlite::file::connection::{
    Layout, Step, check_current, migrate, open_reader, open_writer, version,
};
use crate::store::sqlite::file::transaction::WriteTarget;
use crate::store::{RowId, Week};

/// The most files open for writing. Payloads are processed in the order of time, so one or two are
/// nearly always enough.
const OPEN_MAX: usize = 4;

pub(crate) const SCHEMA: [Step; 4] = [
    ("V1__events", include_str!("../../../../migrations/sqlite/week/V1__events.sql")),
    ("V2__runs", include_str!("../../../../migrations/sqlite/week/V2__runs.sql")),
    (
        "V3__profile_versions",
        include_str!("../../../../migrations/sqlite/week/V3__profile_versions.sql"),
    ),
    ("V4__scopes", include_str!("../../../../migrations/sqlite/week/V4__scopes.sql")),
];

const LAYOUT: Layout = Layout { page_bytes: 4 * 1024, cache_kib: 8 * 1024 };

/// The file of the events of `week`.
pub(crate) fn path(folder: &Path, week: Week) -> PathBuf {
    folder.join(format!("events-{week}.db"))
}

/// Whether a file with this name is one that [`path`] names.
pub(crate) fn is_week(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.strip_prefix("events-").is_some_and(|rest| rest.strip_suffix(".db").is_some())
}

/// Deletes the file of `week` with its log. A file that a crash leaves behind is not used, because
/// the week is recorded as removed.
pub(crate) fn delete(folder: &Path, week: Week) -> io::Result<()> {
    let path = path(folder, week);
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.clone().into_os_string();
        name.push(suffix);
        match std::fs::remove_file(name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Whether a file cannot be deleted because somebody reads it. Unix deletes it all the same.
fn is_in_use(error: &io::Error) -> bool {
    /// `ERROR_SHARING_VIOLATION` ("System Error Codes", learn.microsoft.com).
    const SHARING_VIOLATION: i32 = 32;
    cfg!(windows) && error.raw_os_error() == Some(SHARING_VIOLATION)
}

/// Opens a file of events for writing, creates it if it does not exist, and migrates it.
pub(crate) fn open_file(path: &Path) -> Result<Connection, OpenError> {
    let mut connection = open_writer(path, LAYOUT)?;
    migrate(&mut connection, path, &SCHEMA)?;
    Ok(connection)
}

/// Nothing was changed, because the week's file is not open for writing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WeekNotOpen;

/// The files that are open for writing.
#[derive(Debug)]
pub(crate) struct OpenWeeks {
    folder: PathBuf,
    /// The most recently used one is last.
    open: Vec<OpenWeek>,
}

/// One file that is open for writing.
#[derive(Debug)]
pub(crate) struct OpenWeek {
    week: Week,
    connection: Connection,
    /// The number of the last batch that counts.
    counted: i64,
    /// Whether a transaction is open.
    is_dirty: bool,
}

impl OpenWeeks {
    /// Opens the files that `store` lists as open, and deletes the rows in them that do not count.
    pub(crate) fn open(store: &Connection, folder: &Path) -> Result<Self, OpenError> {
        let sqlite = |source| OpenError::Sqlite { path: folder.to_owned(), source };
        let mut open = Vec::new();
        for (week, counted) in catalog::open(store).map_err(sqlite)? {
            let mut opened = OpenWeek::open(folder, week, counted)?;
            let undone = opened.undo_uncounted().map_err(sqlite)?;
            if undone > 0 {
                tracing::info!(%week, rows = undone, "rolled back an unfinished commit: its events are processed again");
            }
            open.push(opened);
        }
        Ok(Self { folder: folder.to_owned(), open })
    }

    /// No file, after a check that all their rows count, for who only reads them.
    pub(crate) fn none(store: &Connection, folder: &Path) -> Result<Self, OpenError> {
        let failed = |path: &Path, source| OpenError::Sqlite { path: path.to_owned(), source };
        for (week, counted) in catalog::open(store).map_err(|it| failed(folder, it))? {
            let path = path(folder, week);
            if !path.exists() {
                continue;
            }
            let file = open_reader(&path).map_err(|it| failed(&path, it))?;
            check_current(&file, &path, &SCHEMA)?;
            let more = "SELECT EXISTS (SELECT 1 FROM batch WHERE number > ?1)";
            let more = file.query_row(more, [counted], |row| row.get(0));
            if more.map_err(|it| failed(&path, it))? {
                return Err(OpenError::Unfinished { path });
            }
        }
        Ok(Self { folder: folder.to_owned(), open: Vec::new() })
    }

    /// Whether events of `week` can be written.
    pub(crate) fn has(&self, week: Week) -> bool {
        self.open.iter().any(|open| open.week == week)
    }

    /// Opens the file of `week`, and creates it if it does not exist, for the transactions
    /// **after** this one: the record that it may hold rows that do not count must be on disk
    /// before it holds any.
    pub(crate) fn admit(&mut self, store: &Connection, week: Week) -> rusqlite::Result<()> {
        if self.has(week) {
            return Ok(());
        }
        while self.open.len() >= OPEN_MAX
            && let Some(at) = self.open.iter().position(|open| !open.is_dirty)
        {
            // Its last batch was counted in an earlier transaction.
            let mut sealed = self.open.remove(at);
            catalog::seal(store, sealed.week)?;
            sealed.connection.checkpoint()?;
        }
        let Begun { counted, was_removed } = catalog::begin(store, week, version(&SCHEMA))?;
        if was_removed {
            delete(&self.folder, week).map_err(|error| disk(&error))?;
        }
        let mut opened = OpenWeek::open(&self.folder, week, counted).map_err(inner)?;
        opened.undo_uncounted()?;
        self.open.push(opened);
        Ok(())
    }

    /// Removes every event of `week` when the transaction commits. The file itself is deleted after
    /// that.
    pub(crate) fn remove(
        &mut self,
        store: &Connection,
        week: Week,
        now_ms: i64,
    ) -> rusqlite::Result<()> {
        self.open.retain(|open| open.week != week);
        catalog::remove(store, week, now_ms)
    }

    /// Deletes the files of weeks whose removal is committed, except weeks that were opened again.
    pub(crate) fn delete_removed(&self, folder: &Path, weeks: &[Week]) -> rusqlite::Result<()> {
        let gone = weeks.iter().filter(|week| !self.has(**week));
        gone.copied().try_for_each(|week| match delete(folder, week) {
            Err(error) if is_in_use(&error) => {
                tracing::debug!(%week, "the file of a removed week is still read: it is deleted later");
                Ok(())
            }
            deleted => deleted.map_err(|error| disk(&error)),
        })
    }

    /// The file of `week`, to read what it has so far, if it is open.
    pub(crate) fn readable(&self, week: Week) -> Option<&Connection> {
        self.open.iter().find(|open| open.week == week).map(|open| &open.connection)
    }

    /// The file of `week`, ready to be written to in the current transaction.
    pub(crate) fn writable(&mut self, week: Week) -> rusqlite::Result<&OpenWeek> {
        let at = self.open.iter().position(|open| open.week == week);
        let mut open = self.open.remove(at.ok_or(rusqlite::Error::QueryReturnedNoRows)?);
        if !open.is_dirty {
            open.connection.begin()?;
            open.connection.prepare_cached("DELETE FROM batch")?.execute([])?;
            open.connection.begin_step()?;
            open.is_dirty = true;
        }
        self.open.push(open);
        self.open.last().ok_or(rusqlite::Error::QueryReturnedNoRows)
    }

    fn dirty(&mut self) -> impl Iterator<Item = &mut OpenWeek> {
        self.open.iter_mut().filter(|open| open.is_dirty)
    }

    pub(crate) fn begin_step(&mut self) -> rusqlite::Result<()> {
        self.dirty().try_for_each(|open| open.connection.begin_step())
    }

    pub(crate) fn undo_step(&mut self) -> rusqlite::Result<()> {
        self.dirty().try_for_each(|open| open.connection.undo_step())
    }

    pub(crate) fn end_step(&mut self) -> rusqlite::Result<()> {
        self.dirty().try_for_each(|open| open.connection.end_step())
    }

    pub(crate) fn commit(&mut self) -> rusqlite::Result<()> {
        for open in self.dirty() {
            open.connection.commit()?;
            open.counted += 1;
            open.is_dirty = false;
        }
        Ok(())
    }

    pub(crate) fn checkpoint(&mut self) -> rusqlite::Result<()> {
        self.open.iter_mut().try_for_each(|open| open.connection.checkpoint())
    }
}

impl OpenWeek {
    fn open(folder: &Path, week: Week, counted: i64) -> Result<Self, OpenError> {
        let connection = open_file(&path(folder, week))?;
        Ok(Self { week, connection, counted, is_dirty: false })
    }

    /// Deletes the rows of a batch that store.db does not count. Returns how many there were.
    fn undo_uncounted(&mut self) -> rusqlite::Result<usize> {
        self.connection.begin()?;
        let spans: Vec<(RowId, RowId)> = self
            .connection
            .prepare_cached("SELECT first_id, last_id FROM batch WHERE number > ?1")?
            .query_map([self.counted], |row| Ok((row_id(row, 0)?, row_id(row, 1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        profile_versions::undo(&self.connection, self.counted, &spans)?;
        let undone = runs::delete_rows(&self.connection, &spans)?;
        self.connection.prepare_cached("DELETE FROM batch")?.execute([])?;
        self.connection.commit()?;
        Ok(undone)
    }

    /// Records that this transaction writes rows with ids in these spans. No rows may be there
    /// before.
    pub(crate) fn writes(
        &self,
        spans: impl IntoIterator<Item = (RowId, RowId)>,
    ) -> rusqlite::Result<()> {
        let mut insert = self
            .connection
            .prepare_cached("INSERT INTO batch (number, first_id, last_id) VALUES (?1, ?2, ?3)")?;
        for (first, last) in spans {
            insert.execute(params![self.batch(), first.0.as_bytes(), last.0.as_bytes()])?;
        }
        Ok(())
    }

    /// The number of the batch that the current transaction writes.
    pub(crate) fn batch(&self) -> i64 {
        self.counted + 1
    }

    /// The connection to write with.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// An error of the file system, as SQLite would report it.
fn disk(error: &io::Error) -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_DELETE);
    rusqlite::Error::SqliteFailure(code, Some(error.to_string()))
}

/// The error, as steps of a transaction return it.
fn inner(error: OpenError) -> rusqlite::Error {
    match error {
        OpenError::Sqlite { source, .. } => source,
        OpenError::File { source, .. } => {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN);
            rusqlite::Error::SqliteFailure(code, Some(source.to_string()))
        }
        error => rusqlite::Error::ToSqlConversionFailure(Box::new(error)),
    }
}

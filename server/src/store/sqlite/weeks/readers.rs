//! Reading store.db and, beside it, the files of events.

use std::collections::VecDeque;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, ErrorCode};

use super::catalog;
use super::open::path;
use crate::store::page_budget::TimeBudget;
use crate::store::read_class::ReadClass;
use crate::store::sqlite::file::connection::open_reader;
use crate::store::sqlite::file::read_end::ReadEnd;
use crate::store::sqlite::file::readers::Readers;
use crate::store::{StoreError, Week};

/// The most idle connections to files of events.
const IDLE_MAX: usize = 8;

/// Read-only connections to store.db and to the files of events.
#[derive(Debug)]
pub(crate) struct WeekReaders {
    store: Readers,
    weeks: Arc<WeekPool>,
}

impl WeekReaders {
    pub(crate) fn new(store: PathBuf, folder: PathBuf) -> Self {
        let weeks = Arc::new(WeekPool { folder, kept: Mutex::default() });
        Self { store: Readers::new(store), weeks }
    }

    /// Runs `read` on a thread that may block. Everything it reads from store.db is of the same
    /// commit.
    ///
    /// Dropping the future interrupts it.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        class: ReadClass,
        doing: &'static str,
        read: impl FnOnce(&Reading<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let weeks = Arc::clone(&self.weeks);
        let read =
            move |store: &Connection, end: &ReadEnd| read(&Reading { store, weeks: &weeks, end });
        self.store.read_until(class, doing, read).await
    }

    /// Stops the connections that are open now from being reused, because their files are about to
    /// be deleted.
    pub(crate) fn forget(&self) {
        self.weeks.forget();
    }

    /// Closes the idle connections, so that none keeps a log from being truncated.
    pub(crate) fn close(&self) {
        self.store.close();
        self.weeks.forget();
    }
}

/// What one read sees. It dereferences to store.db.
pub(crate) struct Reading<'a> {
    store: &'a Connection,
    weeks: &'a WeekPool,
    end: &'a ReadEnd,
}

impl Deref for Reading<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.store
    }
}

impl Reading<'_> {
    /// How long the read may go on before it returns what it has.
    pub(crate) fn budget(&self) -> TimeBudget {
        self.end.budget()
    }

    /// Reads the events of `week`, or `None` if the week has no file. A file that a crash left of a
    /// removed week is not read.
    pub(crate) fn week<T>(
        &self,
        week: Week,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Option<T>> {
        if catalog::is_removed(self.store, week)? {
            return Ok(None);
        }
        let Some((mut connection, epoch)) = self.weeks.take(week)? else { return Ok(None) };
        self.end.interrupt(&mut connection)?;
        let value = read(&connection)?;
        ReadEnd::forget(&mut connection)?;
        self.weeks.give_back(week, connection, epoch);
        Ok(Some(value))
    }
}

/// Connections to files of events. Each read in progress uses at most one, and few are kept.
#[derive(Debug)]
struct WeekPool {
    folder: PathBuf,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// The most recently used one is last.
    idle: VecDeque<(Week, Connection)>,
    /// How often all connections were discarded.
    epoch: u64,
}

impl WeekPool {
    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, week: Week) -> rusqlite::Result<Option<(Connection, u64)>> {
        let epoch = {
            let mut kept = self.kept();
            let epoch = kept.epoch;
            let found = kept.idle.iter().rposition(|(of, _)| *of == week);
            if let Some((_, connection)) = found.and_then(|at| kept.idle.remove(at)) {
                return Ok(Some((connection, epoch)));
            }
            epoch
        };
        let path = path(&self.folder, week);
        match open_reader(&path) {
            Ok(connection) => Ok(Some((connection, epoch))),
            // Removed since the read began.
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::CannotOpen) && !path.exists() =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn give_back(&self, week: Week, connection: Connection, epoch: u64) {
        let mut kept = self.kept();
        if kept.epoch == epoch {
            kept.idle.push_back((week, connection));
            if kept.idle.len() > IDLE_MAX {
                kept.idle.pop_front();
            }
        }
    }

    fn forget(&self) {
        let mut kept = self.kept();
        kept.epoch += 1;
        kept.idle.clear();
    }
}

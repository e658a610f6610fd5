//! `store.db`, which holds outcomes, ledgers, counters and keys, and the files of events beside it.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use super::OpenError;
use super::deliveries::queue;
use super::deliveries::routed::Routes;
use super::file::checkpoint::{Checkpointer, Logs};
use super::file::connection::{Layout, Step, check_current, migrate, open_reader, open_writer};
use super::file::transaction::WriteTarget;
use super::read::sql_process::SqlProcesses;
use super::tallies::fill;
use super::weeks::files::StoreFiles;
use super::weeks::open::{OpenWeeks, WeekNotOpen};
use super::weeks::readers::WeekReaders;
use super::weeks::upgrade;
use super::writer::handle::Writer;
use super::writer::step::{Change, Guard, Host};
use crate::metrics::commits::CommitSums;
use crate::store::{Answer, Opening, Route, StoreError, Week, WriterLimits};
use crate::system::supervisor::Supervisor;

pub(crate) const SCHEMA: [Step; 14] = [
    ("V1__events", include_str!("../../../migrations/sqlite/store/V1__events.sql")),
    ("V2__key_rules", include_str!("../../../migrations/sqlite/store/V2__key_rules.sql")),
    ("V3__deliveries", include_str!("../../../migrations/sqlite/store/V3__deliveries.sql")),
    ("V4__recent", include_str!("../../../migrations/sqlite/store/V4__recent.sql")),
    ("V5__week_schema", include_str!("../../../migrations/sqlite/store/V5__week_schema.sql")),
    (
        "V6__words_and_refusals",
        include_str!("../../../migrations/sqlite/store/V6__words_and_refusals.sql"),
    ),
    (
        "V7__delivery_failures",
        include_str!("../../../migrations/sqlite/store/V7__delivery_failures.sql"),
    ),
    ("V8__profile_words", include_str!("../../../migrations/sqlite/store/V8__profile_words.sql")),
    ("V9__sources", include_str!("../../../migrations/sqlite/store/V9__sources.sql")),
    ("V10__trends", include_str!("../../../migrations/sqlite/store/V10__trends.sql")),
    ("V11__alerts", include_str!("../../../migrations/sqlite/store/V11__alerts.sql")),
    ("V12__console", include_str!("../../../migrations/sqlite/store/V12__console.sql")),
    ("V13__rollups", include_str!("../../../migrations/sqlite/store/V13__rollups.sql")),
    ("V14__discarded", include_str!("../../../migrations/sqlite/store/V14__discarded.sql")),
];

pub(crate) const LAYOUT: Layout = Layout { page_bytes: 4 * 1024, cache_kib: 8 * 1024 };

/// The embedded store.
#[derive(Debug)]
pub struct SqliteStore {
    pub(crate) writer: Writer<StoreFiles>,
    pub(crate) readers: WeekReaders,
    pub(crate) routes: Routes,
    pub(crate) queued: watch::Sender<u64>,
    pub(crate) folder: PathBuf,
    pub(crate) changes: watch::Sender<u64>,
    checkpointer: Mutex<Option<Checkpointer>>,
    /// The processes of statements that users write.
    pub(crate) sql_processes: SqlProcesses,
}

impl SqliteStore {
    /// Opens the database at `path` and the files of events beside it, or creates them. Every event
    /// that is stored from then on is owed to the sinks that `routes` sends it to.
    ///
    /// Releases the leases of an earlier process: it has ended, because this one holds the lock on
    /// the data directory. Resumes sinks that were stopped: a start is a new attempt. Deliveries to
    /// a sink that no longer has a route stay queued.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(path: &Path, limits: WriterLimits, routes: Vec<Route>) -> Result<Self, OpenError> {
        Self::open_supervised(path, limits, routes, &Supervisor::default())
    }

    /// Opens the database as [`Self::open`] does, with its threads under `supervisor`.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_supervised(
        path: &Path,
        limits: WriterLimits,
        routes: Vec<Route>,
        supervisor: &Supervisor,
    ) -> Result<Self, OpenError> {
        Self::open_as(path, limits, Opening::Serve(routes), supervisor)
    }

    /// Opens the database for a purpose, with its threads under `supervisor`.
    ///
    /// # Errors
    /// [`OpenError`].
    pub(crate) fn open_as(
        path: &Path,
        limits: WriterLimits,
        opening: Opening,
        supervisor: &Supervisor,
    ) -> Result<Self, OpenError> {
        let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
        let only_reads = opening.only_reads();
        let (files, routes) = match opening {
            Opening::Read => (open_to_read(path, &folder)?, Routes::default()),
            Opening::Change => (open_to_write(path, &folder)?, Routes::default()),
            Opening::Serve(routes) => {
                let mut files = open_to_write(path, &folder)?;
                let sqlite = |source| OpenError::Sqlite { path: path.to_owned(), source };
                let routes = Routes::set(&mut files.store, routes).map_err(sqlite)?;
                (files, routes)
            }
        };
        let queued = watch::Sender::new(0);
        let host =
            StoreHost { path: path.to_owned(), folder: folder.clone(), queued: queued.clone() };
        let writer = Writer::start("writer of store.db", limits, files, host, supervisor)
            .map_err(|source| OpenError::Thread { path: path.to_owned(), source })?;
        let readers = WeekReaders::new(path.to_owned(), folder.clone());
        let checkpointer = if only_reads {
            None
        } else {
            let (name, logs) = ("checkpointer of store.db", Logs::OfStore(path.to_owned()));
            let started = Checkpointer::start(name, logs, supervisor);
            Some(started.map_err(|source| OpenError::Thread { path: path.to_owned(), source })?)
        };
        Ok(Self {
            writer,
            readers,
            routes,
            queued,
            folder,
            changes: watch::Sender::new(0),
            checkpointer: Mutex::new(checkpointer),
            sql_processes: SqlProcesses::new(path.to_owned()),
        })
    }

    /// The same store, which runs statements of users with `program`, a binary of Lamplight, and
    /// not with the one that is running.
    #[must_use]
    pub fn with_sql_program(mut self, program: PathBuf) -> Self {
        self.sql_processes.set_program(program);
        self
    }

    /// Runs a step that writes events of `week`. If the week's file is not open, an earlier
    /// transaction opens it.
    pub(crate) async fn in_week<T: Send + 'static>(
        &self,
        doing: &'static str,
        week: Week,
        step: impl Fn(&mut StoreFiles, &mut Change) -> rusqlite::Result<Result<T, WeekNotOpen>>
        + Clone
        + Send
        + 'static,
    ) -> Result<T, StoreError> {
        loop {
            let step = step.clone();
            let done =
                self.writer.write(doing, Guard::Alone, 0, move |files, change| step(files, change));
            match done.await? {
                Ok(value) => return Ok(value),
                Err(WeekNotOpen) => self.admit(week).await?,
            }
        }
    }

    async fn admit(&self, week: Week) -> Result<(), StoreError> {
        let admitted = self.writer.write(
            "open a week's file of events",
            Guard::Alone,
            0,
            move |files: &mut StoreFiles, _| files.weeks.admit(&files.store, week),
        );
        admitted.await
    }
}

/// Opens the files for the writer, and completes or undoes what a crash left.
fn open_to_write(path: &Path, folder: &Path) -> Result<StoreFiles, OpenError> {
    let mut store = open_writer(path, LAYOUT)?;
    migrate(&mut store, path, &SCHEMA)?;
    queue::release_all(&store)
        .map_err(|source| OpenError::Sqlite { path: path.to_owned(), source })?;
    upgrade::run(&store, path, folder)?;
    let weeks = OpenWeeks::open(&store, folder)?;
    fill::fill_once(&mut store, folder)
        .map_err(|source| OpenError::Sqlite { path: path.to_owned(), source })?;
    Ok(StoreFiles::new(store, weeks))
}

/// Opens the files without changing them, if they can be read as they are.
fn open_to_read(path: &Path, folder: &Path) -> Result<StoreFiles, OpenError> {
    let sqlite = |source| OpenError::Sqlite { path: path.to_owned(), source };
    let store = open_reader(path).map_err(sqlite)?;
    check_current(&store, path, &SCHEMA)?;
    upgrade::check(&store, path, folder)?;
    let weeks = OpenWeeks::none(&store, folder)?;
    Ok(StoreFiles::new(store, weeks))
}

struct StoreHost {
    path: PathBuf,
    folder: PathBuf,
    queued: watch::Sender<u64>,
}

impl Host for StoreHost {
    type Target = StoreFiles;
    const LOWERS_PRIORITY: bool = true;

    fn open(&mut self) -> Result<StoreFiles, OpenError> {
        let sqlite = |source| OpenError::Sqlite { path: self.path.clone(), source };
        let mut store = open_writer(&self.path, LAYOUT)?;
        store.checkpoint().map_err(sqlite)?;
        let weeks = OpenWeeks::open(&store, &self.folder)?;
        Ok(StoreFiles::new(store, weeks))
    }

    fn committed(&mut self, change: Change) {
        if change.deliveries > 0 {
            self.queued.send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}

impl crate::store::Database for SqliteStore {
    fn is_up(&self) -> bool {
        self.writer.is_up()
    }

    fn commits(&self) -> CommitSums {
        self.writer.commits()
    }

    fn close(&self) -> Answer<'_, ()> {
        self.readers.close();
        self.checkpointer.lock().unwrap_or_else(PoisonError::into_inner).take();
        Box::pin(self.writer.close())
    }
}

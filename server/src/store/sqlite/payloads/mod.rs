//! `intake.db`: raw payloads, and the queue of those that wait to be processed.

mod archive;
pub(crate) mod kept_body;
mod open;
mod payload_queue;
pub(crate) mod queue;
pub(crate) mod replays;
pub(crate) mod set_aside;
mod unprocessed;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use super::OpenError;
use super::file::checkpoint::{Checkpointer, Logs};
use super::file::connection::{Step, check_current, migrate, open_reader};
use super::file::readers::Readers;
use super::writer::handle::Writer;
use super::writer::step::{Change, Host};
use crate::metrics::commits::CommitSums;
use crate::store::share::{SHARES, Wakers};
use crate::store::{Answer, Database, Opening, WriterLimits};
use crate::system::supervisor::Supervisor;
pub(crate) use open::open_to_write;

pub(crate) const SCHEMA: [Step; 5] = [
    ("V1__payloads", include_str!("../../../../migrations/sqlite/intake/V1__payloads.sql")),
    ("V2__shares", include_str!("../../../../migrations/sqlite/intake/V2__shares.sql")),
    ("V3__set_aside", include_str!("../../../../migrations/sqlite/intake/V3__set_aside.sql")),
    ("V4__discarded", include_str!("../../../../migrations/sqlite/intake/V4__discarded.sql")),
    ("V5__compressed", include_str!("../../../../migrations/sqlite/intake/V5__compressed.sql")),
];

/// The size of the queue, as of the last commit.
#[derive(Debug, Default)]
struct Gauges {
    payloads: AtomicI64,
    events: AtomicI64,
    set_aside: AtomicI64,
    set_aside_events: AtomicI64,
}

/// The embedded payload queue, archive and replays.
#[derive(Debug)]
pub struct SqliteIntake {
    writer: Writer<Connection>,
    readers: Readers,
    gauges: Arc<Gauges>,
    staged: Arc<Wakers>,
    checkpointer: Mutex<Option<Checkpointer>>,
}

impl SqliteIntake {
    /// Opens the database, or creates it. Releases the leases of an earlier process: it has ended,
    /// because this one holds the lock on the data directory.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(
        path: &Path,
        limits: WriterLimits,
        supervisor: &Supervisor,
    ) -> Result<Self, OpenError> {
        Self::open_as(path, limits, &Opening::Serve(Vec::new()), supervisor)
    }

    /// Opens the database for a purpose.
    ///
    /// # Errors
    /// [`OpenError`].
    pub(crate) fn open_as(
        path: &Path,
        limits: WriterLimits,
        opening: &Opening,
        supervisor: &Supervisor,
    ) -> Result<Self, OpenError> {
        let sqlite = |source| OpenError::Sqlite { path: path.to_owned(), source };
        let gauges = Arc::new(Gauges::default());
        let staged = Arc::<Wakers>::default();
        let host = IntakeHost {
            path: path.to_owned(),
            gauges: Arc::clone(&gauges),
            staged: Arc::clone(&staged),
        };
        let connection = if opening.only_reads() {
            let connection = open_reader(path).map_err(sqlite)?;
            check_current(&connection, path, &SCHEMA)?;
            connection
        } else {
            let mut connection = open_to_write(path)?;
            migrate(&mut connection, path, &SCHEMA)?;
            queue::release_all(&connection).map_err(sqlite)?;
            connection
        };
        host.count(&connection).map_err(sqlite)?;
        let thread = |source| OpenError::Thread { path: path.to_owned(), source };
        let writer = Writer::start("writer of intake.db", limits, connection, host, supervisor)
            .map_err(thread)?;
        let checkpointer = if opening.only_reads() {
            None
        } else {
            let (name, logs) = ("checkpointer of intake.db", Logs::Of(path.to_owned()));
            Some(Checkpointer::start(name, logs, supervisor).map_err(thread)?)
        };
        let (readers, checkpointer) = (Readers::new(path.to_owned()), Mutex::new(checkpointer));
        Ok(Self { writer, readers, gauges, staged, checkpointer })
    }
}

struct IntakeHost {
    path: PathBuf,
    gauges: Arc<Gauges>,
    staged: Arc<Wakers>,
}

impl IntakeHost {
    fn count(&self, connection: &Connection) -> rusqlite::Result<()> {
        let (payloads, events) = queue::count(connection)?;
        self.gauges.payloads.store(payloads, Ordering::Relaxed);
        self.gauges.events.store(events, Ordering::Relaxed);
        let (payloads, events) = set_aside::count(connection)?;
        self.gauges.set_aside.store(payloads, Ordering::Relaxed);
        self.gauges.set_aside_events.store(events, Ordering::Relaxed);
        Ok(())
    }
}

impl Host for IntakeHost {
    type Target = Connection;
    /// Clients wait for what it writes.
    const LOWERS_PRIORITY: bool = false;

    fn open(&mut self) -> Result<Connection, OpenError> {
        let connection = open_to_write(&self.path)?;
        // A checkpoint writes and syncs both files, so it proves that the disk takes writes.
        connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .and_then(|()| self.count(&connection))
            .map_err(|source| OpenError::Sqlite { path: self.path.clone(), source })?;
        Ok(connection)
    }

    fn committed(&mut self, change: Change) {
        self.gauges.payloads.fetch_add(change.payloads, Ordering::Relaxed);
        self.gauges.events.fetch_add(change.events, Ordering::Relaxed);
        self.gauges.set_aside.fetch_add(change.set_aside, Ordering::Relaxed);
        self.gauges.set_aside_events.fetch_add(change.set_aside_events, Ordering::Relaxed);
        for share in (0..SHARES).filter(|share| change.staged_shares & 1 << share != 0) {
            self.staged.wake(share);
        }
    }
}

impl Database for SqliteIntake {
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

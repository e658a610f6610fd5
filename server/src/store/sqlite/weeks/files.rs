//! store.db and the files of events, committed together.

use std::ops::Deref;

use rusqlite::Connection;

use super::open::OpenWeeks;
use crate::store::sqlite::apply::ledger_cache::LedgerCache;
use crate::store::sqlite::file::transaction::WriteTarget;
use crate::store::sqlite::tallies::TallyCache;

/// store.db and the files of events that are open for writing. It dereferences to store.db.
#[derive(Debug)]
pub(crate) struct StoreFiles {
    /// store.db.
    pub(crate) store: Connection,
    /// The events.
    pub(crate) weeks: OpenWeeks,
    /// What the open transaction has counted so far.
    pub(crate) tallies: TallyCache,
    /// The ledgers as of the step that runs.
    pub(crate) ledgers: LedgerCache,
}

impl StoreFiles {
    /// Files that are open, and that no transaction has changed.
    pub(crate) fn new(store: Connection, weeks: OpenWeeks) -> Self {
        Self { store, weeks, tallies: TallyCache::default(), ledgers: LedgerCache::default() }
    }
}

impl Deref for StoreFiles {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.store
    }
}

impl WriteTarget for StoreFiles {
    fn begin(&mut self) -> rusqlite::Result<()> {
        self.store.begin()
    }

    /// Commits the events first and store.db last. Until store.db is committed, nothing of the
    /// transaction counts, and rows that do not count are deleted when the files are next opened.
    fn commit(&mut self) -> rusqlite::Result<()> {
        self.weeks.commit()?;
        self.store.commit()
    }

    fn begin_step(&mut self) -> rusqlite::Result<()> {
        self.weeks.begin_step()?;
        self.store.begin_step()
    }

    fn undo_step(&mut self) -> rusqlite::Result<()> {
        self.tallies.forget();
        self.ledgers.clear();
        self.weeks.undo_step()?;
        self.store.undo_step()
    }

    fn end_step(&mut self) -> rusqlite::Result<()> {
        self.weeks.end_step()?;
        self.store.end_step()
    }

    fn checkpoint(&mut self) -> rusqlite::Result<()> {
        self.weeks.checkpoint()?;
        self.store.checkpoint()
    }

    /// The files of the weeks are on the same disk, and are written when they are opened.
    fn probe(&mut self) -> rusqlite::Result<()> {
        self.store.probe()
    }
}

//! store.db and the files of events, written together.

use std::ops::Deref;

use rusqlite::Connection;

use super::open::OpenWeeks;
use crate::store::sqlite::file::transaction::Database;

/// store.db and the files of events that are open for writing. A step that needs no events takes it for store.db.
#[derive(Debug)]
pub(crate) struct Files {
    /// What came of payloads, but for the events.
    pub(crate) store: Connection,
    /// The events.
    pub(crate) weeks: OpenWeeks,
}

impl Deref for Files {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.store
    }
}

impl Database for Files {
    fn begin(&mut self) -> rusqlite::Result<()> {
        self.store.begin()
    }

    /// The events first, store.db last: until it is committed nothing of the transaction counts, and what does not
    /// count is deleted when the files are next opened.
    fn commit(&mut self) -> rusqlite::Result<()> {
        self.weeks.commit()?;
        self.store.commit()
    }

    fn begin_step(&mut self) -> rusqlite::Result<()> {
        self.weeks.begin_step()?;
        self.store.begin_step()
    }

    fn undo_step(&mut self) -> rusqlite::Result<()> {
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
}

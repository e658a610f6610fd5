//! One process's handle on tables, and its transactions.

use std::future::ready;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use lamplight_server::store::{Answer, StoreError};

/// A handle on tables that other handles share, until it is closed.
pub(super) struct Tables<T> {
    tables: Arc<Mutex<T>>,
    is_open: AtomicBool,
}

impl<T: Clone> Tables<T> {
    pub(super) fn open(tables: Arc<Mutex<T>>) -> Self {
        Self { tables, is_open: AtomicBool::new(true) }
    }

    pub(super) fn is_open(&self) -> bool {
        self.is_open.load(Ordering::SeqCst)
    }

    pub(super) fn close(&self) {
        self.is_open.store(false, Ordering::SeqCst);
    }

    /// Reads, at one moment.
    pub(super) fn read<R>(&self, read: impl FnOnce(&T) -> R) -> Result<R, StoreError> {
        self.check_open()?;
        Ok(read(&self.tables.lock().unwrap()))
    }

    /// Changes everything that `write` changes, or nothing if it fails.
    pub(super) fn write<R>(
        &self,
        write: impl FnOnce(&mut T) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        self.check_open()?;
        let mut tables = self.tables.lock().unwrap();
        let mut changed = tables.clone();
        let result = write(&mut changed)?;
        *tables = changed;
        Ok(result)
    }

    fn check_open(&self) -> Result<(), StoreError> {
        if self.is_open() { Ok(()) } else { Err(StoreError::Down { retry_after_s: 1 }) }
    }
}

/// An answer that is there already.
pub(super) fn answer<'a, R: Send + 'a>(result: Result<R, StoreError>) -> Answer<'a, R> {
    Box::pin(ready(result))
}

/// An error of a row that breaks what the tables assert.
pub(super) fn conflict(doing: &'static str, what: String) -> StoreError {
    StoreError::database(doing, std::io::Error::other(what))
}

//! Read-only connections: a few, opened on demand, each used by one caller at a time.
//!
//! In WAL mode a reader sees the last commit before it began and never makes the writer wait.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::connection::open_reader;
use crate::store::StoreError;

/// The most reads at a time. Others wait.
const READERS: usize = 4;

/// Read-only connections to one database.
#[derive(Debug)]
pub(crate) struct Readers {
    path: Arc<PathBuf>,
    idle: Arc<Mutex<Vec<Connection>>>,
    turns: Arc<Semaphore>,
}

impl Readers {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path: Arc::new(path),
            idle: Arc::new(Mutex::new(Vec::new())),
            turns: Arc::new(Semaphore::new(READERS)),
        }
    }

    /// Runs `read` on a thread that may block. All of it sees the same commit.
    ///
    /// Dropping the future does not stop a read that has begun.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        doing: &'static str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let down = StoreError::Down { retry_after_s: 1 };
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| down.clone())?;
        let (path, idle) = (Arc::clone(&self.path), Arc::clone(&self.idle));
        let reading = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut connection = match kept {
                Some(connection) => connection,
                None => open_reader(&path)?,
            };
            let value = read(&*connection.transaction()?)?;
            // A connection is not reused after an error.
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            Ok(value)
        });
        match reading.await {
            Ok(read) => read.map_err(|error: rusqlite::Error| StoreError::database(doing, error)),
            Err(_) => Err(down),
        }
    }

    /// Closes the idle connections, so that none keeps the log from being truncated.
    pub(crate) fn close(&self) {
        self.turns.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

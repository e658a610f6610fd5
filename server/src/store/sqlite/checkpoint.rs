//! Checkpoints beside a writer: a thread copies the write-ahead log into the database while the writer goes on.
//!
//! Copying and syncing megabytes takes longer than an answer may wait. A passive checkpoint on a connection of its own holds
//! nobody up; what it leaves for the writer's own checkpoint, when the log is at its limit, is next to nothing.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use rusqlite::Connection;

use super::connection::open_checkpointer;
use crate::priority::stand_back;

/// How often it looks.
const EVERY: Duration = Duration::from_millis(250);
/// A log this small is left alone.
const LOG_BYTES_MIN: u64 = 4 * 1024 * 1024;

/// The thread. Ends when this is dropped.
#[derive(Debug)]
pub(super) struct Checkpointer {
    _stop: Sender<()>,
}

impl Checkpointer {
    /// Starts copying the log of the database at `path`, whenever it has grown.
    pub(super) fn start(path: &Path) -> std::io::Result<Self> {
        let (stop, stopped) = channel::<()>();
        let path = path.to_owned();
        let run = move || {
            stand_back();
            let mut work = Work { path, connection: None, copied: None };
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                if let Err(error) = work.copy() {
                    // The writer finds out what is wrong with the disk; it has someone to tell.
                    tracing::debug!(%error, "failed to copy the log into the database");
                    work.connection = None;
                }
            }
        };
        std::thread::Builder::new().name("checkpointer".to_owned()).spawn(run)?;
        Ok(Self { _stop: stop })
    }
}

struct Work {
    path: PathBuf,
    connection: Option<Connection>,
    /// When the log was last written to, of what is copied already.
    copied: Option<std::time::SystemTime>,
}

impl Work {
    fn copy(&mut self) -> rusqlite::Result<()> {
        let mut log = self.path.clone().into_os_string();
        log.push("-wal");
        let Ok(log) = std::fs::metadata(log) else { return Ok(()) };
        let written = log.modified().ok();
        if log.len() < LOG_BYTES_MIN || written == self.copied {
            return Ok(());
        }
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => open_checkpointer(&self.path)?,
        };
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        self.copied = written;
        self.connection = Some(connection);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::connection::{Layout, open_writer};
    use super::*;

    fn pages_in_database(path: &Path) -> u64 {
        std::fs::metadata(path).unwrap().len() / 4096
    }

    #[test]
    fn a_log_that_grew_is_copied_while_its_writer_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let writer = open_writer(&path, Layout { page_bytes: 4096, cache_kib: 1024 }).unwrap();
        writer.execute_batch("CREATE TABLE kept (bytes BLOB)").unwrap();
        let _checkpointer = Checkpointer::start(&path).unwrap();
        let keep = || writer.execute("INSERT INTO kept VALUES (zeroblob(1000000))", []).unwrap();
        keep();
        std::thread::sleep(2 * EVERY);
        assert!(pages_in_database(&path) < 100, "a small log is left alone");
        for _ in 0..8 {
            keep();
        }
        for _ in 0..100 {
            if pages_in_database(&path) > 2_000 {
                return;
            }
            std::thread::sleep(EVERY);
        }
        unreachable!("nothing copied the log");
    }
}

//! Copying a database that is held at one moment, page by page.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::HeldFile;
use crate::system::private_file;
use crate::system::throttle::{Throttle, WORK_BYTES};

/// A database cannot be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// SQLite reported an error.
    #[error("copy database {} to {}", from.display(), to.display())]
    Sqlite {
        /// The database.
        from: PathBuf,
        /// The copy.
        to: Box<Path>,
        /// SQLite's error.
        #[source]
        source: rusqlite::Error,
    },
    /// The copy cannot be written.
    #[error("write {}", path.display())]
    Write {
        /// The copy.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The server writes more than the target takes.
    #[error(
        "copy database {}: its write-ahead log grew by {grown_mib} MiB meanwhile, and would fill the \
         disk of the server, because the target is slow. Write the backup to a faster disk, and \
         copy it from there",
        path.display()
    )]
    LogGrew {
        /// The database.
        path: PathBuf,
        /// By how much, in MiB.
        grown_mib: u64,
    },
}

/// How far a copy is.
#[derive(Debug, Clone, Copy)]
pub struct CopyStep {
    /// Bytes that were copied.
    pub done_bytes: u64,
    /// Bytes in all.
    pub total_bytes: u64,
}

/// What tells whether a database is the one that an earlier backup copied. The content decides. In
/// WAL mode SQLite does not count changes in the file, and times can be set.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FileState {
    /// What can be told without reading the file.
    #[serde(flatten)]
    pub glance: FileGlance,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
}

/// What can be told of a database without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FileGlance {
    /// The number of the last batch that counts, which is what the server counts changes with.
    pub batch: i64,
    /// The version of the schema.
    pub schema: i64,
    /// Size of the file, in bytes.
    pub bytes: u64,
}

impl HeldFile {
    /// Its size, in bytes.
    ///
    /// # Errors
    /// [`CopyError::Sqlite`].
    pub fn bytes(&self) -> Result<u64, CopyError> {
        let sql = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
        self.connection.query_row(sql, [], |row| row.get(0)).map_err(|source| self.failed(source))
    }

    /// What can be told of a file of events without reading it, or nothing if changes wait in its
    /// log. The file stays what it is while this value lives, because no log is copied into a file
    /// that is read from.
    pub fn glance(&self, batch: i64) -> Option<FileGlance> {
        if !self.log.is_empty() {
            return None;
        }
        let bytes = std::fs::metadata(self.path()).ok()?.len();
        Some(FileGlance { batch, schema: self.schema, bytes })
    }

    /// Writes it to `to`, a new file for the user of the process only. The copy is synced, has no
    /// log, and needs none: it is not in WAL mode until a server opens it.
    ///
    /// # Errors
    /// [`CopyError`]. What is left of the copy is of no use.
    pub fn copy(
        &self,
        to: &Path,
        throttle: Throttle,
        step: &mut dyn FnMut(CopyStep),
    ) -> Result<(), CopyError> {
        let failed =
            |source| CopyError::Sqlite { from: self.path().to_owned(), to: to.into(), source };
        let write = |source| CopyError::Write { path: to.to_owned(), source };
        let file = private_file::create_new(to).map_err(write)?;
        let mut copy = Connection::open(to).map_err(failed)?;
        copy.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")
            .map_err(failed)?;
        let mut work = throttle.begin();
        self.copy_pages(&mut copy, &mut |done, bytes| {
            step(done);
            work.wrote(&file, bytes).map_err(write)
        })?;
        drop(copy);
        file.sync_all().map_err(write)?;
        // SQLite must not lose its locks, which closing any handle of the file releases.
        drop(file);
        let copy = Connection::open(to).map_err(failed)?;
        copy.execute_batch("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE")
            .map_err(failed)?;
        copy.close().map_err(|(_, source)| failed(source))?;
        let mut options = std::fs::OpenOptions::new();
        private_file::open(options.write(true), to).and_then(|it| it.sync_all()).map_err(write)
    }

    fn copy_pages(
        &self,
        copy: &mut Connection,
        step: &mut dyn FnMut(CopyStep, u64) -> Result<(), CopyError>,
    ) -> Result<(), CopyError> {
        let failed = |source| self.failed(source);
        let page_bytes: u64 =
            self.connection.query_row("PRAGMA page_size", [], |row| row.get(0)).map_err(failed)?;
        let pages = i32::try_from(WORK_BYTES as u64 / page_bytes.max(1)).unwrap_or(1).max(1);
        let backup = Backup::new(&self.connection, copy).map_err(failed)?;
        let mut copied_bytes = 0;
        loop {
            // The transaction is open already, so nothing that is committed meanwhile is seen, and
            // the copy never begins again.
            let result = backup.step(pages).map_err(failed)?;
            let progress = backup.progress();
            let bytes = |pages: i32| u64::try_from(pages).unwrap_or(0) * page_bytes;
            let total_bytes = bytes(progress.pagecount);
            let done_bytes = total_bytes - bytes(progress.remaining);
            step(CopyStep { done_bytes, total_bytes }, done_bytes.saturating_sub(copied_bytes))?;
            copied_bytes = done_bytes;
            match result {
                StepResult::Done => return Ok(()),
                StepResult::More => {}
                _ => std::thread::sleep(std::time::Duration::from_millis(5)),
            }
            if let Some(grown_mib) = self.log.grown_mib() {
                return Err(CopyError::LogGrew { path: self.path().to_owned(), grown_mib });
            }
        }
    }

    fn failed(&self, source: rusqlite::Error) -> CopyError {
        let path = self.path().to_owned();
        CopyError::Sqlite { from: path.clone(), to: path.into(), source }
    }
}

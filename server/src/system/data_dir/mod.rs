//! The data directory: created if missing, locked for one process at a time, and never shared by
//! the demo and the real server.

mod error;
mod exposure;
mod lock;
mod moved;
mod purpose;
mod restores;
mod restoring;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

pub use error::DataDirError;
use lock::Lock;
pub use moved::{MOVED, MoveState, Moved};
use purpose::DEMO_MARK;
pub use purpose::Purpose;
pub use restores::{PastRestore, RESTORES, read_restores, write_restores};
pub use restoring::{RESTORING, SMALL_FILES, check_restored, clear_restore, has_content};

use super::private_file;

/// The name of the database of raw payloads.
const INTAKE_DB: &str = "intake.db";
/// The name of the database of processed events.
const STORE_DB: &str = "store.db";

/// A data directory that no other process can open while this value lives.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    /// The directories that a start has created, the innermost first. They are removed with the
    /// value, unless the start succeeds.
    created: Vec<PathBuf>,
    is_kept: AtomicBool,
    /// Until the value is dropped.
    lock: Option<Lock>,
}

impl Drop for DataDir {
    /// The lock is still held, so no other process uses the directory. Only Windows does not remove
    /// a file that is open: there, one that another process has locked since stays.
    fn drop(&mut self) {
        let _held = self.lock.take().filter(|_| cfg!(unix));
        if self.is_kept.load(Ordering::Acquire) {
            return;
        }
        let mut created = self.created.iter();
        let Some(data) = created.next() else { return };
        // No client was answered yet, so its databases are empty.
        let removed = remove_own_files(data).and_then(|()| std::fs::remove_dir(data));
        let removed = removed.and_then(|()| created.try_for_each(std::fs::remove_dir));
        if let Err(error) = removed {
            tracing::warn!(%error, path = %data.display(), "failed to remove a new data directory");
        }
    }
}

impl DataDir {
    /// Locks a directory that holds the data of a server.
    ///
    /// # Errors
    /// [`DataDirError`], also when there is no data. It creates nothing then.
    pub fn open_existing(path: &Path) -> Result<Self, DataDirError> {
        if !path.join(INTAKE_DB).is_file() {
            return Err(DataDirError::NoData { path: path.to_owned() });
        }
        Self::open(path, Purpose::Any)
    }

    /// Locks a directory to move everything out of it, or into it. It may be one that no server
    /// uses any more, or not yet. Creates it if it does not exist.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn open_for_migration(path: &Path) -> Result<Self, DataDirError> {
        let opened = Self::locked(path)?;
        check_restored(path)?;
        Ok(opened)
    }

    /// Opens the directory for a start. If it is new, it is removed again with this value, unless
    /// [`Self::keep`] was called: a start that fails leaves no directory behind.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn open_for_start(path: &Path, purpose: Purpose) -> Result<Self, DataDirError> {
        let missing = path.ancestors().take_while(|path| {
            !path.as_os_str().is_empty() && matches!(path.try_exists(), Ok(false))
        });
        let created: Vec<PathBuf> = missing.map(Path::to_owned).collect();
        let mut opened = Self::locked(path)?;
        check_restored(path)?;
        moved::check(path)?;
        // Another process may have created and filled it in the meantime.
        let is_new = !opened.intake_db().exists() && !opened.store_db().exists();
        if is_new && !created.is_empty() {
            opened.created = created;
            opened.is_kept = AtomicBool::new(false);
        }
        purpose::check(path, purpose)?;
        Ok(opened)
    }

    /// The start has succeeded.
    pub fn keep(&self) {
        self.is_kept.store(true, Ordering::Release);
    }

    /// Creates the directory if it does not exist, and locks it. The lock ends with the process,
    /// however the process ends. A new directory is marked with its purpose, and refuses any other.
    /// A directory that other users can open is reported in the log.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn open(path: &Path, purpose: Purpose) -> Result<Self, DataDirError> {
        let opened = Self::locked(path)?;
        check_restored(path)?;
        moved::check(path)?;
        purpose::check(path, purpose)?;
        Ok(opened)
    }

    fn locked(path: &Path) -> Result<Self, DataDirError> {
        private_file::create_dir_all(path)
            .map_err(|source| DataDirError::Create { path: path.to_owned(), source })?;
        let lock = Lock::acquire(path)?;
        exposure::warn(path);
        let (path, is_kept) = (path.to_owned(), AtomicBool::new(true));
        Ok(Self { path, created: Vec::new(), is_kept, lock: Some(lock) })
    }

    /// The database of raw payloads.
    pub fn intake_db(&self) -> PathBuf {
        self.path.join(INTAKE_DB)
    }

    /// The database of processed events.
    pub fn store_db(&self) -> PathBuf {
        self.path.join(STORE_DB)
    }

    /// The file with the last known time.
    pub fn clock_file(&self) -> PathBuf {
        self.path.join("clock")
    }

    /// Path of the directory.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Removes the files that a start creates. Anything else in the directory is not ours.
fn remove_own_files(path: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(path)? {
        let name = entry?.file_name();
        let is_own = ["lock", "clock", "clock.new", DEMO_MARK].iter().any(|own| *own == name)
            || [".db", ".db-wal", ".db-shm"]
                .iter()
                .any(|end| name.as_encoded_bytes().ends_with(end.as_bytes()));
        if is_own {
            std::fs::remove_file(path.join(name))?;
        }
    }
    Ok(())
}

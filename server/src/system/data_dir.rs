//! The data directory: made, writable, and locked for one server at a time.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// It cannot be made.
    #[error("make data directory {}; give another with --data", path.display())]
    Make {
        /// Where.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Nothing can be written in it.
    #[error(
        "write in data directory {}; make it writable for this user, or give another with --data",
        path.display()
    )]
    NotWritable {
        /// Where.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another server uses it.
    #[error(
        "lock data directory {}: another lamplight is using it. Stop that one, or give this one another with --data",
        path.display()
    )]
    Locked {
        /// Where.
        path: PathBuf,
    },
}

/// A data directory that no other server uses while this value lives.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes the directory if need be, and locks it. The lock ends with the process, however it ends.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        make(path).map_err(|source| DataDirError::Make { path: path.to_owned(), source })?;
        let not_writable = |source| DataDirError::NotWritable { path: path.to_owned(), source };
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("lock"))
            .map_err(not_writable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(DataDirError::Locked { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(not_writable(source)),
        }
    }

    /// Where raw payloads are kept.
    pub fn intake_db(&self) -> PathBuf {
        self.path.join("intake.db")
    }

    /// Where what came of them is kept.
    pub fn store_db(&self) -> PathBuf {
        self.path.join("store.db")
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Only its owner may look into it.
fn make(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_server_is_refused_until_the_first_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        let first = DataDir::open(&path).unwrap();
        assert!(matches!(DataDir::open(&path), Err(DataDirError::Locked { .. })));
        drop(first);
        DataDir::open(&path).unwrap();
    }

    #[test]
    fn a_file_in_its_place_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("taken");
        std::fs::write(&path, "").unwrap();
        assert!(matches!(DataDir::open(&path), Err(DataDirError::Make { .. })));
    }
}

//! The lock of a data directory: one process at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use super::DataDirError;
use crate::system::private_file;

/// `FILE_SHARE_READ` and `FILE_SHARE_WRITE` (`CreateFileW`, learn.microsoft.com).
#[cfg(windows)]
const SHARE_ALL_BUT_DELETING: u32 = 1 | 2;

/// Held while a process uses a data directory. The system releases it with the process, however
/// that ends.
///
/// It is on the directory itself, which cannot be deleted while the databases are in it. The file
/// `lock` is locked, too: earlier versions know only that, and so do systems that cannot lock a
/// directory. Windows does not let anybody delete or rename the file meanwhile.
#[derive(Debug)]
pub(super) struct Lock {
    #[cfg(unix)]
    _directory: Option<File>,
    _file: File,
}

impl Lock {
    /// Locks the directory at `path`.
    pub(super) fn acquire(path: &Path) -> Result<Self, DataDirError> {
        let not_writable = |source| DataDirError::NotWritable { path: path.to_owned(), source };
        let locked = || DataDirError::Locked { path: path.to_owned() };
        #[cfg(unix)]
        let directory = match lock_directory(path) {
            Ok(directory) => directory,
            Err(TryLockError::WouldBlock) => return Err(locked()),
            Err(TryLockError::Error(error)) => {
                tracing::warn!(
                    %error,
                    "failed to lock the data directory itself; never delete its file `lock` while \
                     a server runs"
                );
                None
            }
        };
        let mut options = OpenOptions::new();
        options.write(true);
        // Whoever could delete the file could start a second server.
        #[cfg(windows)]
        std::os::windows::fs::OpenOptionsExt::share_mode(&mut options, SHARE_ALL_BUT_DELETING);
        let file =
            private_file::open_or_create(&mut options, &path.join("lock")).map_err(not_writable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self {
                #[cfg(unix)]
                _directory: directory,
                _file: file,
            }),
            Err(TryLockError::WouldBlock) => Err(locked()),
            Err(TryLockError::Error(source)) => Err(not_writable(source)),
        }
    }
}

#[cfg(unix)]
fn lock_directory(path: &Path) -> Result<Option<File>, TryLockError> {
    let directory = File::open(path).map_err(TryLockError::Error)?;
    directory.try_lock()?;
    Ok(Some(directory))
}

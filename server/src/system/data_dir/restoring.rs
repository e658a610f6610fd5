//! A data directory that a backup is being restored to: no server starts on a part of a backup.

use std::io;
use std::path::Path;

use super::purpose::DEMO_MARK;
use super::restores::RESTORES;
use super::{DataDir, DataDirError};

/// The directory in a data directory that a backup is first copied to. While it is there, the rest
/// may be a part of the backup.
pub const RESTORING: &str = "restoring";
/// The files of a data directory that are no databases and that a backup has.
pub const SMALL_FILES: [&str; 3] = ["clock", DEMO_MARK, RESTORES];

/// Refuses a directory that a restore has not finished.
///
/// # Errors
/// [`DataDirError::Restoring`].
pub fn check_restored(path: &Path) -> Result<(), DataDirError> {
    if path.join(RESTORING).symlink_metadata().is_ok() {
        return Err(DataDirError::Restoring { path: path.to_owned() });
    }
    Ok(())
}

impl DataDir {
    /// Locks the directory that a backup is restored to, and creates it if it does not exist.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn open_for_restore(path: &Path) -> Result<Self, DataDirError> {
        Self::locked(path)
    }
}

/// Whether there is anything in a directory that a new data directory does not have.
///
/// # Errors
/// When the directory cannot be read.
pub fn has_content(path: &Path) -> io::Result<bool> {
    for entry in std::fs::read_dir(path)? {
        let name = entry?.file_name();
        // Every new file system has the second one. The last one is left if a migration is killed
        // before it has begun.
        if !["lock", "lost+found", "moved.new"].iter().any(|own| *own == name) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes what a restore that was interrupted has left. The directory had no data before.
///
/// # Errors
/// When it cannot be removed.
pub fn clear_restore(path: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_name() == RESTORING {
            continue;
        }
        let name = entry.file_name();
        let is_database = name.as_encoded_bytes().ends_with(b".db");
        if is_database || SMALL_FILES.iter().any(|own| *own == name) {
            std::fs::remove_file(entry.path())?;
        }
    }
    // Last, so that no server starts on the rest if this is interrupted, too.
    std::fs::remove_dir_all(path.join(RESTORING))
}

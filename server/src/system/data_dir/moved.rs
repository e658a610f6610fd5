//! The record of a migration in a data directory: no server uses one that was left, or that is not
//! complete.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::DataDirError;
use crate::system::private_file;

/// The file that says that the data of a directory was moved to a database, or comes from one.
pub const MOVED: &str = "moved.json";

/// How far a migration is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveState {
    /// What is in the directory is being moved to a database.
    Leaving,
    /// All of it was.
    Left,
    /// What is in a database is being moved to the directory.
    Arriving,
}

/// The record of a migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// How far it is.
    pub state: MoveState,
    /// Its id, which the database has, too.
    pub id: String,
    /// The database, without its password.
    pub place: String,
    /// When it began, in milliseconds since 1970.
    pub begun_ms: i64,
}

impl Moved {
    /// Reads the record of a directory, if it has one.
    ///
    /// # Errors
    /// [`DataDirError::MovedFile`].
    pub fn read(folder: &Path) -> Result<Option<Self>, DataDirError> {
        let path = folder.join(MOVED);
        let failed = |source| DataDirError::MovedFile { path: path.clone(), source };
        let mut text = Vec::new();
        match private_file::open(File::options().read(true), &path) {
            Ok(mut file) => file.read_to_end(&mut text).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        serde_json::from_slice(&text).map(Some).map_err(|error| failed(error.into()))
    }

    /// Writes the record to a directory. It is on disk when this returns.
    ///
    /// # Errors
    /// [`DataDirError::MovedFile`].
    pub fn write(&self, folder: &Path) -> Result<(), DataDirError> {
        let path = folder.join(MOVED);
        self.save(&path).map_err(|source| DataDirError::MovedFile { path, source })
    }

    fn save(&self, path: &Path) -> io::Result<()> {
        let fresh = path.with_extension("new");
        // A crash may have left one.
        match std::fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut writing = private_file::create_new(&fresh)?;
        writing.write_all(&serde_json::to_vec(self)?)?;
        writing.sync_all()?;
        std::fs::rename(&fresh, path)?;
        sync_folder(path)
    }

    /// Removes the record of a directory. Returns whether there was one.
    ///
    /// # Errors
    /// [`DataDirError::MovedFile`].
    pub fn remove(folder: &Path) -> Result<bool, DataDirError> {
        let path = folder.join(MOVED);
        let removed = match std::fs::remove_file(&path) {
            Ok(()) => sync_folder(&path).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        };
        removed.map_err(|source| DataDirError::MovedFile { path, source })
    }
}

/// Makes sure that a change of names is on disk. Windows does so by itself.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

/// Refuses a directory that was moved, or that is not complete.
pub(super) fn check(path: &Path) -> Result<(), DataDirError> {
    let Some(Moved { state, place, begun_ms, .. }) = Moved::read(path)? else { return Ok(()) };
    let path = path.to_owned();
    if state == MoveState::Arriving {
        return Err(DataDirError::Arriving { path, place });
    }
    let date = Timestamp::from_millisecond(begun_ms)
        .map_or_else(|_| begun_ms.to_string(), |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string());
    Err(DataDirError::Moved { path, place, date, is_complete: state == MoveState::Left })
}

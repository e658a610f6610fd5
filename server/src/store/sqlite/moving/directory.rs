//! The files of a data directory that is moved, or moved to.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::tables::{File, layout};
use super::{new_directory, prepare};
use crate::store::moving::{Batch, Checksum, Key, Part};
use crate::store::sqlite::OpenError;
use crate::store::sqlite::weeks::open::{open_file, path};
use crate::store::{StoreError, Week};

/// A data directory cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// A file cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Bringing it up to date failed.
    #[error("bring the data directory up to date")]
    Prepare(#[from] StoreError),
    /// A part cannot be read.
    #[error("read {part} in the data directory")]
    Read {
        /// The part.
        part: String,
        /// SQLite's error.
        #[source]
        source: rusqlite::Error,
    },
    /// A part cannot be written.
    #[error("write {part} to the data directory")]
    Write {
        /// The part.
        part: String,
        /// SQLite's error.
        #[source]
        source: rusqlite::Error,
    },
}

/// The files of a data directory, which this process holds.
#[derive(Debug)]
pub struct Directory {
    pub(super) folder: PathBuf,
    pub(super) intake: Connection,
    pub(super) store: Connection,
    /// The file of the week that was used last.
    pub(super) week: Option<(Week, Connection)>,
    /// Weeks that retention has removed.
    pub(super) removed: Vec<Week>,
}

impl Directory {
    /// Opens a directory to move what is in it. Completes what a server or an earlier version has
    /// left, so that everything is in the tables of this version.
    ///
    /// # Errors
    /// [`DirectoryError`].
    pub async fn open_source(
        intake: &Path,
        store: &Path,
        folder: &Path,
    ) -> Result<Self, DirectoryError> {
        prepare::open(intake, store, folder).await
    }

    /// Opens a directory to move to, and makes its databases if they are not there.
    ///
    /// # Errors
    /// [`DirectoryError`].
    pub async fn open_target(
        intake: &Path,
        store: &Path,
        folder: &Path,
    ) -> Result<Self, DirectoryError> {
        new_directory::open(intake, store, folder).await
    }

    /// What there is to move.
    ///
    /// # Errors
    /// [`DirectoryError`].
    pub fn parts(&self) -> Result<Vec<Part>, DirectoryError> {
        let weeks = prepare::weeks(&self.store, &self.folder)
            .map_err(|source| DirectoryError::Read { part: "the weeks".to_owned(), source })?;
        Ok(Part::all(&weeks))
    }

    /// The file of a part.
    pub(super) fn file(&mut self, part: Part) -> Result<&Connection, DirectoryError> {
        match (layout(part.table).file, part.week) {
            (File::Intake, _) => Ok(&self.intake),
            (File::Week, Some(week)) => {
                let connection = match self.week.take() {
                    Some((open, connection)) if open == week => connection,
                    _ => open_file(&path(&self.folder, week))?,
                };
                Ok(&self.week.insert((week, connection)).1)
            }
            (File::Store | File::Week, _) => Ok(&self.store),
        }
    }

    /// Rows of a part, from a place on.
    ///
    /// # Errors
    /// [`DirectoryError`].
    pub fn read(&mut self, part: Part, after: Option<&Key>) -> Result<Batch, DirectoryError> {
        let removed = std::mem::take(&mut self.removed);
        let file = self.file(part)?;
        let read = super::read::batch(file, part.table, after, &removed);
        self.removed = removed;
        read.map_err(|source| DirectoryError::Read { part: part.to_string(), source })
    }

    /// How many rows a part has, about.
    ///
    /// # Errors
    /// [`DirectoryError`].
    pub fn count(&mut self, part: Part) -> Result<u64, DirectoryError> {
        let counted = super::read::count(self.file(part)?, part.table);
        counted.map_err(|source| DirectoryError::Read { part: part.to_string(), source })
    }

    /// What the rows of a part add up to.
    ///
    /// # Errors
    /// [`DirectoryError`].
    pub fn checksum(&mut self, part: Part) -> Result<Checksum, DirectoryError> {
        let (mut sum, mut after) = (Checksum::default(), None);
        loop {
            let batch = self.read(part, after.as_ref())?;
            batch.rows.iter().for_each(|row| sum.add(row));
            after = batch.next;
            if after.is_none() {
                return Ok(sum);
            }
        }
    }
}

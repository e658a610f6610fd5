//! One side of a migration.

use uuid::Uuid;

use super::MigrateError;
use crate::store::moving::{Batch, Checksum, Key, Part, Row, Shared};
use crate::store::postgres::moving::Installation;
use crate::store::sqlite::moving::Directory;

/// One side of a migration.
pub(super) enum Side {
    /// A data directory.
    Directory(Box<Directory>),
    /// A database, and the id of the migration.
    Database(Box<Installation>, Uuid),
}

impl Side {
    /// Rows of a part, from a place on.
    pub(super) async fn read(
        &mut self,
        part: Part,
        after: Option<&Key>,
    ) -> Result<Batch, MigrateError> {
        match self {
            Self::Directory(directory) => Ok(directory.read(part, after)?),
            Self::Database(database, _) => Ok(database.read(part, after).await?),
        }
    }

    /// Where to continue with a part, or that all of it is there.
    pub(super) async fn progress(
        &mut self,
        part: Part,
    ) -> Result<Option<Option<Key>>, MigrateError> {
        match self {
            Self::Directory(directory) => Ok(directory.progress(part)?),
            Self::Database(database, _) => Ok(database.progress(part).await?),
        }
    }

    /// Writes rows of a part, and how far it has come.
    pub(super) async fn write(&mut self, part: Part, batch: Batch) -> Result<(), MigrateError> {
        match self {
            Self::Directory(directory) => Ok(directory.write(part, &batch)?),
            Self::Database(database, id) => Ok(database.write(*id, part, batch).await?),
        }
    }

    /// How many rows a part has, about.
    pub(super) async fn count(&mut self, part: Part) -> Result<u64, MigrateError> {
        match self {
            Self::Directory(directory) => Ok(directory.count(part)?),
            Self::Database(database, _) => Ok(database.count(part).await?),
        }
    }

    /// What these rows of a part add up to here, if others may be there, too.
    pub(super) async fn checksum_of(
        &mut self,
        part: Part,
        rows: &[Row],
    ) -> Result<Option<(Shared, Checksum)>, MigrateError> {
        match (self, part.table.shared()) {
            (Self::Database(database, _), Some(shared)) => {
                Ok(Some((shared, database.checksum_of(part, shared, rows).await?)))
            }
            _ => Ok(None),
        }
    }
}

//! A whole migration.

use uuid::Uuid;

use super::{MigrateError, Place, Watch, to_database, to_directory};
use crate::store::postgres::moving::Installation;
use crate::system::data_dir::{DataDir, Moved};

/// What to move, and where to.
#[derive(Debug, Clone)]
pub struct Migration {
    /// Where everything is.
    pub from: Place,
    /// Where it goes.
    pub to: Place,
    /// The id of the migration, if it is a new one.
    pub id: Uuid,
    /// The time.
    pub now_ms: i64,
}

/// What a migration did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// How many rows it copied. Earlier runs may have copied others.
    pub copied: u64,
    /// How many rows are the same on both sides.
    pub compared: u64,
}

/// Moves an installation. The source is left, and the target may be used, when this returns `Ok`.
///
/// # Errors
/// [`MigrateError`]. The same call goes on where it stopped.
pub async fn migrate(
    migration: &Migration,
    watch: &mut dyn Watch,
) -> Result<Migrated, MigrateError> {
    match (&migration.from, &migration.to) {
        (Place::Directory(from), Place::Database(to)) => {
            to_database::run(migration, from, to, watch).await
        }
        (Place::Database(from), Place::Directory(to)) => {
            to_directory::run(migration, from, to, watch).await
        }
        (from, to) => Err(MigrateError::SameKind { from: from.to_string(), to: to.to_string() }),
    }
}

/// Lets servers use a place again from which everything was moved, or began to be.
///
/// # Errors
/// [`MigrateError`], also if nothing was moved.
pub async fn undo(from: &Place) -> Result<(), MigrateError> {
    let was_moved = match from {
        Place::Directory(path) => {
            if !path.is_dir() {
                return Err(MigrateError::NothingToUndo(from.to_string()));
            }
            let _dir = DataDir::open_for_migration(path)?;
            Moved::remove(path)?
        }
        Place::Database(url) => {
            let installation = Installation::open(url).await?;
            let was_moved = installation.undo_leaving().await;
            installation.close();
            was_moved?
        }
    };
    if was_moved { Ok(()) } else { Err(MigrateError::NothingToUndo(from.to_string())) }
}

//! Why a migration did not finish.

use std::path::PathBuf;

use crate::store::StoreError;
use crate::store::postgres::moving::BeginError;
use crate::store::sqlite::moving::DirectoryError;
use crate::system::data_dir::DataDirError;
use crate::system::entropy::EntropyError;

/// A migration did not finish. What it has copied stays in the target, and the next run goes on
/// from there.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// Both sides are of the same kind.
    #[error(
        "move from {from} to {to}: one must be a data directory, and the other the URL of a PostgreSQL database, \
         such as postgres://lamplight@db.internal/lamplight"
    )]
    SameKind {
        /// The source.
        from: String,
        /// The target.
        to: String,
    },
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// Its files cannot be read or written.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The database does not begin.
    #[error(transparent)]
    Begin(#[from] BeginError),
    /// The database cannot be read or written.
    #[error(
        "read or write the database. Run the same command again, which goes on where this stopped"
    )]
    Database(#[from] StoreError),
    /// There is no id for the migration.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The directory is not empty.
    #[error(
        "move events to {}: the directory is not empty. Choose a new one; events of two installations are \
         never mixed", .0.display()
    )]
    NotEmpty(PathBuf),
    /// The directory takes part in another migration.
    #[error(
        "move events: the directory {} takes part in another migration, with {place}. Finish that one by running it \
         again, or give it up with `lamplight migrate --undo --from {}`", path.display(), path.display()
    )]
    Elsewhere {
        /// The directory.
        path: PathBuf,
        /// The other side.
        place: String,
    },
    /// The two sides differ.
    #[error(
        "compare {part}: the two sides differ ({source_rows} rows in the source, {target_rows} in the target), so \
         the source stays what counts. Make sure that nobody has changed the target by hand, empty it, and begin \
         again with `lamplight migrate --undo --from` and the source. If it happens again, please report it"
    )]
    Differs {
        /// What differs.
        part: String,
        /// How many rows the source has.
        source_rows: u64,
        /// How many of them the target has.
        target_rows: u64,
    },
    /// Somebody asked to stop.
    #[error("go on: it was stopped. Run the same command again, which goes on where this stopped")]
    Stopped,
    /// There is nothing to undo.
    #[error("undo a migration: nothing was moved out of {0}, so servers may use it")]
    NothingToUndo(String),
}

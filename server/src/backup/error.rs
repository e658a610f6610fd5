//! Why a backup cannot be made.

use std::io;
use std::path::PathBuf;

use super::ManifestError;
use crate::store::sqlite::snapshot::{CopyError, SnapshotError};

/// A backup cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The databases cannot be read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// A database cannot be copied.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// A file of the data directory cannot be read.
    #[error("read {}", path.display())]
    Source {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The target cannot be written.
    #[error("write {}; choose another directory with --to", path.display())]
    Target {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The target is in the data directory.
    #[error(
        "write backups to {}: it is in the data directory {}, so they would be lost together. Choose \
         another directory with --to, best on another disk",
        to.display(), data.display()
    )]
    Inside {
        /// The target.
        to: PathBuf,
        /// The data directory.
        data: PathBuf,
    },
    /// The target is a data directory.
    #[error(
        "write backups to {}: it is the data directory of a server. Choose another directory with --to",
        to.display()
    )]
    IsData {
        /// The target.
        to: PathBuf,
    },
    /// Another backup is being written there.
    #[error("write backups to {}: another backup is being written there. Wait until it ends", to.display())]
    Locked {
        /// The target.
        to: PathBuf,
    },
    /// The disk of the target has too little space.
    #[error(
        "write {}: the backup needs {} MiB, and the disk has {} MiB of free space. Free some, \
         remove earlier backups, or choose another disk with --to",
        path.display(), wanted_bytes / 1_048_576, free_bytes / 1_048_576
    )]
    NoSpace {
        /// The target.
        path: PathBuf,
        /// Free space, in bytes.
        free_bytes: u64,
        /// What the backup needs, in bytes.
        wanted_bytes: u64,
    },
    /// A manifest cannot be written.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

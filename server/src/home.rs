//! Where a server keeps its data.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::retention::ClockGuard;
use crate::store::postgres::Urls;
use crate::system::data_dir::{DataDir, MOVED, PastRestore, RESTORES, read_restores};
use crate::system::disk_space::DiskSpace;

/// Where a server keeps its data.
#[derive(Debug)]
pub enum Home {
    /// SQLite in a data directory, which this process holds.
    Directory(DataDir),
    /// PostgreSQL databases, nearly always one, which other servers may use, too. Nothing is on
    /// this machine.
    Database(Vec<Urls>),
}

/// A database was given, and the data directory holds an installation.
#[derive(Debug, thiserror::Error)]
#[error(
    "use the database: the data directory {} holds an installation that would stay behind. Move it with \
     `lamplight migrate`, or name another directory with --data", .0.display()
)]
pub struct LeftBehind(PathBuf);

impl Home {
    /// The databases of `urls`, unless `data`, the data directory, has events that nobody moved.
    ///
    /// # Errors
    /// [`LeftBehind`].
    pub fn database(urls: Vec<Urls>, data: &Path) -> Result<Self, LeftBehind> {
        let has_events = data.join("store.db").exists() && !data.join(MOVED).exists();
        if has_events { Err(LeftBehind(data.to_owned())) } else { Ok(Self::Database(urls)) }
    }

    /// Keeps what was made in the directory also when the start fails from here on.
    pub fn keep(&self) {
        match self {
            Self::Directory(dir) => dir.keep(),
            Self::Database(_) => {}
        }
    }

    /// What retention knows about the time. With a database, that begins with what was last
    /// received.
    pub(crate) fn clock_guard(&self) -> ClockGuard {
        match self {
            Self::Directory(dir) => ClockGuard::in_file(dir.clock_file()),
            Self::Database(_) => ClockGuard::default(),
        }
    }

    /// The restores from backups that the data directory has behind it. Nobody knows those of a
    /// database.
    pub(crate) fn restores(&self) -> Vec<PastRestore> {
        let Self::Directory(dir) = self else { return Vec::new() };
        read_restores(dir.path()).unwrap_or_else(|error| {
            let path = dir.path().join(RESTORES);
            tracing::warn!(
                %error,
                path = %path.display(),
                "failed to read which backups were restored: no restore is named as a cause of \
                 missing numbers"
            );
            Vec::new()
        })
    }

    /// The disk that data is written to, of which `floor_bytes` must stay free. That of a database
    /// is on its machine, and the database says when it is full.
    pub(crate) fn disk(&self, floor_bytes: u64) -> DiskSpace {
        match self {
            Self::Directory(dir) => DiskSpace::new(dir.path().to_owned(), floor_bytes),
            Self::Database(_) => DiskSpace::elsewhere(),
        }
    }
}

impl fmt::Display for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(dir) => dir.path().display().fmt(f),
            Self::Database(urls) => {
                let places: Vec<String> = urls.iter().map(|urls| urls.main.to_string()).collect();
                f.write_str(&places.join(" and "))
            }
        }
    }
}

//! How much a write-ahead log grows while its database is read, which keeps it from being emptied.

use std::path::{Path, PathBuf};

/// How much a log may grow while its database is read, in bytes.
const GROWTH_MAX: u64 = 1024 * 1024 * 1024;

/// The size of a log when a transaction began.
#[derive(Debug, Clone)]
pub(crate) struct LogMark {
    log: PathBuf,
    bytes: u64,
}

impl LogMark {
    /// Marks the log of the database at `path` as it is now.
    pub(super) fn of(path: &Path) -> Self {
        let mut log = path.to_owned().into_os_string();
        log.push("-wal");
        let mut mark = Self { log: log.into(), bytes: 0 };
        mark.bytes = mark.bytes_now();
        mark
    }

    /// By how many MiB the log has grown, if that is more than the disk of the server can be
    /// expected to take.
    pub(crate) fn grown_mib(&self) -> Option<u64> {
        let grown = self.bytes_now().saturating_sub(self.bytes);
        (grown > GROWTH_MAX).then_some(grown / (1024 * 1024))
    }

    /// Whether no changes wait in it now.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes_now() == 0
    }

    fn bytes_now(&self) -> u64 {
        std::fs::metadata(&self.log).map_or(0, |log| log.len())
    }
}

//! How large the files of a data directory are.

use std::io;
use std::path::Path;

/// How large the files of a data directory are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DataFiles {
    /// The database of raw payloads.
    pub payloads: FileBytes,
    /// The database of outcomes, ledgers and deliveries.
    pub store: FileBytes,
    /// The files of events, one for each week.
    pub events: FileBytes,
    /// Everything else that is directly in the directory.
    pub other_bytes: u64,
}

/// How large the files of one database are, or of several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileBytes {
    /// The databases, with their indexes of write-ahead logs.
    pub main: u64,
    /// Their write-ahead logs.
    pub log: u64,
}

impl DataFiles {
    /// Measures the files directly in `folder`. There is one file for each week of events, so this
    /// takes little time after years, but it may block.
    ///
    /// # Errors
    /// When the directory cannot be listed. A file that vanishes meanwhile is left out.
    pub fn measure(folder: &Path) -> io::Result<Self> {
        let mut files = Self::default();
        for entry in std::fs::read_dir(folder)?.flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if !metadata.is_file() {
                continue;
            }
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let of = match name.split_once(".db") {
                Some(("intake", _)) => &mut files.payloads,
                Some(("store", _)) => &mut files.store,
                Some((week, _)) if week.starts_with("events-") => &mut files.events,
                _ => {
                    files.other_bytes += metadata.len();
                    continue;
                }
            };
            *(if name.ends_with("-wal") { &mut of.log } else { &mut of.main }) += metadata.len();
        }
        Ok(files)
    }

    /// All of them together, in bytes.
    pub fn total_bytes(&self) -> u64 {
        let databases = [self.payloads, self.store, self.events];
        databases.iter().map(|it| it.main + it.log).sum::<u64>() + self.other_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_added_up_by_database() {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in [
            ("intake.db", 10),
            ("intake.db-wal", 20),
            ("store.db", 30),
            ("store.db-shm", 1),
            ("events-2900.db", 40),
            ("events-2901.db", 50),
            ("events-2901.db-wal", 60),
            ("clock", 7),
            ("copy-of-intake.db", 8),
        ] {
            std::fs::write(dir.path().join(name), vec![0; bytes]).unwrap();
        }
        std::fs::create_dir(dir.path().join("folder")).unwrap();
        let files = DataFiles::measure(dir.path()).unwrap();
        let want = DataFiles {
            payloads: FileBytes { main: 10, log: 20 },
            store: FileBytes { main: 31, log: 0 },
            events: FileBytes { main: 90, log: 60 },
            other_bytes: 15,
        };
        assert_eq!((files, files.total_bytes()), (want, 226));
        assert!(DataFiles::measure(&dir.path().join("missing")).is_err());
    }
}

//! The data directory: created if missing, locked for one process at a time, and never shared by
//! the demo and the real server.

use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// The name of the database of raw payloads.
const INTAKE_DB: &str = "intake.db";

/// The data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// It cannot be created.
    #[error("create data directory {}; choose another one with --data", path.display())]
    Create {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It is not writable.
    #[error(
        "write to data directory {}; make it writable for this user, or choose another one with --data",
        path.display()
    )]
    NotWritable {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The demo would serve events that are not its own, with a token that may read them all.
    #[error(
        "use data directory {} for the demo: it was not created by `lamplight demo`, and the demo \
         page may read everything. Choose a new directory with --data",
        path.display()
    )]
    NotOfDemo {
        /// Its path.
        path: PathBuf,
    },
    /// The server would store real events with those of the demo.
    #[error(
        "use data directory {}: it has the events of `lamplight demo`. Choose another one with \
         --data",
        path.display()
    )]
    OfDemo {
        /// Its path.
        path: PathBuf,
    },
    /// It does not exist, or holds no data.
    #[error(
        "find data in {}: there is no intake.db. Name the data directory of the server with --data",
        path.display()
    )]
    NoData {
        /// Its path.
        path: PathBuf,
    },
    /// Another process uses it.
    #[error(
        "lock data directory {}: another lamplight process is using it. Stop that process, or \
         choose another directory with --data",
        path.display()
    )]
    Locked {
        /// Its path.
        path: PathBuf,
    },
}

/// What a data directory is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// `lamplight serve`.
    Serve,
    /// `lamplight demo`.
    Demo,
    /// A command that works on the data of either.
    Any,
}

/// The file that marks a directory of the demo, and what it says.
const DEMO_MARK: &str = "created-by-lamplight-demo";
const DEMO_MARK_TEXT: &str =
    "The events in this directory are those of `lamplight demo`. You can delete the directory.\n";

/// A data directory that no other process can open while this value lives.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    /// The directories that a start has created, the innermost first. They are removed with the
    /// value, unless the start succeeds.
    created: Vec<PathBuf>,
    is_kept: AtomicBool,
    _lock: File,
}

impl Drop for DataDir {
    /// The lock is still held, so no other process uses the directory.
    fn drop(&mut self) {
        if self.is_kept.load(Ordering::Acquire) {
            return;
        }
        let mut created = self.created.iter();
        let Some(data) = created.next() else { return };
        // No client was answered yet, so its databases are empty.
        let removed = remove_own_files(data).and_then(|()| std::fs::remove_dir(data));
        let removed = removed.and_then(|()| created.try_for_each(std::fs::remove_dir));
        if let Err(error) = removed {
            tracing::warn!(%error, path = %data.display(), "failed to remove a new data directory");
        }
    }
}

impl DataDir {
    /// Locks a directory that holds the data of a server.
    ///
    /// # Errors
    /// [`DataDirError`], also when there is no data. It creates nothing then.
    pub fn open_existing(path: &Path) -> Result<Self, DataDirError> {
        if !path.join(INTAKE_DB).is_file() {
            return Err(DataDirError::NoData { path: path.to_owned() });
        }
        Self::open(path, Purpose::Any)
    }

    /// Opens the directory for a start. If it is new, it is removed again with this value, unless
    /// [`Self::keep`] was called: a start that fails leaves no directory behind.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn open_for_start(path: &Path, purpose: Purpose) -> Result<Self, DataDirError> {
        let missing = path.ancestors().take_while(|path| {
            !path.as_os_str().is_empty() && matches!(path.try_exists(), Ok(false))
        });
        let created: Vec<PathBuf> = missing.map(Path::to_owned).collect();
        let mut opened = Self::open(path, purpose)?;
        // Another process may have created and filled it in the meantime.
        let is_new = !opened.intake_db().exists() && !opened.store_db().exists();
        if is_new && !created.is_empty() {
            opened.created = created;
            opened.is_kept = AtomicBool::new(false);
        }
        Ok(opened)
    }

    /// The start has succeeded.
    pub fn keep(&self) {
        self.is_kept.store(true, Ordering::Release);
    }

    /// Creates the directory if it does not exist, and locks it. The lock ends with the process,
    /// however the process ends. A new directory is marked with its purpose, and refuses any other.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn open(path: &Path, purpose: Purpose) -> Result<Self, DataDirError> {
        create(path).map_err(|source| DataDirError::Create { path: path.to_owned(), source })?;
        let not_writable = |source| DataDirError::NotWritable { path: path.to_owned(), source };
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("lock"))
            .map_err(not_writable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(DataDirError::Locked { path: path.to_owned() });
            }
            Err(TryLockError::Error(source)) => return Err(not_writable(source)),
        }
        let (path, is_kept) = (path.to_owned(), AtomicBool::new(true));
        let dir = Self { path, created: Vec::new(), is_kept, _lock: lock };
        dir.check_purpose(purpose)?;
        Ok(dir)
    }

    fn check_purpose(&self, purpose: Purpose) -> Result<(), DataDirError> {
        let mark = self.path.join(DEMO_MARK);
        let is_demo = mark.exists();
        let is_new = !self.intake_db().exists() && !self.store_db().exists();
        match purpose {
            Purpose::Serve if is_demo => Err(DataDirError::OfDemo { path: self.path.clone() }),
            Purpose::Demo if !is_demo && !is_new => {
                Err(DataDirError::NotOfDemo { path: self.path.clone() })
            }
            Purpose::Demo if !is_demo => write_synced(&mark, DEMO_MARK_TEXT)
                .map_err(|source| DataDirError::NotWritable { path: self.path.clone(), source }),
            Purpose::Serve | Purpose::Demo | Purpose::Any => Ok(()),
        }
    }

    /// The database of raw payloads.
    pub fn intake_db(&self) -> PathBuf {
        self.path.join(INTAKE_DB)
    }

    /// The database of processed events.
    pub fn store_db(&self) -> PathBuf {
        self.path.join("store.db")
    }

    /// The file with the last known time.
    pub fn clock_file(&self) -> PathBuf {
        self.path.join("clock")
    }

    /// Path of the directory.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Removes the files that a start creates. Anything else in the directory is not ours.
fn remove_own_files(path: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(path)? {
        let name = entry?.file_name();
        let is_own = ["lock", "clock", DEMO_MARK].iter().any(|own| *own == name)
            || [".db", ".db-wal", ".db-shm"]
                .iter()
                .any(|end| name.as_encoded_bytes().ends_with(end.as_bytes()));
        if is_own {
            std::fs::remove_file(path.join(name))?;
        }
    }
    Ok(())
}

/// The mark must be there before the first event is.
fn write_synced(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Only its owner may read it.
fn create(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_process_is_refused_until_the_first_has_ended() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        let first = DataDir::open(&path, Purpose::Serve).unwrap();
        assert!(matches!(DataDir::open(&path, Purpose::Serve), Err(DataDirError::Locked { .. })));
        drop(first);
        DataDir::open(&path, Purpose::Serve).unwrap();
    }

    #[test]
    fn the_demo_and_the_server_refuse_each_other_s_directories() {
        let dir = tempfile::tempdir().unwrap();
        let [demo, serve] = ["demo", "serve"].map(|name| dir.path().join(name));
        for _ in 0..2 {
            let opened = DataDir::open(&demo, Purpose::Demo).unwrap();
            std::fs::write(opened.intake_db(), "").unwrap();
            drop(opened);
            let opened = DataDir::open(&serve, Purpose::Serve).unwrap();
            std::fs::write(opened.store_db(), "").unwrap();
        }
        let refused = DataDir::open(&serve, Purpose::Demo);
        assert!(matches!(refused, Err(DataDirError::NotOfDemo { .. })), "{refused:?}");
        let refused = DataDir::open(&demo, Purpose::Serve);
        assert!(matches!(refused, Err(DataDirError::OfDemo { .. })), "{refused:?}");
        for path in [&demo, &serve] {
            DataDir::open(path, Purpose::Any).unwrap();
        }
    }

    #[test]
    fn what_a_failed_start_created_is_removed_and_what_was_there_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        let start = |succeeds: bool| {
            let opened = DataDir::open_for_start(&path, Purpose::Serve).unwrap();
            std::fs::write(opened.store_db(), "").unwrap();
            if succeeds {
                opened.keep();
            }
        };
        start(false);
        assert!(!dir.path().join("a").exists() && dir.path().exists());
        start(true);
        start(false);
        assert!(path.join("store.db").exists(), "it was there before");
        let filled = dir.path().join("filled");
        let opened = DataDir::open_for_start(&filled, Purpose::Demo).unwrap();
        std::fs::write(filled.join("notes.txt"), "").unwrap();
        drop(opened);
        let left = std::fs::read_dir(&filled).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(left.collect::<Vec<_>>(), ["notes.txt"], "it removes only its own files");
        let other = dir.path().join("other");
        let first = DataDir::open(&other, Purpose::Serve).unwrap();
        assert!(
            DataDir::open_for_start(&other, Purpose::Serve).is_err() && other.exists(),
            "it is in use"
        );
        drop(first);
        let missing = dir.path().join("typo");
        assert!(matches!(DataDir::open_existing(&missing), Err(DataDirError::NoData { .. })));
        assert!(matches!(DataDir::open_existing(dir.path()), Err(DataDirError::NoData { .. })));
        assert!(!missing.exists() && !dir.path().join("lock").exists());
    }

    #[test]
    fn a_file_in_place_of_the_directory_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("taken");
        std::fs::write(&path, "").unwrap();
        assert!(matches!(DataDir::open(&path, Purpose::Serve), Err(DataDirError::Create { .. })));
    }
}

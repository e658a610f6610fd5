//! The directory that backups are written to: their names, and which are kept.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::checksum::sync_folder;
use super::{BackupError, MANIFEST, Manifest};
use crate::system::private_file;
use crate::system::real_path::real_path;

/// How the names of backups begin. The time follows, so that names are in the order of time.
const PREFIX: &str = "lamplight-";
/// How the names of backups begin that are not whole: written or removed right now, or left by a
/// process that was killed.
const PARTIAL: &str = ".partial-";
/// A lock, so that no two backups are written at once.
const LOCK: &str = ".lamplight-backup-lock";

/// The directory of the backups, locked.
#[derive(Debug)]
pub(super) struct Target {
    path: PathBuf,
    name: String,
    _lock: File,
}

impl Target {
    /// Opens the directory `to`, or creates it, for a backup of `data`.
    pub(super) fn open(data: &Path, to: &Path, now_ms: i64) -> Result<Self, BackupError> {
        let failed = |source| BackupError::Target { path: to.to_owned(), source };
        refuse_data(data, to)?;
        private_file::create_dir_all(to).map_err(failed)?;
        let path = real_path(to).map_err(failed)?;
        let mut options = File::options();
        options.write(true);
        let lock = private_file::open_or_create(&mut options, &path.join(LOCK)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(BackupError::Locked { to: to.to_owned() });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let target = Self { name: free_name(&path, now_ms).map_err(failed)?, path, _lock: lock };
        target.remove_partial().map_err(failed)?;
        Ok(target)
    }

    fn failed(&self, source: io::Error) -> BackupError {
        BackupError::Target { path: self.path.clone(), source }
    }

    fn partial(&self) -> PathBuf {
        self.path.join(format!("{PARTIAL}{}", self.name))
    }

    /// Removes what killed processes left. None of them runs, because this one has the lock.
    fn remove_partial(&self) -> io::Result<()> {
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(PARTIAL) {
                std::fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }

    /// The whole backups, the oldest first.
    fn whole(&self) -> Result<Vec<PathBuf>, BackupError> {
        let mut whole = Vec::new();
        for entry in std::fs::read_dir(&self.path).map_err(|source| self.failed(source))? {
            let entry = entry.map_err(|source| self.failed(source))?;
            let is_named = entry.file_name().to_string_lossy().starts_with(PREFIX);
            if is_named && entry.path().join(MANIFEST).is_file() {
                whole.push(entry.path());
            }
        }
        whole.sort();
        Ok(whole)
    }

    /// The newest backup that can be read, to share its files.
    pub(super) fn newest(&self) -> Result<Option<(PathBuf, Manifest)>, BackupError> {
        let whole = self.whole()?.into_iter().rev();
        let mut read = whole.filter_map(|path| Manifest::read(&path).ok().map(|it| (path, it)));
        Ok(read.next())
    }

    /// The directory that the new backup is written to.
    pub(super) fn begin(&self) -> Result<PathBuf, BackupError> {
        let partial = self.partial();
        private_file::create_dir_all(&partial).map_err(|source| self.failed(source))?;
        Ok(partial)
    }

    /// Removes what was written of a backup that failed.
    pub(super) fn abandon(&self) {
        // What stays is removed by the next backup.
        let _ = std::fs::remove_dir_all(self.partial());
    }

    /// Makes the new backup a whole one.
    pub(super) fn finish(&self, manifest: &Manifest) -> Result<PathBuf, BackupError> {
        let (partial, whole) = (self.partial(), self.path.join(&self.name));
        manifest.write(&partial).inspect_err(|_| self.abandon())?;
        let renamed = sync_folder(&partial)
            .and_then(|()| std::fs::rename(&partial, &whole))
            .and_then(|()| sync_folder(&self.path));
        renamed.map_err(|source| self.failed(source))?;
        Ok(whole)
    }

    /// Removes the oldest backups until at most `keep` are left, the new one included. Each first
    /// gets the name of one that is not whole.
    pub(super) fn keep(&self, keep: u32) -> Result<Vec<PathBuf>, BackupError> {
        let mut whole = self.whole()?;
        // Not the new one, also if the clock was set back.
        whole.retain(|path| *path != self.path.join(&self.name));
        let surplus = (whole.len() + 1).saturating_sub(keep.max(1) as usize);
        whole.truncate(surplus);
        for path in &whole {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let partial = self.path.join(format!("{PARTIAL}{name}"));
            let removed = std::fs::rename(path, &partial)
                .and_then(|()| sync_folder(&self.path))
                .and_then(|()| std::fs::remove_dir_all(&partial));
            removed.map_err(|source| self.failed(source))?;
        }
        Ok(whole)
    }
}

/// Backups in the data directory would be lost with it.
fn refuse_data(data: &Path, to: &Path) -> Result<(), BackupError> {
    let read = |source| BackupError::Source { path: data.to_owned(), source };
    let data_is = data.canonicalize().map_err(read)?;
    let failed = |source| BackupError::Target { path: to.to_owned(), source };
    // The part of the path that exists tells where the rest is created.
    let to_is = std::path::absolute(to).map_err(failed)?;
    let existing = to_is.ancestors().find_map(|path| path.canonicalize().ok()).unwrap_or(to_is);
    if existing.starts_with(&data_is) {
        return Err(BackupError::Inside { to: to.to_owned(), data: data.to_owned() });
    }
    if ["intake.db", "store.db"].iter().any(|name| to.join(name).exists()) {
        return Err(BackupError::IsData { to: to.to_owned() });
    }
    Ok(())
}

/// A name for a backup of this time. It comes after those of the same second, also if some of them
/// were removed.
fn free_name(folder: &Path, now_ms: i64) -> io::Result<String> {
    let time = jiff::Timestamp::from_millisecond(now_ms).unwrap_or_default();
    let name = format!("{PREFIX}{}", time.strftime("%Y%m%dT%H%M%SZ"));
    let mut number = 0;
    for entry in std::fs::read_dir(folder)? {
        let other = entry?.file_name();
        let Some(rest) = other.to_str().and_then(|it| it.strip_prefix(&name)) else { continue };
        let taken = rest.strip_prefix('-').map_or(Some(1), |rest| rest.parse().ok());
        number = number.max(taken.unwrap_or(1));
    }
    Ok(if number == 0 { name } else { format!("{name}-{:03}", number + 1) })
}

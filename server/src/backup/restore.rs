//! Restoring a backup as a data directory.
//!
//! Everything is copied to a directory inside the new data directory, and then moved to its place.
//! No server starts while that directory is there, so none starts on a part of a backup. A restore
//! that was interrupted is begun again by the next one.

use std::io;
use std::path::{Path, PathBuf};

use super::checksum::{copy_checked, sha256, sync_folder};
use super::{BackedUpFile, Manifest, ManifestError, Progress};
use crate::counted::counted;
use crate::system::data_dir::{self, DataDir, DataDirError, PastRestore, RESTORES, RESTORING};
use crate::system::private_file;
use crate::system::real_path::real_path;
use crate::system::throttle::Throttle;

/// A backup cannot be restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is no backup that this version can read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A file is not what the backup wrote.
    #[error(
        "restore {}: the file differs from what the backup wrote ({why}). Nothing was changed. Use \
         another backup",
        path.display()
    )]
    Differs {
        /// The file.
        path: PathBuf,
        /// How.
        why: String,
    },
    /// The target has data.
    #[error(
        "restore to {}: it is not empty. Choose a new directory, or move what is there aside with \
         --replace",
        path.display()
    )]
    NotEmpty {
        /// The target.
        path: PathBuf,
    },
    /// The target is the backup, or is in it.
    #[error("restore to {}: it is in the backup itself. Choose another directory", path.display())]
    InBackup {
        /// The target.
        path: PathBuf,
    },
    /// The target cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The disk of the target has too little space.
    #[error(
        "restore to {}: the backup takes {} MiB, and the disk has {} MiB of free space",
        path.display(), wanted_bytes / 1_048_576, free_bytes / 1_048_576
    )]
    NoSpace {
        /// The target.
        path: PathBuf,
        /// Free space, in bytes.
        free_bytes: u64,
        /// What the backup takes, in bytes.
        wanted_bytes: u64,
    },
    /// The target cannot be written.
    #[error("write {}", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// A backup that was restored.
#[derive(Debug)]
pub struct Restored {
    /// What the backup said.
    pub manifest: Manifest,
    /// Where the earlier data was moved to.
    pub moved_to: Option<PathBuf>,
}

/// Restores the backup `from` as the data directory `data`. With `replaces`, what is there is moved
/// aside.
///
/// # Errors
/// [`RestoreError`]. No server starts on what is left of a restore that failed after it had begun
/// to copy, and the next restore begins again.
pub fn restore(
    from: &Path,
    data: &Path,
    replaces: bool,
    now_ms: i64,
    progress: &mut dyn Progress,
) -> Result<Restored, RestoreError> {
    let manifest = Manifest::read(from)?;
    let write = |source| RestoreError::Write { path: data.to_owned(), source };
    let absolute = std::path::absolute(data).map_err(write)?;
    let existing = absolute.ancestors().find_map(|path| path.canonicalize().ok());
    if from.canonicalize().ok().zip(existing).is_some_and(|(from, at)| at.starts_with(&from)) {
        return Err(RestoreError::InBackup { path: data.to_owned() });
    }
    // All of it is checked before anything is changed.
    check(from, &manifest, progress)?;
    let moved_to = if replaces { move_aside(data, now_ms)? } else { None };
    let dir = DataDir::open_for_restore(data)?;
    let restoring = data.join(RESTORING);
    if restoring.exists() {
        data_dir::clear_restore(data).map_err(write)?;
    } else if data_dir::has_content(data).map_err(write)? {
        return Err(RestoreError::NotEmpty { path: data.to_owned() });
    }
    let (free_bytes, wanted_bytes) = (fs4::available_space(data).map_err(write)?, manifest.bytes());
    if free_bytes < wanted_bytes {
        return Err(RestoreError::NoSpace { path: data.to_owned(), free_bytes, wanted_bytes });
    }
    private_file::create_dir_all(&restoring).map_err(write)?;
    sync_folder(data).map_err(write)?;
    for file in &manifest.files {
        progress.begin(&format!("restore {}", file.name), file.bytes);
        let (source, to) = (from.join(&file.name), restoring.join(&file.name));
        let copied =
            copy_checked(&source, &to, Throttle::Off, &mut |done_bytes| progress.reach(done_bytes));
        let (_, sum) = copied.map_err(|source| RestoreError::Write { path: to, source })?;
        if sum != file.sha256 {
            return Err(RestoreError::Differs {
                path: source,
                why: "it has another checksum".into(),
            });
        }
    }
    let restore = PastRestore { backup_ms: manifest.created_ms, restored_ms: now_ms };
    remember(&restoring, restore, progress).map_err(write)?;
    let listed = manifest.files.iter().map(|file| file.name.as_str());
    for name in listed.filter(|name| *name != RESTORES).chain([RESTORES]) {
        std::fs::rename(restoring.join(name), data.join(name)).map_err(write)?;
    }
    sync_folder(data).map_err(write)?;
    std::fs::remove_dir(&restoring).and_then(|()| sync_folder(data)).map_err(write)?;
    drop(dir);
    Ok(Restored { manifest, moved_to })
}

/// Adds a restore to those that the backup lists.
fn remember(folder: &Path, restore: PastRestore, progress: &mut dyn Progress) -> io::Result<()> {
    let mut restores = data_dir::read_restores(folder).unwrap_or_else(|error| {
        progress.warn(&format!(
            "{RESTORES} of the backup cannot be read ({error}): the console will not name earlier \
             restores as causes of missing numbers"
        ));
        Vec::new()
    });
    restores.push(restore);
    data_dir::write_restores(folder, &restores)
}

/// Refuses a backup with a file that is not what the backup wrote.
fn check(
    from: &Path,
    manifest: &Manifest,
    progress: &mut dyn Progress,
) -> Result<(), RestoreError> {
    for file in &manifest.files {
        if let Some(why) = difference(from, file, Throttle::Off, progress) {
            return Err(RestoreError::Differs { path: from.join(&file.name), why });
        }
    }
    Ok(())
}

/// How a file of a backup differs from what the backup wrote.
fn difference(
    from: &Path,
    file: &BackedUpFile,
    throttle: Throttle,
    progress: &mut dyn Progress,
) -> Option<String> {
    progress.begin(&format!("check {}", file.name), file.bytes);
    let sum =
        sha256(&from.join(&file.name), throttle, &mut |done_bytes| progress.reach(done_bytes));
    match sum {
        Ok((bytes, _)) if bytes != file.bytes => {
            Some(format!("it has {} instead of {}", counted(bytes, "byte", "bytes"), file.bytes))
        }
        Ok((_, sum)) if sum != file.sha256 => Some("it has another checksum".to_owned()),
        Ok(_) => None,
        Err(error) => Some(error.to_string()),
    }
}

/// Compares all files of a backup with its manifest. A line for each that differs.
pub fn differences(from: &Path, manifest: &Manifest, progress: &mut dyn Progress) -> Vec<String> {
    let lines = manifest.files.iter().filter_map(|file| {
        let why = difference(from, file, Throttle::On, progress)?;
        Some(format!(
            "checksums: {}: the file differs from what the backup wrote: {why} (1 in all). Use \
             another backup",
            file.name
        ))
    });
    lines.collect()
}

/// Moves a data directory that no server uses to a name beside it. The lock on it is held until
/// then. Windows moves no directory in which a file is open, so there the lock is given back
/// before, and a server that starts in between makes the move fail.
fn move_aside(data: &Path, now_ms: i64) -> Result<Option<PathBuf>, RestoreError> {
    let write = |source| RestoreError::Write { path: data.to_owned(), source };
    // What an interrupted restore left is removed instead.
    let is_restoring = data.join(RESTORING).exists();
    if is_restoring || !data.exists() || !data_dir::has_content(data).map_err(write)? {
        return Ok(None);
    }
    let lock = DataDir::open_for_restore(data)?;
    let path = real_path(data).map_err(write)?;
    let time = jiff::Timestamp::from_millisecond(now_ms).unwrap_or_default();
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!("-before-restore-{}", time.strftime("%Y%m%dT%H%M%SZ")));
    let aside = path.with_file_name(name);
    let _held = Some(lock).filter(|_| cfg!(unix));
    std::fs::rename(&path, &aside)
        .map_err(|source| RestoreError::Write { path: aside.clone(), source })?;
    Ok(Some(aside))
}

//! Backups: a copy of a data directory as of one moment, in a directory of its own, and back.
//!
//! A backup is written to a directory with a temporary name, synced, and renamed last. So one that
//! was interrupted is never taken for a whole one, and the next one removes it.

mod checksum;
mod error;
mod manifest;
mod restore;
mod target;

use std::path::{Path, PathBuf};

pub use error::BackupError;
pub use manifest::{BackedUpFile, Counts, MANIFEST, Manifest, ManifestError};
pub use restore::{RestoreError, Restored, differences, restore};

use self::checksum::{copy_checked, sha256};
use self::target::Target;
use crate::counted::counted;
use crate::store::sqlite::snapshot::{
    FileGlance, FileState, HeldFile, IntakeSnapshot, SchemaVersions, StoreSnapshot,
};
use crate::system::data_dir;
use crate::system::private_file;
use crate::system::throttle::Throttle;

/// What a long command tells while it runs.
pub trait Progress {
    /// A new step begins: what it does, and how many bytes it will look at.
    fn begin(&mut self, step: &str, total_bytes: u64);
    /// This many bytes of the step are done.
    fn reach(&mut self, done_bytes: u64);
    /// Something that the operator should know.
    fn warn(&mut self, text: &str);
}

/// What to back up, and where to.
#[derive(Debug)]
pub struct BackupPlan<'a> {
    /// The data directory.
    pub data: &'a Path,
    /// The directory of the backups.
    pub to: &'a Path,
    /// How many backups to keep there, if not all.
    pub keep: Option<u32>,
    /// The time now, in milliseconds since 1970.
    pub now_ms: i64,
}

/// A backup that was made.
#[derive(Debug)]
pub struct Made {
    /// Where it is.
    pub path: PathBuf,
    /// What is in it.
    pub manifest: Manifest,
    /// Bytes that were copied.
    pub copied_bytes: u64,
    /// Bytes that are shared with an earlier backup.
    pub shared_bytes: u64,
    /// Earlier backups that were removed.
    pub removed: Vec<PathBuf>,
}

/// Makes a backup. A server may use the data directory meanwhile. It waits for nothing, and keeps
/// most of the disk and of the processors.
///
/// # Errors
/// [`BackupError`]. Then there is no new backup, and the earlier ones are as they were.
pub fn back_up(plan: &BackupPlan<'_>, progress: &mut dyn Progress) -> Result<Made, BackupError> {
    let target = Target::open(plan.data, plan.to, plan.now_ms)?;
    let earlier = target.newest()?;
    let mut backup = Backup {
        folder: target.begin()?,
        earlier,
        progress,
        files: Vec::new(),
        copied_bytes: 0,
        shared_bytes: 0,
    };
    let made = backup.copy_all(plan.data);
    let Backup { files, copied_bytes, shared_bytes, .. } = backup;
    let (schema, counts) = match made {
        Ok(made) => made,
        Err(error) => {
            target.abandon();
            return Err(error);
        }
    };
    let manifest = Manifest::new(plan.now_ms, schema, counts, files);
    let path = target.finish(&manifest)?;
    let removed = plan.keep.map(|keep| target.keep(keep)).transpose()?.unwrap_or_default();
    Ok(Made { path, manifest, copied_bytes, shared_bytes, removed })
}

/// A backup that is being made.
struct Backup<'a> {
    folder: PathBuf,
    earlier: Option<(PathBuf, Manifest)>,
    progress: &'a mut dyn Progress,
    files: Vec<BackedUpFile>,
    copied_bytes: u64,
    shared_bytes: u64,
}

impl Backup<'_> {
    /// Copies everything, in the order that makes it consistent: see
    /// [`crate::store::sqlite::snapshot`].
    fn copy_all(&mut self, data: &Path) -> Result<(SchemaVersions, Counts), BackupError> {
        let intake = IntakeSnapshot::take(data)?;
        self.check_space(intake.0.bytes()?)?;
        let waiting = intake.waiting()?;
        let intake_schema = intake.0.schema;
        self.copy(&intake.0, None)?;
        drop(intake);
        let StoreSnapshot { store, weeks, missing } = StoreSnapshot::take(data)?;
        for listed in missing {
            self.progress.warn(&format!(
                "the file of week {} is missing in {}, with {}. The backup does not have it either. \
                 Run `lamplight verify`",
                listed.week,
                data.display(),
                counted(listed.events.unsigned_abs(), "event", "events")
            ));
        }
        let snapshot = StoreSnapshot { store, weeks, missing: Vec::new() };
        let schema = snapshot.schemas(intake_schema);
        let counts =
            Counts { events: snapshot.events(), waiting, weeks: snapshot.weeks.len() as u64 };
        let StoreSnapshot { store, mut weeks, .. } = snapshot;
        let mut expected_bytes = store.bytes()?;
        for week in &weeks {
            let glance = week.held.glance(week.listed.batch);
            if self.copied_before(&week.held.name(), glance).is_none() {
                expected_bytes += week.held.bytes()?;
            }
        }
        self.check_space(expected_bytes)?;
        // Those that are written to come first, so that their logs are soon free again.
        self.copy(&store, None)?;
        drop(store);
        while let Some(week) = weeks.pop() {
            let glance = week.held.glance(week.listed.batch);
            let state = glance.map(|glance| self.state(&week.held, glance)).transpose()?;
            self.copy(&week.held, state)?;
        }
        for name in data_dir::SMALL_FILES {
            self.copy_small(data, name)?;
        }
        Ok((schema, counts))
    }

    fn check_space(&self, bytes: u64) -> Result<(), BackupError> {
        let failed = |source| BackupError::Target { path: self.folder.clone(), source };
        let free_bytes = fs4::available_space(&self.folder).map_err(failed)?;
        // The last percent of a disk is slow, and others need it.
        let wanted_bytes = bytes.saturating_add(bytes / 100).saturating_add(1024 * 1024);
        if free_bytes < wanted_bytes {
            let path = self.folder.clone();
            return Err(BackupError::NoSpace { path, free_bytes, wanted_bytes });
        }
        Ok(())
    }

    /// What the earlier backup has of a file, if that may not have changed since.
    fn copied_before(
        &self,
        name: &str,
        glance: Option<FileGlance>,
    ) -> Option<(PathBuf, BackedUpFile)> {
        let (folder, manifest) = self.earlier.as_ref()?;
        let file = manifest.files.iter().find(|file| file.name == name)?;
        let is_like = glance.is_some() && file.source.as_ref().map(|it| it.glance) == glance;
        is_like.then(|| (folder.join(name), file.clone()))
    }

    /// Reads a file that does not change.
    fn state(&mut self, held: &HeldFile, glance: FileGlance) -> Result<FileState, BackupError> {
        self.progress.begin(&format!("compare {}", held.name()), glance.bytes);
        let progress = &mut *self.progress;
        let sum = sha256(held.path(), Throttle::On, &mut |done_bytes| progress.reach(done_bytes));
        let failed = |source| BackupError::Source { path: held.path().to_owned(), source };
        Ok(FileState { glance, sha256: sum.map_err(failed)?.1 })
    }

    /// Copies a database, or shares the copy of the earlier backup if nothing changed.
    fn copy(&mut self, held: &HeldFile, state: Option<FileState>) -> Result<(), BackupError> {
        let name = held.name();
        let to = self.folder.join(&name);
        if let Some((from, file)) = self.copied_before(&name, state.as_ref().map(|it| it.glance))
            && file.source == state
            && self.share(&from, &to, &file)?
        {
            self.shared_bytes += file.bytes;
            self.files.push(file);
            return Ok(());
        }
        self.progress.begin(&format!("copy {name}"), held.bytes()?);
        let progress = &mut *self.progress;
        held.copy(&to, Throttle::On, &mut |step| progress.reach(step.done_bytes))?;
        self.add(name, &to, state)
    }

    /// Shares the file `from` of the earlier backup, if it is still what that backup wrote.
    fn share(&mut self, from: &Path, to: &Path, file: &BackedUpFile) -> Result<bool, BackupError> {
        self.progress.begin(&format!("check {} of the earlier backup", file.name), file.bytes);
        let progress = &mut *self.progress;
        let found = sha256(from, Throttle::On, &mut |done_bytes| progress.reach(done_bytes));
        match found {
            Ok((bytes, sum)) if bytes == file.bytes && sum == file.sha256 => {}
            _ => {
                self.progress.warn(&format!(
                    "{} is not what the earlier backup wrote: copying the week again. Run \
                     `lamplight verify --backup` on the earlier backups",
                    from.display()
                ));
                return Ok(false);
            }
        }
        let failed = |source| BackupError::Target { path: to.to_owned(), source };
        if std::fs::hard_link(from, to).is_err() {
            // The file system has no hard links, or the file has too many.
            self.progress.begin(&format!("copy {} of the earlier backup", file.name), file.bytes);
            let progress = &mut *self.progress;
            let copied =
                copy_checked(from, to, Throttle::On, &mut |done_bytes| progress.reach(done_bytes));
            let (_, sum) = copied.map_err(failed)?;
            if sum != file.sha256 {
                std::fs::remove_file(to).map_err(failed)?;
                return Ok(false);
            }
            self.copied_bytes += file.bytes;
            self.shared_bytes -= file.bytes.min(self.shared_bytes);
        }
        Ok(true)
    }

    /// Copies a file that the server replaces as a whole, if there is one.
    fn copy_small(&mut self, data: &Path, name: &str) -> Result<(), BackupError> {
        let (from, to) = (data.join(name), self.folder.join(name));
        let failed = |source| BackupError::Target { path: to.clone(), source };
        match private_file::open(std::fs::OpenOptions::new().read(true), &from) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(BackupError::Source { path: from, source }),
        }
        copy_checked(&from, &to, Throttle::On, &mut |_| {}).map_err(failed)?;
        self.add(name.to_owned(), &to, None)
    }

    fn add(
        &mut self,
        name: String,
        path: &Path,
        source: Option<FileState>,
    ) -> Result<(), BackupError> {
        let bytes = path.metadata().map_or(0, |file| file.len());
        self.progress.begin(&format!("checksum of {name}"), bytes);
        let progress = &mut *self.progress;
        let sum = sha256(path, Throttle::On, &mut |done_bytes| progress.reach(done_bytes));
        let (bytes, sha256) =
            sum.map_err(|source| BackupError::Target { path: path.to_owned(), source })?;
        self.copied_bytes += bytes;
        self.files.push(BackedUpFile { name, bytes, sha256, source });
        Ok(())
    }
}

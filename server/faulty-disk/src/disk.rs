//! One folder's disk.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::image::{Change, Image};
use crate::vfs;

/// The disk that one folder is on.
#[derive(Debug, Clone)]
pub struct Disk {
    folder: PathBuf,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<PathBuf, Image>,
    /// How many operations were done.
    done: u64,
    /// After how many it fails.
    cut_at: Option<u64>,
    /// Whether it has failed.
    is_cut: bool,
}

impl Disk {
    /// Watches every file that SQLite opens in `folder` from now on.
    ///
    /// # Errors
    /// The files that are there already cannot be read.
    pub fn watch(folder: &Path) -> io::Result<Self> {
        let folder = folder.canonicalize()?;
        let mut state = State::default();
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_file() {
                state.files.insert(path.clone(), Image::of(std::fs::read(&path)?));
            }
        }
        let disk = Self { folder, state: Arc::new(Mutex::new(state)) };
        vfs::mount(disk.clone());
        Ok(disk)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes everything fail from the nth operation on, counted from now. An operation is a write,
    /// a sync, a truncation or a deletion.
    pub fn cut_after(&self, operations: u64) {
        let mut state = self.state();
        state.cut_at = Some(state.done + operations);
    }

    /// Makes everything fail from now on.
    pub fn cut(&self) {
        self.state().is_cut = true;
    }

    /// Takes changes again, as a full disk does after files were deleted.
    pub fn restore(&self) {
        let mut state = self.state();
        (state.is_cut, state.cut_at) = (false, None);
    }

    /// Whether it fails.
    pub fn is_cut(&self) -> bool {
        self.state().is_cut
    }

    /// How many operations were done.
    pub fn operations(&self) -> u64 {
        self.state().done
    }

    /// Fills `folder` with what is left if only the process dies: everything that was written.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn after_kill(&self, folder: &Path) -> io::Result<()> {
        let state = self.state();
        for (path, image) in state.files.iter().filter(|(_, image)| !image.is_deleted) {
            save(folder, path, &image.written())?;
        }
        Ok(())
    }

    /// Fills `folder` with what may be left if the power fails now. The same seed leaves the same.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn after_power_cut(&self, seed: u64, folder: &Path) -> io::Result<()> {
        let state = self.state();
        let mut random = Random(seed);
        // Some power cuts keep nearly everything, some nearly nothing, and most a mixture.
        let kept_of_8 = random.next() % 9;
        for (path, image) in &state.files {
            let is_there = match (image.is_entered, image.is_deleted) {
                (true, false) => true,
                (false, true) => false,
                (true, true) | (false, false) => random.next().is_multiple_of(2),
            };
            if is_there {
                save(folder, path, &image.left(|| random.next() % 8 < kept_of_8))?;
            }
        }
        Ok(())
    }

    /// Whether only the layer still holds it.
    pub(crate) fn is_forgotten(&self) -> bool {
        Arc::strong_count(&self.state) == 1
    }

    pub(crate) fn holds(&self, path: &Path) -> bool {
        path.parent() == Some(&self.folder)
    }

    pub(crate) fn opened(&self, path: &Path) {
        let mut state = self.state();
        let image = state.files.entry(path.to_owned()).or_default();
        if image.is_deleted {
            *image = Image::again(image.is_entered);
        }
    }

    /// Counts one operation. Returns whether it succeeds.
    pub(crate) fn change(&self, path: &Path, change: Change) -> bool {
        self.operate(|files| {
            if let Some(image) = files.get_mut(path) {
                image.change(change);
            }
        })
    }

    /// Syncs a file, and its folder if `enters`.
    pub(crate) fn sync(&self, path: &Path, enters: bool) -> bool {
        self.operate(|files| {
            if let Some(image) = files.get_mut(path) {
                image.sync();
            }
            if enters {
                sync_folder(files);
            }
        })
    }

    pub(crate) fn deleted(&self, path: &Path, enters: bool) -> bool {
        self.operate(|files| {
            if let Some(image) = files.get_mut(path) {
                image.is_deleted = true;
            }
            if enters {
                sync_folder(files);
            }
        })
    }

    fn operate(&self, operation: impl FnOnce(&mut BTreeMap<PathBuf, Image>)) -> bool {
        let mut state = self.state();
        state.is_cut |= state.cut_at.is_some_and(|at| state.done >= at);
        if state.is_cut {
            return false;
        }
        state.done += 1;
        operation(&mut state.files);
        true
    }
}

fn sync_folder(files: &mut BTreeMap<PathBuf, Image>) {
    files.retain(|_, image| !image.is_deleted);
    for image in files.values_mut() {
        image.is_entered = true;
    }
}

fn save(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    match path.file_name() {
        // Shared memory never outlives the processes that share it.
        Some(name) if !name.to_string_lossy().ends_with("-shm") => {
            std::fs::write(folder.join(name), bytes)
        }
        _ => Ok(()),
    }
}

/// `SplitMix64` (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }
}

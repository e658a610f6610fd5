//! Appends lines to a file, and rotates it when it is full.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::config::Sync;
use super::tail::{self, TailRepair};
use crate::system::private_file;

/// A file of complete lines.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    rotate_bytes: u64,
    keep: usize,
    sync: Sync,
    open: Option<File>,
}

impl Log {
    pub(super) fn new(path: PathBuf, rotate_bytes: u64, keep: usize, sync: Sync) -> Self {
        Self { path, rotate_bytes: rotate_bytes.max(1), keep, sync, open: None }
    }

    /// Appends `lines`. After an error the next call opens the file again and removes what was
    /// written of them.
    pub(super) fn append(&mut self, lines: &str, now_ms: i64) -> io::Result<()> {
        let appended = self.try_append(lines, now_ms);
        if appended.is_err() {
            self.open = None;
        }
        appended
    }

    fn try_append(&mut self, lines: &str, now_ms: i64) -> io::Result<()> {
        let mut file = match self.open.take() {
            Some(file) if is_at(&file, &self.path)? => file,
            // It was moved or removed by another program, such as logrotate.
            Some(_) | None => self.open_file()?,
        };
        let mut bytes = file.metadata()?.len();
        if bytes > 0 && bytes + lines.len() as u64 > self.rotate_bytes {
            drop(file);
            self.rotate(now_ms)?;
            file = self.open_file()?;
            bytes = file.metadata()?.len();
        }
        if let Err((written, error)) = write(&mut file, lines.as_bytes()) {
            // Nobody else has written meanwhile. If it cannot be removed, the next open does it.
            if file.metadata().is_ok_and(|now| now.len() == bytes + written) {
                let _ = tail::cut(&file, bytes);
            }
            return Err(error);
        }
        if self.sync == Sync::Batch {
            file.sync_data()?;
        }
        let is_short = file.metadata()?.len() < bytes + lines.len() as u64;
        if names(&file)? == 0 || is_short {
            let why = "the file was removed or truncated while lines were written to it";
            return Err(io::Error::other(why));
        }
        self.open = Some(file);
        Ok(())
    }

    /// Whether lines could be appended and the file rotated. It writes no line, only a file beside
    /// it, which it removes.
    pub(super) fn check(&mut self) -> io::Result<()> {
        let file = match self.open.take() {
            Some(file) if is_at(&file, &self.path)? => file,
            Some(_) | None => self.open_file()?,
        };
        let probe = self.folder().join(format!(".{}.check", self.names().0));
        match fs::remove_file(&probe) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut writing = private_file::create_new(&probe)?;
        let written = writing.write_all(&[b' '; 4096]).and_then(|()| writing.sync_data());
        drop(writing);
        fs::remove_file(&probe)?;
        written?;
        self.open = Some(file);
        Ok(())
    }

    /// Opens the file, and makes sure that a new one is found after a power cut.
    fn open_file(&self) -> io::Result<File> {
        let file = open(&self.path)?;
        // NTFS keeps names without that.
        #[cfg(unix)]
        if self.sync == Sync::Batch {
            File::open(self.folder())?.sync_all()?;
        }
        Ok(file)
    }

    fn folder(&self) -> &Path {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        folder.unwrap_or(Path::new("."))
    }

    /// Renames the file after the time now, and deletes the oldest rotated files beyond the limit.
    fn rotate(&self, now_ms: i64) -> io::Result<()> {
        for number in 0.. {
            let rotated = self.rotated_path(now_ms, number);
            if !rotated.try_exists()? {
                fs::rename(&self.path, rotated)?;
                break;
            }
        }
        let mut rotated = self.rotated_files()?;
        let surplus = if self.keep == 0 { 0 } else { rotated.len().saturating_sub(self.keep) };
        rotated.sort();
        rotated.iter().take(surplus).try_for_each(fs::remove_file)
    }

    /// `events.ndjson` becomes `events.20260131T120000.000.0.ndjson`, which sorts by time.
    fn rotated_path(&self, now_ms: i64, number: u32) -> PathBuf {
        let time = jiff::Timestamp::from_millisecond(now_ms).unwrap_or_default();
        let (stem, end) = self.names();
        self.path.with_file_name(format!(
            "{stem}.{}.{:03}.{number:03}{end}",
            time.strftime("%Y%m%dT%H%M%S"),
            now_ms.rem_euclid(1_000)
        ))
    }

    fn names(&self) -> (String, String) {
        let text = |part: Option<&std::ffi::OsStr>| {
            part.map(|part| part.to_string_lossy().into_owned()).unwrap_or_default()
        };
        let end = text(self.path.extension());
        let end = if end.is_empty() { end } else { format!(".{end}") };
        (text(self.path.file_stem()), end)
    }

    /// The rotated files, recognized by their names.
    fn rotated_files(&self) -> io::Result<Vec<PathBuf>> {
        let (stem, end) = self.names();
        let is_rotated = |name: &str| {
            name.strip_prefix(&format!("{stem}."))
                .and_then(|rest| rest.strip_suffix(&end))
                .is_some_and(|middle| {
                    middle.len() == "20260131T120000.000.000".len()
                        && middle.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'T' | b'.'))
                })
        };
        fs::read_dir(self.folder())?
            .filter_map(|entry| match entry {
                Ok(entry) => {
                    is_rotated(&entry.file_name().to_string_lossy()).then(|| Ok(entry.path()))
                }
                Err(error) => Some(Err(error)),
            })
            .collect()
    }
}

/// Opens the file to append to it. Every write goes to the end that the file has then, so another
/// program may truncate it.
fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        private_file::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).append(true);
    let mut file = private_file::open_or_create(&mut options, path)?;
    if names(&file)? > 1 {
        let why = "the file has another name elsewhere (a hard link), which would be written to, \
                   too: remove the other name, or copy the file";
        return Err(io::Error::other(why));
    }
    let path = path.display();
    match tail::repair(&mut file)? {
        TailRepair::None => {}
        TailRepair::Removed => {
            tracing::info!(%path, "removed an incomplete line; its event is written again");
        }
        TailRepair::Ended => tracing::warn!(
            %path,
            "another program left an incomplete line in the file of a sink: it is kept, and new \
             lines follow it"
        ),
    }
    Ok(file)
}

/// Writes all of `lines`. An error comes with how many bytes were written before it.
fn write(file: &mut impl Write, lines: &[u8]) -> Result<(), (u64, io::Error)> {
    let mut written = 0;
    while let Some(rest) = lines.get(written..).filter(|rest| !rest.is_empty()) {
        let wrote = match file.write(rest) {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            wrote => wrote,
        };
        written += wrote.map_err(|error| (written as u64, error))?;
    }
    Ok(())
}

/// Whether `path` still leads to this open file.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(there) => is_same(file, &there, path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn is_same(file: &File, there: &fs::Metadata, _: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let open = file.metadata()?;
    Ok((open.dev(), open.ino()) == (there.dev(), there.ino()))
}

/// Windows tells which file it is only of one that is open.
#[cfg(windows)]
fn is_same(file: &File, there: &fs::Metadata, path: &Path) -> io::Result<bool> {
    use lamplight_windows::FileIdentity;
    if !there.is_file() {
        return Ok(false);
    }
    match File::open(path) {
        Ok(there) => Ok(FileIdentity::of(file)? == FileIdentity::of(&there)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// How many names a file has. 0 once it is removed.
#[cfg(unix)]
fn names(file: &File) -> io::Result<u64> {
    file.metadata().map(|file| std::os::unix::fs::MetadataExt::nlink(&file))
}

#[cfg(windows)]
fn names(file: &File) -> io::Result<u64> {
    lamplight_windows::names(file)
}

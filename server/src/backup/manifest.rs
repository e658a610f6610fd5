//! The manifest of a backup: what it contains, and how to tell that it is whole.

use std::fmt;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::counted::counted;
use crate::store::sqlite::snapshot::{FileState, SchemaVersions};
use crate::system::private_file;

/// The name of the manifest.
pub const MANIFEST: &str = "manifest.json";
/// The version of the format of backups.
const FORMAT: u32 = 1;
/// No manifest has more bytes.
const BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What a backup contains.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the format of backups.
    pub format: u32,
    /// The version of Lamplight that made the backup.
    pub lamplight: String,
    /// When it began.
    pub created: String,
    /// The same, in milliseconds since 1970.
    pub created_ms: i64,
    /// The versions of the databases' schemas.
    pub schema: SchemaVersions,
    /// What the databases count.
    pub counts: Counts,
    /// Every file but the manifest.
    pub files: Vec<BackedUpFile>,
}

/// What the databases of a backup count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Events that are stored.
    pub events: u64,
    /// Payloads that wait to be processed.
    pub waiting: u64,
    /// Files of events.
    pub weeks: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { events, waiting, weeks } = *self;
        write!(
            f,
            "{} in {}, and {} to be processed",
            counted(events, "event", "events"),
            counted(weeks, "week", "weeks"),
            counted(waiting, "payload that waits", "payloads that wait")
        )
    }
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackedUpFile {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// The state of the database that it was copied from, by which the next backup tells whether
    /// it changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<FileState>,
}

/// A manifest cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// There is none.
    #[error(
        "find a backup in {}: there is no {MANIFEST}. Name one of the directories that `lamplight \
         backup` wrote, such as lamplight-20260131T120000Z",
        folder.display()
    )]
    None {
        /// Where it should be.
        folder: PathBuf,
    },
    /// The file cannot be read or written.
    #[error("access {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It is not what a backup writes.
    #[error("read {}: it is not what `lamplight backup` writes. Use another backup", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// It names a file that no backup has.
    #[error("read {}: it names the file {name:?}, which no backup has. Use another backup", path.display())]
    Name {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// A newer version of Lamplight wrote it.
    #[error(
        "read backup {}: a newer lamplight wrote it (version {lamplight}). Use that version",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// That version.
        lamplight: String,
    },
}

impl Manifest {
    /// The manifest of a backup that began at `now_ms`.
    pub(super) fn new(
        now_ms: i64,
        schema: SchemaVersions,
        counts: Counts,
        files: Vec<BackedUpFile>,
    ) -> Self {
        let created = jiff::Timestamp::from_millisecond(now_ms).unwrap_or_default();
        Self {
            format: FORMAT,
            lamplight: env!("CARGO_PKG_VERSION").to_owned(),
            created: created.to_string(),
            created_ms: now_ms,
            schema,
            counts,
            files,
        }
    }

    /// Reads the manifest of the backup in `folder`.
    ///
    /// # Errors
    /// [`ManifestError`], also if a newer version of Lamplight wrote it.
    pub fn read(folder: &Path) -> Result<Self, ManifestError> {
        let path = folder.join(MANIFEST);
        let opened = private_file::open(std::fs::OpenOptions::new().read(true), &path);
        let mut text = Vec::new();
        match opened.and_then(|it| it.take(BYTES_MAX).read_to_end(&mut text)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ManifestError::None { folder: folder.to_owned() });
            }
            Err(source) => return Err(ManifestError::File { path, source }),
        }
        let manifest: Self = match serde_json::from_slice(&text) {
            Ok(manifest) => manifest,
            Err(source) => return Err(ManifestError::Form { path, source }),
        };
        let (known, schema) = (SchemaVersions::known(), manifest.schema);
        let is_newer = manifest.format > FORMAT
            || schema.intake > known.intake
            || schema.store > known.store
            || schema.week > known.week;
        if is_newer {
            return Err(ManifestError::Newer { path, lamplight: manifest.lamplight });
        }
        // A name must not lead out of the directory.
        let wrong = manifest.files.iter().find(|file| !is_backed_up(&file.name));
        if let Some(file) = wrong {
            return Err(ManifestError::Name { path, name: file.name.clone() });
        }
        Ok(manifest)
    }

    /// Writes the manifest to `folder`, and syncs it.
    pub(super) fn write(&self, folder: &Path) -> Result<(), ManifestError> {
        let path = folder.join(MANIFEST);
        let write = || {
            let mut text = serde_json::to_vec_pretty(self)?;
            text.push(b'\n');
            let mut file = private_file::create_new(&path)?;
            file.write_all(&text)?;
            file.sync_all()
        };
        write().map_err(|source| ManifestError::File { path: path.clone(), source })
    }

    /// The bytes of all its files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// Whether a backup may have a file with this name.
pub(super) fn is_backed_up(name: &str) -> bool {
    let is_plain = name.chars().all(|it| it.is_ascii_alphanumeric() || matches!(it, '-' | '.'));
    let is_week =
        name.strip_prefix("events-").is_some_and(|rest| rest.strip_suffix(".db").is_some());
    is_plain
        && (is_week
            || ["intake.db", "store.db"].contains(&name)
            || crate::system::data_dir::SMALL_FILES.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn counts_of_one_are_written_in_the_singular() {
        let shown = |count| Counts { events: count, waiting: count, weeks: count }.to_string();
        assert_eq!(shown(1), "1 event in 1 week, and 1 payload that waits to be processed");
        assert_eq!(shown(2), "2 events in 2 weeks, and 2 payloads that wait to be processed");
        assert_eq!(shown(0), "0 events in 0 weeks, and 0 payloads that wait to be processed");
    }
}

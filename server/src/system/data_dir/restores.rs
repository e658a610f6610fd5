//! Which restores of a backup a data directory has behind it. What was stored between a backup and
//! its restore is missing, and nothing else on disk says why.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::system::private_file;

/// The file of a data directory that lists its restores. Backups have it, too.
pub const RESTORES: &str = "restored.json";
/// The most restores that are listed: the latest ones.
const RESTORES_MAX: usize = 10;
/// No such file has more bytes.
const BYTES_MAX: u64 = 64 * 1024;

/// A restore of a data directory from a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastRestore {
    /// When the backup was begun, in milliseconds since 1970.
    pub backup_ms: i64,
    /// When it was restored, in milliseconds since 1970.
    pub restored_ms: i64,
}

/// The restores of a data directory, the oldest first. None if nothing says that there was one.
///
/// # Errors
/// When the file cannot be read, or is not such a list.
pub fn read_restores(folder: &Path) -> io::Result<Vec<PastRestore>> {
    let opened = private_file::open(OpenOptions::new().read(true), &folder.join(RESTORES));
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut text = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

/// Writes the restores of a data directory in place of those that it lists, and syncs the file.
///
/// # Errors
/// When it cannot be written.
pub fn write_restores(folder: &Path, restores: &[PastRestore]) -> io::Result<()> {
    let path = folder.join(RESTORES);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let latest = restores.get(restores.len().saturating_sub(RESTORES_MAX)..).unwrap_or_default();
    let mut text = serde_json::to_vec(latest)?;
    text.push(b'\n');
    let mut file = private_file::create_new(&path)?;
    file.write_all(&text)?;
    file.sync_all()
}

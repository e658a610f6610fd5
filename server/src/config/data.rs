//! The data directory alone, for commands that need no other setting.

use std::path::{Path, PathBuf};

use super::ConfigError;
use super::file::{File, FileValue};

/// The data directory that a configuration file names, if it does. No other setting is read, so a
/// backup does not fail because a sink has no token there.
///
/// # Errors
/// [`ConfigError`], when the file cannot be read.
pub fn data_in_file(config: Option<&Path>) -> Result<Option<PathBuf>, ConfigError> {
    let file = File::read(config)?;
    let Some(entry) = file.entries.into_iter().find(|entry| entry.key == "data") else {
        return Ok(None);
    };
    match entry.value {
        FileValue::Text(path) => Ok(Some(PathBuf::from(path))),
        other => Err(ConfigError::Value {
            key: entry.key,
            origin: entry.origin,
            why: format!("it must be text, not {}", other.name()),
        }),
    }
}

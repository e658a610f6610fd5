//! Single settings of a configuration file, for commands that need no other.

use std::path::Path;

use super::ConfigError;
use super::file::{File, FileValue};

/// The text that a configuration file gives a setting, if it does. No other setting is read, so a
/// backup does not fail because a sink has no token there.
///
/// # Errors
/// [`ConfigError`], when the file cannot be read.
pub fn text_in_file(config: Option<&Path>, key: &str) -> Result<Option<String>, ConfigError> {
    Ok(texts_in_file(config, key)?.pop())
}

/// The texts of a setting in the configuration file that may have several.
///
/// # Errors
/// As of [`text_in_file`].
pub fn texts_in_file(config: Option<&Path>, key: &str) -> Result<Vec<String>, ConfigError> {
    let file = File::read(config)?;
    let Some(entry) = file.entries.into_iter().find(|entry| entry.key == key) else {
        return Ok(Vec::new());
    };
    let wrong = |value: &FileValue| ConfigError::Value {
        key: entry.key.clone(),
        origin: entry.origin.clone(),
        why: format!("it must be text, not {}", value.name()),
    };
    let text = |value: &FileValue| match value {
        FileValue::Text(text) => Ok(text.clone()),
        other => Err(wrong(other)),
    };
    match &entry.value {
        FileValue::List(values) if key == "database_url" => values.iter().map(text).collect(),
        value => Ok(vec![text(value)?]),
    }
}

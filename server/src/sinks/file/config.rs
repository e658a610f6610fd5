//! Configuration of a file.

use std::path::PathBuf;

use serde::Deserialize;

use crate::sinks::config::{RetryConfig, RouteConfig};

/// When a batch is on disk for certain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sync {
    /// Before its events count as sent.
    #[default]
    Batch,
    /// Whenever the system gets round to it.
    Never,
}

/// A file of JSON lines.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The file. Its directory is made if it is not there.
    pub path: PathBuf,
    /// From this size on the file is moved aside and a new one begun, in bytes.
    #[serde(default = "rotate_bytes")]
    pub rotate_bytes: u64,
    /// Files that were moved aside beyond this many are deleted, the oldest first; 0 keeps all.
    #[serde(default)]
    pub keep: usize,
    /// When a batch is on disk for certain.
    #[serde(default)]
    pub sync: Sync,
    /// Which events it gets.
    #[serde(default)]
    pub route: RouteConfig,
    /// How it is tried again.
    #[serde(default)]
    pub retry: RetryConfig,
}

const fn rotate_bytes() -> u64 {
    100 * 1024 * 1024
}

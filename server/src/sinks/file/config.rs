//! Configuration of a file.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::sinks::common_config::{RetryConfig, RouteConfig};

/// When a batch is certainly on disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Sync {
    /// Before its events count as sent
    #[default]
    Batch,
    /// Whenever the operating system writes it
    Never,
}

/// A file of JSON lines.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// Path of the file; its directory is created if it does not exist
    #[arg(long, value_name = "FILE")]
    pub path: PathBuf,
    /// Size at which the file is moved aside and a new one is begun, in bytes
    #[arg(long, default_value_t = 100 * 1024 * 1024, value_name = "BYTES")]
    pub rotate_bytes: u64,
    /// How many files that were moved aside to keep; older ones are deleted, and 0 keeps all
    #[arg(long, default_value_t = 0, value_name = "COUNT")]
    pub keep: usize,
    /// When a batch is synced to disk
    #[arg(long, value_enum, default_value_t = Sync::Batch, value_name = "WHEN")]
    pub sync: Sync,
    /// Which events it gets.
    #[command(flatten)]
    pub route: RouteConfig,
    /// How it is retried.
    #[command(flatten)]
    pub retry: RetryConfig,
}

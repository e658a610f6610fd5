//! Which data directory a command works on that works on files alone.

use std::path::PathBuf;

use clap::Args;

use crate::config::{ConfigError, text_in_file};

/// The data directory. It is found as the server finds it, without reading any other setting.
#[derive(Debug, Clone, Args)]
pub struct DataArgs {
    /// Directory of the databases [default: that of the configuration file, or ./lamplight-data]
    #[arg(long, visible_alias = "data-dir", env = "LAMPLIGHT_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Configuration file that may name the directory [default: ./lamplight.toml, if it exists]
    #[arg(long, env = "LAMPLIGHT_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Whether the directory was named on the command line.
    #[arg(skip)]
    pub is_flag: bool,
}

impl DataArgs {
    /// The data directory.
    ///
    /// # Errors
    /// [`ConfigError`], when the configuration file cannot be read.
    pub fn path(&self) -> Result<PathBuf, ConfigError> {
        if let Some(data) = &self.data {
            return Ok(data.clone());
        }
        let in_file = text_in_file(self.config.as_deref(), "data")?;
        Ok(PathBuf::from(in_file.as_deref().unwrap_or("./lamplight-data")))
    }
}

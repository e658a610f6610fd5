//! Which database a command works on that works without a server.

use std::path::PathBuf;

use clap::Args;

use super::data::DataArgs;
use crate::config::{ConfigError, DatabaseSettings, text_in_file, texts_in_file};
use crate::store::postgres::DatabaseUrl;
use crate::system::secret::Secret;

/// The database, if there is one. It is found as the server finds it, without reading any other
/// setting.
#[derive(Debug, Clone, Args)]
pub struct DatabaseArgs {
    /// URL of the PostgreSQL database, unless --data is given. Give it several times if there are
    /// several databases [default: that of the configuration file]
    #[arg(long, env = "LAMPLIGHT_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Vec<Secret>,
    /// File that holds the URL of the database, or a URL in each line
    #[arg(long, env = "LAMPLIGHT_DATABASE_URL_FILE", hide_env_values = true, value_name = "FILE")]
    pub database_url_file: Option<PathBuf>,
}

/// The database cannot be found.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseArgsError {
    /// The configuration file cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The URL is wrong, or its file cannot be read.
    #[error("use the URL of the database: {0}")]
    Url(String),
}

impl DatabaseArgs {
    /// The databases, if everything is in one or several, and no data directory was named on the
    /// command line.
    ///
    /// # Errors
    /// [`DatabaseArgsError`].
    pub fn urls(&self, data: &DataArgs) -> Result<Vec<DatabaseUrl>, DatabaseArgsError> {
        if data.is_flag {
            return Ok(Vec::new());
        }
        let (mut urls, mut file) = (self.database_url.clone(), self.database_url_file.clone());
        if urls.is_empty() && file.is_none() {
            let config = data.config.as_deref();
            let texts = texts_in_file(config, "database_url")?;
            urls = texts.iter().map(|text| Secret::from(text.as_str())).collect();
            file = text_in_file(config, "database_url_file")?.map(PathBuf::from);
        }
        let settings = DatabaseSettings {
            database_url: urls,
            database_url_file: file,
            ..DatabaseSettings::default()
        };
        let urls = settings.urls().map_err(DatabaseArgsError::Url)?;
        Ok(urls.into_iter().map(|urls| urls.main).collect())
    }
}

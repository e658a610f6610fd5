//! Where an installation is.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::store::postgres::{DatabaseUrl, UrlError};

/// Where an installation is, or is moved to.
#[derive(Debug, Clone)]
pub enum Place {
    /// A data directory.
    Directory(PathBuf),
    /// A PostgreSQL database.
    Database(DatabaseUrl),
}

impl FromStr for Place {
    type Err = UrlError;

    /// A URL of PostgreSQL, or a path.
    fn from_str(text: &str) -> Result<Self, UrlError> {
        if text.contains("://") {
            return Ok(Self::Database(text.parse()?));
        }
        Ok(Self::Directory(PathBuf::from(text)))
    }
}

/// Without a password.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => path.display().fmt(f),
            Self::Database(url) => url.fmt(f),
        }
    }
}

//! `lamplight.toml`.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::intake::{ClientNetwork, Network};
use crate::sinks::secret::Secret;

/// Where the file is looked for unless it is named.
pub(super) const USUAL_PATH: &str = "lamplight.toml";

/// The configuration cannot be used. Never holds a value of it, which may be secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("read configuration {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("understand configuration {}, line {line}: {why}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        why: String,
    },
    /// A sink is not what it should be.
    #[error("understand sink `{name}` of the configuration: {why}")]
    Sink {
        /// Its name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
}

/// What the file has. Unknown members are errors.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FileConfig {
    pub(super) listen: Option<SocketAddr>,
    pub(super) data: Option<PathBuf>,
    pub(super) disk_floor_mib: Option<u32>,
    pub(super) client_network: Option<ClientNetwork>,
    pub(super) trusted_proxies: Vec<Network>,
    pub(super) keys: FileKeys,
    pub(super) retention: FileRetention,
    pub(super) enrichment: FileEnrichment,
    pub(super) sinks: BTreeMap<String, toml::Table>,
}

/// `[keys]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FileKeys {
    pub(super) write_key: Option<Secret>,
    pub(super) write_key_file: Option<PathBuf>,
    pub(super) secret_key: Option<Secret>,
    pub(super) secret_key_file: Option<PathBuf>,
    pub(super) admin_token: Option<Secret>,
    pub(super) admin_token_file: Option<PathBuf>,
}

/// `[retention]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FileRetention {
    pub(super) events_days: Option<u32>,
    pub(super) events_bytes: Option<u64>,
    pub(super) payload_days: Option<u32>,
    pub(super) id_days: Option<IdDays>,
}

/// Within the limit that the flag has, too.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "u32")]
pub(super) struct IdDays(pub(super) u32);

impl TryFrom<u32> for IdDays {
    type Error = &'static str;

    fn try_from(days: u32) -> Result<Self, Self::Error> {
        if days >= 7 { Ok(Self(days)) } else { Err("id_days must be 7 or more") }
    }
}

/// `[enrichment]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FileEnrichment {
    pub(super) geo_file: Option<PathBuf>,
    pub(super) properties: BTreeMap<String, String>,
}

/// Reads the file at `path`, which must be there, or the one at the usual place, which need not.
/// Gives it also as it stands, with nothing left out.
pub(super) fn read(path: Option<&Path>) -> Result<Option<(FileConfig, toml::Table)>, ConfigError> {
    let named = path.unwrap_or(Path::new(USUAL_PATH));
    let text = match std::fs::read_to_string(named) {
        Ok(text) => text,
        Err(error) if path.is_none() && error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ConfigError::Read { path: named.to_owned(), source }),
    };
    let both = toml::from_str(&text).and_then(|config| Ok((config, toml::from_str(&text)?)));
    both.map(Some).map_err(|error| {
        // Not the error's own text, which quotes the line.
        let start = error.span().map_or(0, |span| span.start).min(text.len());
        let line = text.get(..start).unwrap_or_default().matches('\n').count() + 1;
        ConfigError::Wrong { path: named.to_owned(), line, why: error.message().to_owned() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lamplight.toml");
        std::fs::write(&path, text).unwrap();
        read(Some(&path)).unwrap_err().to_string()
    }

    #[test]
    fn what_is_unknown_is_an_error_that_says_where() {
        let text = error("data = 'd'\nlisen = '127.0.0.1:1'");
        assert!(text.contains("line 2: unknown field `lisen`"), "{text}");
    }

    #[test]
    fn no_error_quotes_a_secret() {
        for line in
            ["admin_token = 12345678", "admin_token = '12345678", "admin_token = [12345678]"]
        {
            let text = error(&format!("[keys]\n{line}"));
            assert!(!text.contains("12345678") && text.contains("line 2"), "{text}");
        }
    }

    #[test]
    fn a_file_that_is_named_must_be_there() {
        assert!(matches!(read(Some(Path::new("nowhere.toml"))), Err(ConfigError::Read { .. })));
    }
}

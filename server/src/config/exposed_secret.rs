//! Secrets that other users of the machine can read, because of how they were given.

use std::fmt;
use std::path::{Path, PathBuf};

use super::file::{Entry, FileValue};
use super::layers::Values;
use super::origin::Origin;
use super::setting::Setting;
use crate::system::other_readers::OtherReaders;

/// A secret that other users of the machine can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExposedSecret {
    /// It is an argument of the process.
    Argument {
        /// Its flag, without dashes.
        flag: String,
        /// Its environment variable.
        variable: String,
    },
    /// It is in a configuration file that everybody may read.
    File {
        /// The path of the file.
        path: PathBuf,
        /// The settings.
        keys: Vec<String>,
        /// Who can read it.
        readers: OtherReaders,
    },
}

impl fmt::Display for ExposedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument { flag, variable } => write!(
                f,
                "a secret is in the argument --{flag}, and other users of this machine can see the \
                 arguments of a process: set the environment variable {variable}, or name a file \
                 that holds the secret with --{flag}-file"
            ),
            Self::File { path, keys, readers } => {
                let (path, keys) = (path.display(), keys.join("`, `"));
                let OtherReaders { because, remedy } = readers;
                write!(
                    f,
                    "other users of this machine can read secrets in {path} ({because}; it sets \
                     `{keys}`): close it with `{remedy}`"
                )
            }
        }
    }
}

/// The secrets that are arguments.
pub(super) fn in_arguments(settings: &[Setting], values: &Values) -> Vec<ExposedSecret> {
    let exposed = settings.iter().filter_map(|it| {
        let given = values.get(it.key())?;
        let is_argument = matches!(given.origin, Origin::Flag(_));
        let is_exposed = is_argument && it.hides(given.texts.iter().map(String::as_str));
        let (flag, variable) = (it.flag().to_owned(), it.variable()?.to_owned());
        is_exposed.then_some(ExposedSecret::Argument { flag, variable })
    });
    exposed.collect()
}

/// The keys of those of `entries` that are secrets, with `prefix` before them.
pub(super) fn keys_of_secrets(
    settings: &[Setting],
    prefix: &str,
    entries: &[Entry],
) -> Vec<String> {
    let is_secret = |entry: &&Entry| {
        let text = match &entry.value {
            FileValue::Text(text) => Some(text.as_str()),
            _ => None,
        };
        settings.iter().any(|it| it.key() == entry.key && it.hides(text))
    };
    let secret = entries.iter().filter(is_secret);
    secret.map(|entry| format!("{prefix}{}", entry.key)).collect()
}

/// The secrets of a configuration file that others can read.
pub(super) fn in_file(
    path: &Path,
    readers: Option<OtherReaders>,
    keys: Vec<String>,
) -> Option<ExposedSecret> {
    let readers = readers.filter(|_| !keys.is_empty())?;
    Some(ExposedSecret::File { path: path.to_owned(), keys, readers })
}

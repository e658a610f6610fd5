//! The effective configuration: the value of each setting, and where it came from.

use std::path::Path;

use super::layers::{Given, Values};
use super::origin::Origin;
use super::setting::Setting;

/// A setting, its value, and where that came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveSetting {
    /// Its key in the file, with the tables it is in.
    pub key: String,
    /// Its value in TOML, hidden if it is a secret; `None` if it has none.
    pub value: Option<String>,
    /// Where the value came from.
    pub origin: Origin,
}

/// Stands for the value of a secret.
const HIDDEN: &str = "\"(hidden)\"";

/// Stands for the path of a file that should hold a secret.
const HIDDEN_NO_FILE: &str = "\"(hidden, because there is no such file)\"";

/// Whether a text that should be the path of a file with a secret may be the secret.
fn is_secret_instead_of_file(setting: &Setting, texts: &[String]) -> bool {
    setting.names_secret_file() && !texts.iter().all(|text| Path::new(text).exists())
}

/// Every one of `settings`, with `prefix` before its key.
pub(super) fn effective(
    settings: &[Setting],
    prefix: &str,
    values: &Values,
) -> Vec<EffectiveSetting> {
    let effective = settings.iter().map(|setting| {
        let (value, origin) = match values.get(setting.key()) {
            Some(Given { origin, .. }) if setting.is_secret() => {
                (Some(HIDDEN.to_owned()), origin.clone())
            }
            Some(Given { texts, origin }) if is_secret_instead_of_file(setting, texts) => {
                (Some(HIDDEN_NO_FILE.to_owned()), origin.clone())
            }
            Some(Given { texts, origin }) => (setting.toml(texts), origin.clone()),
            None => (setting.toml(&setting.default_texts()), Origin::Default),
        };
        EffectiveSetting { key: format!("{prefix}{}", setting.key()), value, origin }
    });
    effective.collect()
}

//! `lamplight config print`: the effective configuration, and where each value came from.

use std::io::{self, Write};

use super::layers::{Given, Origin, Values};
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

/// Prints one setting on each line.
///
/// # Errors
/// When `out` cannot be written to.
pub fn print(settings: &[EffectiveSetting], out: &mut impl Write) -> io::Result<()> {
    for EffectiveSetting { key, value, origin } in settings {
        match value {
            Some(value) => writeln!(out, "{key} = {value}  # {origin}")?,
            None => writeln!(out, "# {key} is not set")?,
        }
    }
    Ok(())
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
            Some(Given { texts, origin }) => (setting.toml(texts), origin.clone()),
            None => (setting.toml(&setting.default_texts()), Origin::Default),
        };
        EffectiveSetting { key: format!("{prefix}{}", setting.key()), value, origin }
    });
    effective.collect()
}

//! The sinks of the configuration: `[sinks.<name>]`, each with a `kind` that declares the rest.

use std::path::Path;

use clap::{Command, Subcommand};

use super::effective::{EffectiveSetting, effective};
use super::file::{ALERTS_PREFIX, Entry, File, FileValue};
use super::layers::{self, Env, Given, Values};
use super::origin::Origin;
use super::setting::Setting;
use super::suggest::nearest;
use super::{Config, ConfigError, exposed_secret};
use crate::sinks::SinkConfig;
use crate::system::secret;

/// Most sinks there may be.
const SINKS_MAX: usize = 16;
/// Longest name of a sink, in bytes.
const NAME_BYTES_MAX: usize = 32;

/// A sink and its name.
#[derive(Debug, Clone)]
pub struct NamedSink {
    /// Its name: in the API, in timelines and in the log.
    pub name: String,
    /// How it is set up.
    pub config: SinkConfig,
}

/// A sink, and what its settings came from.
#[derive(Debug)]
pub(super) struct ResolvedSink {
    pub(super) sink: NamedSink,
    pub(super) effective: Vec<EffectiveSetting>,
    /// Its secrets that are in the file.
    pub(super) secrets_in_file: Vec<String>,
}

/// The kinds of sinks, each a command whose arguments are its settings.
pub(super) fn kinds() -> Vec<Command> {
    let all = SinkConfig::augment_subcommands(Command::new("sinks"));
    all.get_subcommands().cloned().collect()
}

/// The sink with this name. Variables (`LAMPLIGHT_SINK_<NAME>_<KEY>`, and for a secret also that
/// with `_FILE`) count more than `entries`, which are those of the file.
pub(super) fn resolve(
    name: &str,
    entries: &[Entry],
    sinks: usize,
    env: Env<'_>,
) -> Result<ResolvedSink, ConfigError> {
    let failed = |why: String| ConfigError::Sink { name: name.to_owned(), why };
    check_name(name).map_err(failed)?;
    if sinks > SINKS_MAX {
        return Err(failed(format!(
            "there are {sinks} sinks, and at most {SINKS_MAX} are allowed"
        )));
    }
    let prefix = format!("sinks.{name}.");
    let kind = entries.iter().find(|entry| entry.key == "kind");
    let command = kind_of(&prefix, name, kind)?;
    let settings = Setting::all(&command);
    let others: Vec<Entry> = entries.iter().filter(|entry| entry.key != "kind").cloned().collect();
    let mut values = layers::from_entries(&settings, &prefix, &others)
        .map_err(|error| with_place(error, "the sink", &others))?;
    values.extend(from_env(name, &settings, env)?);
    if let Some(missing) =
        settings.iter().find(|setting| setting.is_required() && !values.contains_key(setting.key()))
    {
        let key = missing.key();
        let variable = variable(name, key);
        return Err(failed(format!(
            "`{key}` is missing; set it in [sinks.{name}], or set {variable}"
        )));
    }
    let kind_name = command.get_name().to_owned();
    let mut shown = vec![EffectiveSetting {
        key: format!("{prefix}kind"),
        value: Some(format!("\"{kind_name}\"")),
        origin: kind.map_or(Origin::Default, |kind| kind.origin.clone()),
    }];
    shown.extend(effective(&settings, &prefix, &values));
    let matches = layers::parse(command, &prefix, &values)?;
    let config = SinkConfig::from_kind(&kind_name, &matches)
        .map_err(|error| failed(error.kind().to_string()))?;
    let secrets_in_file = exposed_secret::keys_of_secrets(&settings, &prefix, &others);
    let sink = NamedSink { name: name.to_owned(), config };
    Ok(ResolvedSink { sink, effective: shown, secrets_in_file })
}

/// Checks the name of a sink or a rule.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    if (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_plain) {
        return Ok(());
    }
    Err(format!("its name must be 1 to {NAME_BYTES_MAX} of a-z, 0-9, _ and -"))
}

fn kind_of(prefix: &str, name: &str, kind: Option<&Entry>) -> Result<Command, ConfigError> {
    let kinds = kinds();
    let names = || kinds.iter().map(Command::get_name);
    let all = names().map(|kind| format!("`{kind}`")).collect::<Vec<_>>().join(", ");
    let Some(Entry { value, origin, .. }) = kind else {
        let why = format!("`kind` is missing; it must be one of {all}");
        return Err(ConfigError::Sink { name: name.to_owned(), why });
    };
    let text = match value {
        FileValue::Text(text) => text.as_str(),
        _ => "",
    };
    if let Some(command) = kinds.iter().find(|command| command.get_name() == text) {
        return Ok(command.clone());
    }
    let near = nearest(text, names()).map(|near| format!("; did you mean `{near}`?"));
    let why = format!("`{text}` is not one of {all}{}", near.unwrap_or_default());
    Err(ConfigError::Value { key: format!("{prefix}kind"), origin: origin.clone(), why })
}

/// What environment variables say about the sink.
fn from_env(name: &str, settings: &[Setting], env: Env<'_>) -> Result<Values, ConfigError> {
    let mut values = Values::new();
    for setting in settings {
        let variable = variable(name, setting.key());
        let file_variable = format!("{variable}_FILE");
        let (origin, text) = match (env(&variable), env(&file_variable)) {
            (Some(text), _) => (variable, text),
            (None, Some(path)) if setting.is_secret() => {
                let text = secret::read_file(path.as_ref()).map_err(|error| ConfigError::Value {
                    key: format!("sinks.{name}.{}", setting.key()),
                    origin: Origin::Variable(file_variable.clone()),
                    // Not the path: it is the secret itself if the two variables were mixed up.
                    why: format!(
                        "it must be the path of a file that holds the secret, and that file cannot \
                         be read: {error}"
                    ),
                })?;
                (file_variable, text)
            }
            _ => continue,
        };
        let texts = match setting.arg().get_value_delimiter() {
            Some(delimiter) => text.split(delimiter).map(str::to_owned).collect(),
            None => vec![text],
        };
        let given = Given { texts, origin: Origin::Variable(origin) };
        values.insert(setting.key().to_owned(), given);
    }
    Ok(values)
}

/// A top-level setting below a `[table]` belongs to that table, which is easily overlooked. `of` is
/// what the table is about.
pub(super) fn with_place(error: ConfigError, of: &str, entries: &[Entry]) -> ConfigError {
    use clap::Args;
    let ConfigError::Unknown { key, origin, suggestion } = error else { return error };
    let top = Setting::all(&Config::augment_args(Command::new("settings")));
    let own = entries.iter().find(|entry| entry.origin == origin).map(|entry| entry.key.as_str());
    let own = own.map(|own| own.strip_prefix(ALERTS_PREFIX).unwrap_or(own));
    match own.filter(|own| top.iter().any(|setting| setting.key() == *own)) {
        Some(own) => {
            let suggestion =
                format!(" of {of}; to set `{own}` for the server, move it above the first [table]");
            ConfigError::Unknown { key, origin, suggestion }
        }
        None => ConfigError::Unknown { key, origin, suggestion },
    }
}

/// The environment variable of a sink's setting.
pub(super) fn variable(sink: &str, key: &str) -> String {
    format!("LAMPLIGHT_SINK_{sink}_{key}").to_uppercase().replace(['-', '.'], "_")
}

/// Parses the text of a sink's table, for tests and tools.
///
/// # Errors
/// [`ConfigError`], without any secret in it.
pub fn parse_sink(name: &str, table: &str) -> Result<SinkConfig, ConfigError> {
    let entries = File::parse_table(table, Path::new(super::DEFAULT_FILE))?;
    Ok(resolve(name, &entries, 1, &|_| None)?.sink.config)
}

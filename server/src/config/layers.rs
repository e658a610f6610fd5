//! Choosing one text for each setting, and letting its declaration parse it.

use std::collections::BTreeMap;
use std::error::Error;

use clap::builder::{OsStr, Resettable};
use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

use super::ConfigError;
use super::file::{Entry, FileValue};
use super::origin::Origin;
use super::setting::{Setting, Shape};
use super::suggest::nearest;

/// An environment variable's value.
pub(super) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The texts that a setting was given.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) texts: Vec<String>,
    pub(super) origin: Origin,
}

/// What was given to settings, by key.
pub(super) type Values = BTreeMap<String, Given>;

/// What flags and environment variables gave.
pub(super) fn from_matches(settings: &[Setting], matches: &ArgMatches) -> Values {
    let given = settings.iter().filter_map(|setting| {
        let origin = match matches.value_source(setting.key())? {
            ValueSource::CommandLine => Origin::Flag(setting.flag().to_owned()),
            ValueSource::EnvVariable => Origin::Variable(setting.variable()?.to_owned()),
            _ => return None,
        };
        let texts = matches.get_raw(setting.key())?;
        let texts = texts.map(|text| text.to_string_lossy().into_owned()).collect();
        Some((setting.key().to_owned(), Given { texts, origin }))
    });
    given.collect()
}

/// What the file gave.
///
/// # Errors
/// A key that is no setting, with `prefix` before it, or a value of the wrong form.
pub(super) fn from_entries(
    settings: &[Setting],
    prefix: &str,
    entries: &[Entry],
) -> Result<Values, ConfigError> {
    let mut values = Values::new();
    for Entry { key, value, origin } in entries {
        let Some(setting) = settings.iter().find(|setting| setting.key() == key) else {
            let near = nearest(key, settings.iter().map(Setting::key));
            let suggestion = near.map_or_else(
                || "; remove it (docs/configuration.md lists all settings)".to_owned(),
                |near| format!("; did you mean `{prefix}{near}`?"),
            );
            let (key, origin) = (format!("{prefix}{key}"), origin.clone());
            return Err(ConfigError::Unknown { key, origin, suggestion });
        };
        let texts = texts(setting.shape(), value).ok_or_else(|| ConfigError::Value {
            key: format!("{prefix}{key}"),
            origin: origin.clone(),
            why: format!("it must be {}, not {}", setting.shape().name(), value.name()),
        })?;
        values.insert(key.clone(), Given { texts, origin: origin.clone() });
    }
    Ok(values)
}

/// The texts of a value, if it has the form that it must have.
fn texts(shape: Shape, value: &FileValue) -> Option<Vec<String>> {
    match (shape, value) {
        (Shape::Text | Shape::TextOrList, FileValue::Text(text))
        | (Shape::Number, FileValue::Number(text)) => Some(vec![text.clone()]),
        (Shape::List | Shape::TextOrList, FileValue::List(values)) => {
            values.iter().map(|value| texts(Shape::Text, value)?.pop()).collect()
        }
        (Shape::Table, FileValue::Table(pairs)) => pairs
            .iter()
            .map(|(name, value)| Some(format!("{name}={}", texts(Shape::Text, value)?.pop()?)))
            .collect(),
        _ => None,
    }
}

/// Parses `values` as `command` declares them.
///
/// # Errors
/// The first value that its declaration does not take, with `prefix` before its key.
pub(super) fn parse(
    command: Command,
    prefix: &str,
    values: &Values,
) -> Result<ArgMatches, ConfigError> {
    let settings = Setting::all(&command);
    let failed = |key: &str, origin: &Origin, why: String| ConfigError::Value {
        key: format!("{prefix}{key}"),
        origin: origin.clone(),
        why,
    };
    let mut line = Vec::new();
    for (key, Given { texts, origin }) in values {
        let Some(setting) = settings.iter().find(|setting| setting.key() == key) else { continue };
        for text in texts {
            let flag = format!("--{}={text}", setting.flag());
            let alone =
                bare(Command::new("setting")).arg(plain(setting.arg().clone()).required(false));
            alone
                .try_get_matches_from([&flag])
                .map_err(|error| failed(key, origin, explain(&error, setting)))?;
            line.push(flag);
        }
    }
    bare(command)
        .mut_args(plain)
        .try_get_matches_from(line)
        .map_err(|error| failed("configuration", &Origin::Default, error.kind().to_string()))
}

fn bare(command: Command) -> Command {
    command.no_binary_name(true).disable_help_flag(true)
}

/// One text is one value here, and the environment was read before.
fn plain(arg: Arg) -> Arg {
    arg.value_delimiter(Resettable::Reset).env(Resettable::<OsStr>::Reset)
}

/// Why a value is refused. Quotes the value unless it is a secret.
fn explain(error: &clap::Error, setting: &Setting) -> String {
    if setting.is_secret() {
        return "it cannot be used".into();
    }
    let choices: Vec<String> =
        setting.choices().iter().map(|choice| format!("`{}`", choice.get_name())).collect();
    let value = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) => format!("`{value}` cannot be used: "),
        _ => String::new(),
    };
    match error.source() {
        _ if !choices.is_empty() => format!("{value}it must be one of {}", choices.join(", ")),
        Some(cause) => format!("{value}{cause}"),
        None => format!("{value}{}", error.kind()),
    }
}

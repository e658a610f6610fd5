//! Reading `lamplight.toml`: keys with their lines, and values that are not understood yet.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::origin::Origin;
use super::{ConfigError, DEFAULT_FILE};
use crate::system::other_readers::OtherReaders;

/// What the keys in `[alerts]` begin with as settings of the server.
pub(super) const ALERTS_PREFIX: &str = "alerts_";

/// A value as the file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FileValue {
    Text(String),
    Number(String),
    List(Vec<Self>),
    Table(Vec<(String, Self)>),
    /// What no setting is, by the name of its type.
    Other(&'static str),
}

impl FileValue {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Number(_) => "a number",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(name) => name,
        }
    }

    fn new(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text.to_string()),
            DeValue::Integer(number) if number.radix() == 10 => {
                Self::Number(number.as_str().to_owned())
            }
            DeValue::Integer(number) => {
                let parsed = u64::from_str_radix(number.as_str(), number.radix());
                parsed
                    .map_or(Self::Other("a number out of range"), |it| Self::Number(it.to_string()))
            }
            DeValue::Array(values) => {
                Self::List(values.iter().map(|value| Self::new(value.get_ref())).collect())
            }
            DeValue::Table(table) => Self::Table(
                table
                    .iter()
                    .map(|(key, value)| (key.get_ref().to_string(), Self::new(value.get_ref())))
                    .collect(),
            ),
            DeValue::Float(_) => Self::Other("a number with a fraction"),
            DeValue::Boolean(_) => Self::Other("true or false"),
            DeValue::Datetime(_) => Self::Other("a date"),
        }
    }
}

/// A key of the file.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Its name, with the tables it is in below the one that was asked for: `route.types`.
    pub(super) key: String,
    pub(super) value: FileValue,
    pub(super) origin: Origin,
}

/// What the file holds.
#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) path: PathBuf,
    /// Who else may read it.
    pub(super) other_readers: Option<OtherReaders>,
    /// Keys outside of `[sinks]` and `[alerts.<name>]`.
    pub(super) entries: Vec<Entry>,
    /// The keys of each `[sinks.<name>]`.
    pub(super) sinks: BTreeMap<String, Vec<Entry>>,
    /// The keys of each `[alerts.<name>]`.
    pub(super) alerts: BTreeMap<String, Vec<Entry>>,
}

impl File {
    /// Reads the file at `path`, which must exist, or the default one, which need not.
    pub(super) fn read(path: Option<&Path>) -> Result<Self, ConfigError> {
        let named = path.unwrap_or(Path::new(DEFAULT_FILE));
        match read(named) {
            Ok((text, other_readers)) => Ok(Self { other_readers, ..Self::parse(&text, named)? }),
            Err(error) if path.is_none() && error.kind() == ErrorKind::NotFound => {
                Ok(Self::default())
            }
            Err(source) => Err(ConfigError::Read { path: named.to_owned(), source }),
        }
    }

    /// Parses `text`, which was read from `path`.
    pub(super) fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let table = parse(text, path)?;
        let reader = Reader { path, text };
        let mut file = Self { path: path.to_owned(), ..Self::default() };
        for (key, value) in table.get_ref() {
            match value.get_ref() {
                DeValue::Table(sinks) if key.get_ref() == "sinks" => {
                    for (name, sink) in sinks {
                        let name = name.get_ref().to_string();
                        let DeValue::Table(sink) = sink.get_ref() else {
                            let why = format!("write its settings below [sinks.{name}]");
                            return Err(ConfigError::Sink { name, why });
                        };
                        file.sinks.insert(name, reader.flatten("", sink));
                    }
                }
                DeValue::Table(alerts) if key.get_ref() == "alerts" => {
                    for (name, value) in alerts {
                        match value.get_ref() {
                            DeValue::Table(rule) => {
                                let name = name.get_ref().to_string();
                                file.alerts.insert(name, reader.flatten("", rule));
                            }
                            // `webhook_url` in [alerts] is the setting `alerts_webhook_url`.
                            value => file.entries.push(reader.entry(ALERTS_PREFIX, name, value)),
                        }
                    }
                }
                value => file.entries.push(reader.entry("", key, value)),
            }
        }
        Ok(file)
    }

    /// Parses `text`, which is one table with everything in it.
    pub(super) fn parse_table(text: &str, path: &Path) -> Result<Vec<Entry>, ConfigError> {
        let table = parse(text, path)?;
        Ok(Reader { path, text }.flatten("", table.get_ref()))
    }
}

fn read(path: &Path) -> std::io::Result<(String, Option<OtherReaders>)> {
    let mut file = std::fs::File::open(path)?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok((text, OtherReaders::of(&file, path)))
}

fn parse<'a>(text: &'a str, path: &Path) -> Result<toml::Spanned<DeTable<'a>>, ConfigError> {
    DeTable::parse(text).map_err(|error| {
        // Not the error's own text, which quotes the line and with it a secret.
        let line = line_at(text, error.span().map_or(0, |span| span.start));
        let mut why = error.message().to_owned();
        if text.lines().nth(line - 1).is_some_and(|line| line.contains('\\')) {
            why.push_str(
                ". Between double quotes, a backslash begins an escape: write a path with \
                 backslashes in single quotes, such as 'C:\\data'",
            );
        }
        ConfigError::Syntax { path: path.to_owned(), line, why }
    })
}

fn line_at(text: &str, offset: usize) -> usize {
    text.get(..offset.min(text.len())).unwrap_or_default().matches('\n').count() + 1
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Reader<'_> {
    fn entry(
        &self,
        prefix: &str,
        key: &toml::Spanned<toml::de::DeString<'_>>,
        value: &DeValue<'_>,
    ) -> Entry {
        let line = line_at(self.text, key.span().start);
        let origin = Origin::File { path: self.path.to_owned(), line };
        Entry { key: format!("{prefix}{}", key.get_ref()), value: FileValue::new(value), origin }
    }

    /// The keys of a table and of those in it.
    fn flatten(&self, prefix: &str, table: &DeTable<'_>) -> Vec<Entry> {
        let entries = table.iter().flat_map(|(key, value)| match value.get_ref() {
            DeValue::Table(inner) => self.flatten(&format!("{prefix}{}.", key.get_ref()), inner),
            value => vec![self.entry(prefix, key, value)],
        });
        entries.collect()
    }
}

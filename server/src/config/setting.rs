//! What the declaration of one setting says.

use std::any::TypeId;

use clap::builder::PossibleValue;
use clap::{Arg, ArgAction, Command};

use super::property::Property;
use crate::store::postgres::DatabaseUrl;
use crate::store::stream::IntakeUrl;
use crate::system::secret::Secret;

/// Settings that can also be given as the name of a file that holds them.
pub(super) const HAS_FILE: [&str; 8] = [
    "write_key",
    "secret_key",
    "admin_token",
    "alerts_webhook_url",
    "alerts_webhook_secret",
    "database_url",
    "sql_database_url",
    "intake_url",
];

/// Settings that nearly always have one value, and may have several.
const MAY_BE_SEVERAL: [&str; 2] = ["database_url", "sql_database_url"];

/// The form that a value has in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Text,
    Number,
    List,
    /// One text, or a list of them.
    TextOrList,
    /// Text for each name.
    Table,
}

impl Shape {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Text => "text in quotes",
            Self::Number => "a whole number",
            Self::List => "a list of texts in quotes",
            Self::TextOrList => "text in quotes, or a list of such texts",
            Self::Table => "a table of texts in quotes",
        }
    }
}

/// One setting, as its clap argument declares it.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    arg: Arg,
}

impl Setting {
    /// The settings that `command` takes and that the file may hold.
    pub(super) fn all(command: &Command) -> Vec<Self> {
        let args = command.get_arguments().filter(|arg| {
            let is_value = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
            is_value && arg.get_id() != "config"
        });
        args.map(|arg| Self { arg: arg.clone() }).collect()
    }

    pub(super) fn arg(&self) -> &Arg {
        &self.arg
    }

    /// Its name in the file: that of the flag, with underscores.
    pub(super) fn key(&self) -> &str {
        self.arg.get_id().as_str()
    }

    pub(super) fn flag(&self) -> &str {
        self.arg.get_long().unwrap_or_else(|| self.key())
    }

    pub(super) fn variable(&self) -> Option<&str> {
        self.arg.get_env().and_then(|name| name.to_str())
    }

    pub(super) fn is_secret(&self) -> bool {
        self.arg.get_value_parser().type_id() == TypeId::of::<Secret>()
    }

    /// Whether nobody else may know its value. A write key is public.
    pub(super) fn is_confidential(&self) -> bool {
        self.is_secret() && self.key() != "write_key"
    }

    /// Whether nobody else may know what it was given. The URL of a database or of the intake
    /// stream is no secret without a password.
    pub(super) fn hides<'t>(&self, texts: impl IntoIterator<Item = &'t str>) -> bool {
        let has_password: fn(&str) -> bool = match self.key() {
            key if MAY_BE_SEVERAL.contains(&key) => {
                |text| text.split_whitespace().any(DatabaseUrl::has_password)
            }
            "intake_url" => IntakeUrl::has_password,
            _ => |_| true,
        };
        self.is_confidential() && texts.into_iter().any(has_password)
    }

    /// Whether it is the path of a file that holds a secret. People give it the secret itself by
    /// mistake.
    pub(super) fn names_secret_file(&self) -> bool {
        HAS_FILE.iter().any(|key| self.key().strip_suffix("_file") == Some(key))
    }

    pub(super) fn is_required(&self) -> bool {
        self.arg.is_required_set()
    }

    pub(super) fn shape(&self) -> Shape {
        let type_id = self.arg.get_value_parser().type_id();
        let numbers = [TypeId::of::<u32>(), TypeId::of::<u64>(), TypeId::of::<usize>()];
        if type_id == TypeId::of::<Property>() {
            Shape::Table
        } else if MAY_BE_SEVERAL.contains(&self.key()) {
            Shape::TextOrList
        } else if matches!(self.arg.get_action(), ArgAction::Append) {
            Shape::List
        } else if numbers.iter().any(|number| type_id == *number) {
            Shape::Number
        } else {
            Shape::Text
        }
    }

    pub(super) fn heading(&self) -> Option<&str> {
        self.arg.get_help_heading()
    }

    /// What it does, without what else is shown of it.
    pub(super) fn help(&self) -> String {
        let help = self.arg.get_help().map(ToString::to_string).unwrap_or_default();
        let help = help.split(" [default:").next().unwrap_or_default().trim();
        help.to_owned()
    }

    /// The default in words, for a setting whose default is not a value.
    pub(super) fn default_in_words(&self) -> Option<String> {
        let help = self.arg.get_help()?.to_string();
        let (_, words) = help.split_once("[default: ")?;
        Some(words.trim_end().trim_end_matches(']').to_owned())
    }

    pub(super) fn default_texts(&self) -> Vec<String> {
        let texts = self.arg.get_default_values().iter();
        texts.map(|text| text.to_string_lossy().into_owned()).collect()
    }

    /// The only values that it may have, if they are a few.
    pub(super) fn choices(&self) -> Vec<PossibleValue> {
        self.arg.get_possible_values()
    }

    /// `texts` as the file would have them.
    pub(super) fn toml(&self, texts: &[String]) -> Option<String> {
        let quoted = |text: &String| toml::Value::String(text.clone()).to_string();
        if texts.is_empty() {
            return None;
        }
        Some(match self.shape() {
            Shape::Number => texts.concat(),
            Shape::TextOrList if texts.len() > 1 => {
                let texts: Vec<String> = texts.iter().map(quoted).collect();
                format!("[{}]", texts.join(", "))
            }
            Shape::Text | Shape::TextOrList => quoted(&texts.concat()),
            Shape::List => {
                let texts: Vec<String> = texts.iter().map(quoted).collect();
                format!("[{}]", texts.join(", "))
            }
            Shape::Table => {
                let pairs = texts.iter().filter_map(|text| text.split_once('='));
                let pairs: toml::Table =
                    pairs.map(|(name, value)| (name.to_owned(), value.into())).collect();
                toml::Value::Table(pairs).to_string()
            }
        })
    }
}

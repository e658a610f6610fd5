//! Configuration: flags, then `LAMPLIGHT_*` variables, then `lamplight.toml`, then defaults.
//!
//! A setting is declared once, as a clap argument: a field of [`Config`], or of the `Config` of a
//! sink. Its flag, environment variable, key in the file, type, default and help follow from that
//! declaration, and so do `lamplight config print`, the example file and `docs/configuration.md`.
//! Clap stays the only parser of values: `layers` chooses one text for each setting and lets the
//! declaration parse it. (Layering libraries such as figment and confique know neither flags nor
//! help, so with them every setting would be declared twice.)

mod alert_settings;
mod alerts;
mod data;
mod database_settings;
mod effective;
mod example;
mod exposed_secret;
mod file;
mod intake_settings;
mod layers;
mod listen;
mod local_url;
mod origin;
mod print;
mod property;
mod reference;
mod resolve;
mod setting;
mod settings;
mod sinks;
mod suggest;
#[cfg(test)]
mod tests;
mod unknown_variables;

pub use alert_settings::AlertSettings;
pub use alerts::parse_rules;
pub use data::{text_in_file, texts_in_file};
pub use database_settings::DatabaseSettings;
pub use effective::EffectiveSetting;
pub use example::example;
pub use exposed_secret::ExposedSecret;
pub use intake_settings::IntakeSettings;
pub use listen::{Listen, ListenAddress};
pub(crate) use local_url::reachable;
pub use origin::Origin;
pub use print::print;
pub use property::Property;
pub use reference::reference;
pub(crate) use resolve::with_demo_data;
pub use settings::{
    Config, EnrichmentSettings, KeySettings, LogFormat, LogSettings, RetentionSettings, TlsSettings,
};
pub use sinks::{NamedSink, parse_sink};
pub use unknown_variables::{UnknownVariable, unknown_variables};

use std::path::PathBuf;

/// The file that is read unless another one is named.
pub(crate) const DEFAULT_FILE: &str = "lamplight.toml";

/// The configuration cannot be used. Never holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("read configuration file {}", path.display())]
    Read {
        /// Path of the file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("parse configuration file {}, line {line}: {why}", path.display())]
    Syntax {
        /// Path of the file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the parser expected.
        why: String,
    },
    /// A key in the file is not a setting.
    #[error("read {origin}: `{key}` is not a setting{suggestion}")]
    Unknown {
        /// The key, with the tables it is in.
        key: String,
        /// Where it is.
        origin: Origin,
        /// What to write instead.
        suggestion: String,
    },
    /// A setting has a value that it cannot have.
    #[error("use `{key}` from {origin}: {why}")]
    Value {
        /// The setting.
        key: String,
        /// Where its value came from.
        origin: Origin,
        /// What is wrong with the value.
        why: String,
    },
    /// A key was given both as text and as the name of a file.
    #[error(
        "choose between `{key}` and `{key}_file` from {origin}: only one may be set, so remove one"
    )]
    Both {
        /// The setting.
        key: String,
        /// Where both came from.
        origin: Origin,
    },
    /// A rule of alerts is wrong as a whole.
    #[error("set up alert `{name}`: {why}")]
    Alert {
        /// Its name.
        name: String,
        /// What is wrong, and what to do.
        why: String,
    },
    /// Of two settings that belong together, one is missing.
    #[error("use `{key}` from {origin}: `{missing}` is missing. Set both, or neither")]
    Incomplete {
        /// The setting that is given.
        key: &'static str,
        /// Where it came from.
        origin: Origin,
        /// The other one.
        missing: &'static str,
    },
    /// A sink is wrong as a whole.
    #[error("set up sink `{name}`: {why}")]
    Sink {
        /// Its name.
        name: String,
        /// What is wrong, and what to do.
        why: String,
    },
}

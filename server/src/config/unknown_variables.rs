//! Environment variables that look like settings and are none, so that a misspelled one is noticed.
//!
//! They are only reported: another program may have variables with the same prefix.

use std::fmt;

use clap::{Args, Command};

use super::setting::Setting;
use super::sinks::{kinds, variable};
use super::suggest::nearest;
use super::{Config, NamedSink};

const PREFIX: &str = "LAMPLIGHT_";
/// The variables of sinks have the name of the sink after this.
const SINK_PREFIX: &str = "LAMPLIGHT_SINK_";

/// A variable that no setting reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownVariable {
    /// Its name.
    pub name: String,
    /// The variable that was probably meant.
    pub nearest: Option<String>,
}

impl fmt::Display for UnknownVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: no setting has this variable", self.name)?;
        match &self.nearest {
            Some(nearest) => write!(f, ", did you mean {nearest}?"),
            None if self.name.starts_with(SINK_PREFIX) => f.write_str(
                ". Sinks are declared in lamplight.toml, and variables change their settings",
            ),
            None => f.write_str(" (docs/configuration.md lists all)"),
        }
    }
}

/// Those of `names` that begin like a setting of the server or of one of `sinks`, and are none.
pub fn unknown_variables(
    sinks: &[NamedSink],
    names: impl IntoIterator<Item = String>,
) -> Vec<UnknownVariable> {
    let known = known(sinks);
    let wrong = names.into_iter().filter(|name| name.starts_with(PREFIX) && !known.contains(name));
    let mut unknown: Vec<UnknownVariable> = wrong
        .map(|name| {
            let (kind, wrong) = split(&name);
            let alike = known.iter().map(|known| split(known)).filter(|(it, _)| *it == kind);
            let alike: Vec<String> = alike.map(|(_, rest)| rest).collect();
            let near = nearest(&wrong, alike.iter().map(String::as_str));
            let nearest = near.map(|near| format!("{kind}{}", near.to_ascii_uppercase()));
            UnknownVariable { name, nearest }
        })
        .collect();
    unknown.sort_by(|one, other| one.name.cmp(&other.name));
    unknown
}

/// The prefix that all variables of a kind have, and the rest as `nearest` compares names.
fn split(name: &str) -> (&'static str, String) {
    let prefix = if name.starts_with(SINK_PREFIX) { SINK_PREFIX } else { PREFIX };
    (prefix, name.strip_prefix(prefix).unwrap_or(name).to_ascii_lowercase())
}

/// The variables of all settings.
fn known(sinks: &[NamedSink]) -> Vec<String> {
    let server = Setting::all(&Config::augment_args(Command::new("settings")));
    let mut known: Vec<String> =
        server.iter().filter_map(|setting| setting.variable().map(str::to_owned)).collect();
    // Those of commands, which may be set for a whole shell.
    known.extend(["CONFIG", "URL"].map(|name| format!("{PREFIX}{name}")));
    for sink in sinks {
        let kind = sink.config.kind();
        let command = kinds().into_iter().find(|command| command.get_name() == kind);
        for setting in command.iter().flat_map(Setting::all) {
            let name = variable(&sink.name, setting.key());
            if setting.is_secret() {
                known.push(format!("{name}_FILE"));
            }
            known.push(name);
        }
    }
    known
}

//! `lamplight config print`: what the server would run with, and where each value came from.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::ArgMatches;
use clap::parser::ValueSource;

use super::{ServeArgs, sinks};
use crate::intake::Network;
use crate::sinks::SinkConfig;

/// A value, as the file would have it, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its name in the file, with the tables it is in.
    pub name: String,
    /// Its value in TOML; `None` if it has none. Of a secret only that it is there.
    pub value: Option<String>,
    /// Where it came from.
    pub origin: String,
}

/// What stands for a secret.
const HIDDEN: &str = "\"(hidden)\"";

/// Prints the settings, one a line.
///
/// # Errors
/// When `out` cannot be written to.
pub fn print(settings: &[Setting], out: &mut impl Write) -> io::Result<()> {
    for Setting { name, value, origin } in settings {
        match value {
            Some(value) => writeln!(out, "{name} = {value}  # {origin}")?,
            None => writeln!(out, "# {name} is not set")?,
        }
    }
    Ok(())
}

/// Every setting of `args`, which are complete.
pub(super) fn settings(
    args: &ServeArgs,
    given: Option<&ArgMatches>,
    file: &toml::Table,
    env: &dyn Fn(&str) -> Option<String>,
) -> Vec<Setting> {
    let file_name = args.config.as_deref().unwrap_or(super::file::USUAL_PATH.as_ref());
    let file_origin = file_name.display().to_string();
    let mut settings: Vec<Setting> = rows(args)
        .into_iter()
        .map(|(id, name, value)| {
            let origin = match given.and_then(|given| given.value_source(id)) {
                Some(ValueSource::CommandLine) => "flag".to_owned(),
                Some(ValueSource::EnvVariable) => variable(id),
                _ if is_in(file, name) => file_origin.clone(),
                _ => "default".to_owned(),
            };
            Setting { name: name.to_owned(), value, origin }
        })
        .collect();
    if let Some(tables) = file.get("sinks").and_then(toml::Value::as_table) {
        for (sink, table) in tables {
            settings.extend(sink_settings(sink, table, &file_origin, env));
        }
    }
    settings
}

/// Each flag, the member of the file that says the same, and its value.
fn rows(args: &ServeArgs) -> [(&'static str, &'static str, Option<String>); 17] {
    let ServeArgs { keys, retention, enrichment, .. } = args;
    let text = |text: String| toml::Value::String(text).to_string();
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| text(path.display().to_string()));
    let secret = |secret: &Option<String>| secret.as_ref().map(|_| HIDDEN.to_owned());
    let properties: toml::Table = enrichment
        .add_properties
        .iter()
        .map(|(name, value)| (name.clone(), value.clone().into()))
        .collect();
    let proxies: Vec<String> = args.trusted_proxies.iter().map(Network::to_string).collect();
    let proxies = (!proxies.is_empty()).then(|| toml::Value::from(proxies).to_string());
    let properties = (!properties.is_empty()).then(|| toml::Value::Table(properties).to_string());
    [
        ("listen", "listen", Some(text(args.listen.to_string()))),
        ("data", "data", Some(text(args.data.display().to_string()))),
        ("disk_floor_mib", "disk_floor_mib", Some(args.disk_floor_mib.to_string())),
        ("write_key", "keys.write_key", secret(&keys.write_key)),
        ("write_key_file", "keys.write_key_file", path(&keys.write_key_file)),
        ("secret_key", "keys.secret_key", secret(&keys.secret_key)),
        ("secret_key_file", "keys.secret_key_file", path(&keys.secret_key_file)),
        ("admin_token", "keys.admin_token", secret(&keys.admin_token)),
        ("admin_token_file", "keys.admin_token_file", path(&keys.admin_token_file)),
        ("keep_days", "retention.events_days", retention.keep_days.map(|it| it.to_string())),
        ("keep_bytes", "retention.events_bytes", retention.keep_bytes.map(|it| it.to_string())),
        (
            "keep_payload_days",
            "retention.payload_days",
            Some(retention.keep_payload_days.to_string()),
        ),
        ("keep_id_days", "retention.id_days", Some(retention.keep_id_days.to_string())),
        ("client_network", "client_network", Some(text(args.client_network.name().to_owned()))),
        ("trusted_proxies", "trusted_proxies", proxies),
        ("geo_file", "enrichment.geo_file", path(&enrichment.geo_file)),
        ("add_properties", "enrichment.properties", properties),
    ]
}

/// The settings of one sink. What it leaves to defaults is not listed.
fn sink_settings(
    sink: &str,
    table: &toml::Value,
    file_origin: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Vec<Setting> {
    let kind = table.get("kind").and_then(toml::Value::as_str).unwrap_or_default();
    let setting = |member: &str, value: String, origin: &str| Setting {
        name: format!("sinks.{sink}.{member}"),
        value: Some(value),
        origin: origin.to_owned(),
    };
    let hidden = SinkConfig::hidden(kind);
    let from_env = SinkConfig::secrets(kind).iter().filter_map(|member| {
        let origin = sinks::variables(sink, member).into_iter().find(|name| env(name).is_some())?;
        Some((*member, setting(member, HIDDEN.to_owned(), &origin)))
    });
    let from_env: BTreeMap<&str, Setting> = from_env.collect();
    let from_file = table.as_table().into_iter().flatten();
    let from_file = from_file.filter(|(member, _)| !from_env.contains_key(member.as_str()));
    let mut settings: Vec<Setting> = from_file
        .map(|(member, value)| {
            let is_hidden = hidden.contains(&member.as_str());
            let value = if is_hidden { HIDDEN.to_owned() } else { value.to_string() };
            setting(member, value, file_origin)
        })
        .collect();
    settings.extend(from_env.into_values());
    settings
}

/// Whether the file has a member, whose name is of the form `table.member` or `member`.
fn is_in(file: &toml::Table, name: &str) -> bool {
    match name.split_once('.') {
        Some((table, member)) => file.get(table).is_some_and(|table| table.get(member).is_some()),
        None => file.contains_key(name),
    }
}

/// The environment variable of a flag.
fn variable(id: &str) -> String {
    format!("LAMPLIGHT_{}", id.to_uppercase())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::super::Cli;

    #[test]
    fn every_flag_is_a_row_and_its_variable_is_named_rightly() {
        let command = Cli::command();
        let serve = command.find_subcommand("serve").unwrap();
        let mut flags: Vec<String> = Vec::new();
        for flag in serve.get_arguments().filter(|flag| flag.get_env().is_some()) {
            let id = flag.get_id().as_str().to_owned();
            assert_eq!(flag.get_env().unwrap().to_str(), Some(&*super::variable(&id)));
            flags.push(id);
        }
        let args = super::super::tests::completed("", &[]);
        let mut rows: Vec<&str> = super::rows(&args).iter().map(|row| row.0).collect();
        rows.push("config");
        rows.sort_unstable();
        flags.sort();
        assert_eq!(flags, rows);
    }
}

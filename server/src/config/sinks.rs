//! The sinks of the configuration: `[sinks.<name>]`, with secrets from the environment if they are there.

use std::collections::BTreeMap;

use super::ConfigError;
use crate::sinks::SinkConfig;

/// Most sinks there may be.
const SINKS_MAX: usize = 16;
/// Longest name of a sink, in bytes.
const NAME_BYTES_MAX: usize = 32;

/// A sink and its name.
#[derive(Debug, Clone)]
pub struct NamedSink {
    /// Its name: in the API, in timelines and in the log.
    pub name: String,
    /// What it is.
    pub config: SinkConfig,
}

/// Reads the sinks. A secret in `LAMPLIGHT_SINK_<NAME>_<SECRET>`, or in the file that the same name with `_FILE` names,
/// beats the one in the table.
pub(super) fn read(
    tables: BTreeMap<String, toml::Table>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<NamedSink>, ConfigError> {
    let count = tables.len();
    tables
        .into_iter()
        .map(|(name, table)| match read_one(&name, table, env) {
            _ if count > SINKS_MAX => {
                Err(ConfigError::Sink { name, why: format!("there are more than {SINKS_MAX}") })
            }
            Ok(config) => Ok(NamedSink { name, config }),
            Err(why) => Err(ConfigError::Sink { name, why }),
        })
        .collect()
}

fn read_one(
    name: &str,
    mut table: toml::Table,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<SinkConfig, String> {
    let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    if !(1..=NAME_BYTES_MAX).contains(&name.len()) || !name.bytes().all(is_plain) {
        return Err(format!("its name must be 1 to {NAME_BYTES_MAX} of a-z, 0-9, _ and -"));
    }
    let kind = table.get("kind").and_then(toml::Value::as_str).unwrap_or_default().to_owned();
    for secret in SinkConfig::secrets(&kind) {
        let [variable, file_variable] = variables(name, secret);
        let from_file = env(&file_variable)
            .map(|path| {
                std::fs::read_to_string(&path)
                    .map_err(|error| format!("its {secret} cannot be read from {path}: {error}"))
            })
            .transpose()?;
        if let Some(text) = env(&variable).or(from_file) {
            table.insert((*secret).to_owned(), toml::Value::String(text));
        }
    }
    table.try_into().map_err(|error: toml::de::Error| error.message().to_owned())
}

/// The environment variables of a sink's secret: the one with it, and the one with the name of a file with it.
pub(super) fn variables(sink: &str, secret: &str) -> [String; 2] {
    let variable = format!("LAMPLIGHT_SINK_{sink}_{secret}").to_uppercase().replace('-', "_");
    let file_variable = format!("{variable}_FILE");
    [variable, file_variable]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sinks(text: &str, env: &[(&str, &str)]) -> Result<Vec<NamedSink>, String> {
        let env = |name: &str| {
            env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        read(toml::from_str(text).unwrap(), &env).map_err(|error| error.to_string())
    }

    fn token(sinks: &[NamedSink]) -> &str {
        match &sinks[0].config {
            SinkConfig::Mixpanel(config) => config.token.reveal(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_secret_from_the_environment_beats_the_one_in_the_file() {
        let table = "[my-panel]\nkind = 'mixpanel'\ntoken = 'weak'";
        assert_eq!(token(&sinks(table, &[]).unwrap()), "weak");
        let env = [("LAMPLIGHT_SINK_MY_PANEL_TOKEN", "strong")];
        assert_eq!(token(&sinks(table, &env).unwrap()), "strong");
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "from a file\n").unwrap();
        let env = [("LAMPLIGHT_SINK_MY_PANEL_TOKEN_FILE", path.to_str().unwrap())];
        assert_eq!(token(&sinks(table, &env).unwrap()), "from a file");
    }

    #[test]
    fn what_is_wrong_is_told_by_the_name_of_the_sink_and_quotes_no_secret() {
        for (text, want) in [
            ("[x]\nkind = 'mixpanel'", "missing field `token`"),
            ("[x]\nkind = 'mixpanel'\ntoken = 'secret'\ntoken2 = 1", "unknown field `token2`"),
            ("[x]\nkind = 'mixpanel'\ntoken = 123", "a secret must be text in quotes"),
            ("[x]\nkind = 'mixpanle'", "unknown variant `mixpanle`"),
            ("[x]\npath = 'a'", "missing field `kind`"),
            ("[X]\nkind = 'file'\npath = 'a'", "its name must be"),
            (
                "[x]\nkind = 'file'\npath = 'a'\n[x.route]\ntypes = ['other']",
                "unknown variant `other`",
            ),
            ("[x]\nkind = 'file'\npath = 'a'\n[x.retry]\nhorizon = 1", "unknown field `horizon`"),
        ] {
            let error = sinks(text, &[]).unwrap_err();
            assert!(error.contains("sink `") && error.contains(want), "{text}: {error}");
            assert!(!error.contains("secret'") && !error.contains("123"), "{error}");
        }
    }

    #[test]
    fn a_secret_is_not_printed() {
        let sinks = sinks("[x]\nkind = 'mixpanel'\ntoken = 'hidden'", &[]).unwrap();
        assert!(!format!("{sinks:?}").contains("hidden"));
    }
}

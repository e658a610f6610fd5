//! From flags, environment and file to one [`Config`].

use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::file::File;
use super::layers::{self, Env, Given, Values};
use super::origin::Origin;
use super::setting::{HAS_FILE, Setting};
use super::{Config, ConfigError, alerts, effective, exposed_secret, sinks};

/// The data directory of the demo.
const DEMO_DATA: &str = "./lamplight-demo-data";
/// The variable that programs in Rust usually take their log filter from.
const RUST_LOG: &str = "RUST_LOG";

impl Config {
    /// The configuration of a command whose flags and variables clap has parsed into `matches`.
    ///
    /// # Errors
    /// [`ConfigError`], without any secret in it.
    pub fn resolve(matches: &ArgMatches, env: Env<'_>) -> Result<Self, ConfigError> {
        Self::resolve_for(Self::augment_args(Command::new("settings")), matches, env)
    }

    /// [`Config::resolve`] for `lamplight demo`, which has a data directory of its own by default.
    ///
    /// # Errors
    /// [`ConfigError`], without any secret in it.
    pub fn resolve_demo(matches: &ArgMatches, env: Env<'_>) -> Result<Self, ConfigError> {
        Self::resolve_for(
            with_demo_data(Self::augment_args(Command::new("settings"))),
            matches,
            env,
        )
    }

    fn resolve_for(
        command: Command,
        matches: &ArgMatches,
        env: Env<'_>,
    ) -> Result<Self, ConfigError> {
        let path = matches.get_one::<std::path::PathBuf>("config");
        let file = File::read(path.map(std::path::PathBuf::as_path))?;
        let settings = Setting::all(&command);
        let mut values = layers::from_entries(&settings, "", &file.entries)
            .map_err(|error| sinks::with_place(error, "[alerts]", &file.entries))?;
        let mut secrets = exposed_secret::keys_of_secrets(&settings, "", &file.entries);
        for (key, given) in layers::from_matches(&settings, matches) {
            values.insert(key, given);
        }
        take_rust_log(&mut values, env);
        HAS_FILE.iter().try_for_each(|key| choose(&mut values, key))?;
        require_pair(&values, "tls_cert", "tls_key")?;
        require_pair(&values, "tls_key", "tls_cert")?;
        let parsed = layers::parse(command, "", &values)?;
        let mut config = Self::from_arg_matches(&parsed).map_err(|error| ConfigError::Value {
            key: "configuration".into(),
            origin: Origin::Default,
            why: error.kind().to_string(),
        })?;
        config.config = path.cloned();
        config.effective = effective::effective(&settings, "", &values);
        for (name, entries) in &file.sinks {
            let sink = sinks::resolve(name, entries, file.sinks.len(), env)?;
            config.effective.extend(sink.effective);
            config.sinks.push(sink.sink);
            secrets.extend(sink.secrets_in_file);
        }
        for rule in alerts::resolve_all(&file.alerts)? {
            config.effective.extend(rule.effective);
            config.alert_rules.push(rule.rule);
        }
        config.exposed_secrets = exposed_secret::in_arguments(&settings, &values);
        config.exposed_secrets.extend(exposed_secret::in_file(
            &file.path,
            file.other_readers,
            secrets,
        ));
        Ok(config)
    }
}

/// The settings of `lamplight demo`: the same, but events of the demo are not mixed with real ones.
pub(crate) fn with_demo_data(settings: Command) -> Command {
    // `mut_arg` would change the order of the settings.
    settings.mut_args(|arg| match arg.get_id().as_str() {
        "data" => arg
            .default_value(DEMO_DATA)
            .help("Directory of the demo's databases; created if it does not exist"),
        _ => arg,
    })
}

/// `RUST_LOG` counts less than the flag and our own variable, and more than the file.
fn take_rust_log(values: &mut Values, env: Env<'_>) {
    let is_given = values
        .get("log")
        .is_some_and(|given| matches!(given.origin, Origin::Flag(_) | Origin::Variable(_)));
    if let Some(text) = env(RUST_LOG).filter(|text| !is_given && !text.is_empty()) {
        let origin = Origin::Variable(RUST_LOG.into());
        values.insert("log".into(), Given { texts: vec![text], origin });
    }
}

/// Of two settings that belong together, neither may be alone.
fn require_pair(
    values: &Values,
    key: &'static str,
    missing: &'static str,
) -> Result<(), ConfigError> {
    match (values.get(key), values.get(missing)) {
        (Some(given), None) => {
            Err(ConfigError::Incomplete { key, origin: given.origin.clone(), missing })
        }
        _ => Ok(()),
    }
}

/// A key and the file that holds it are one setting: the layer that counts more decides which.
fn choose(values: &mut Values, key: &str) -> Result<(), ConfigError> {
    let file_key = format!("{key}_file");
    let (Some(text), Some(file)) = (values.get(key), values.get(&file_key)) else { return Ok(()) };
    if text.origin.is_layer_of(&file.origin) {
        let origin = text.origin.clone();
        return Err(ConfigError::Both { key: key.to_owned(), origin });
    }
    let loser = if text.origin < file.origin { key.to_owned() } else { file_key };
    values.remove(&loser);
    Ok(())
}

//! The command line: every command, and what each prints.

pub mod config;
pub mod replay;
pub mod serve;
mod stray_secret;
pub mod welcome;

use std::ffi::OsString;
use std::io::Write;

use clap::error::{ContextKind, ContextValue};
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use self::config::ConfigCommand;
use self::replay::ReplayArgs;
use crate::config::{Config, ConfigError, with_demo_data};

/// Browser telemetry that never loses an event silently.
///
/// One binary with an embedded database: it stores each event durably before it answers, processes
/// it exactly once, and keeps a table of events that you can query.
#[derive(Debug, Parser)]
#[command(name = "lamplight", version, propagate_version = true, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server
    ///
    /// The first start creates the data directory, generates the keys that are not given, and
    /// prints them once.
    ///
    /// Each setting can be a flag, an environment variable, or a key in lamplight.toml; a flag
    /// counts more than a variable, and a variable more than the file. Sinks are set in the file:
    /// `lamplight config example` shows how.
    Serve(Config),
    /// Try Lamplight: run a server with a page that tries to lose events
    ///
    /// Open the printed address in a browser. The page opens tabs that make events, takes the
    /// server offline, closes tabs, and shows where every event is.
    ///
    /// The demo keeps its events in a directory of its own and listens on this machine only,
    /// because its page gets a token that may read everything in that directory. To receive events
    /// of your site, use `lamplight serve`.
    Demo(Config),
    /// Reprocess stored payloads
    ///
    /// Restores events that are missing, updates what enrichment adds, and stores events that were
    /// invalid before and are valid now. No event is stored twice, however often you replay it.
    ///
    /// Use the same configuration as the server. The server must be stopped; a running server
    /// replays when you POST to /api/replay.
    Replay(ReplayArgs),
    /// Show the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Run one SQL statement for a server, which starts this command by itself
    #[command(hide = true)]
    SqlWorker,
}

impl Command {
    /// Reads the command line, the environment and the configuration file.
    ///
    /// Ends the process when the command line is wrong, or asks for help.
    ///
    /// # Errors
    /// [`ConfigError`], when a setting is wrong. It never holds a secret.
    pub fn load() -> Result<Self, ConfigError> {
        let matches = command_line().try_get_matches().unwrap_or_else(|error| exit(error));
        let mut command =
            Cli::from_arg_matches(&matches).unwrap_or_else(|error| exit(error)).command;
        let is_demo = matches!(command, Self::Demo(_));
        if let (Some(config), Some(given)) = (command.config_mut(), innermost(&matches)) {
            let resolve = if is_demo { Config::resolve_demo } else { Config::resolve };
            *config = resolve(given, &|name| std::env::var(name).ok())?;
        }
        Ok(command)
    }

    /// The configuration of the command, if it uses one.
    pub fn config(&self) -> Option<&Config> {
        match self {
            Self::Serve(config) | Self::Demo(config) => Some(config),
            Self::Config(ConfigCommand::Print(config)) => Some(config),
            Self::Replay(args) => Some(&args.config),
            Self::Config(
                ConfigCommand::Example | ConfigCommand::Reference | ConfigCommand::Openapi,
            )
            | Self::SqlWorker => None,
        }
    }

    fn config_mut(&mut self) -> Option<&mut Config> {
        match self {
            Self::Serve(config) | Self::Demo(config) => Some(config),
            Self::Config(ConfigCommand::Print(config)) => Some(config),
            Self::Replay(args) => Some(&mut args.config),
            Self::Config(
                ConfigCommand::Example | ConfigCommand::Reference | ConfigCommand::Openapi,
            )
            | Self::SqlWorker => None,
        }
    }
}

/// The command line, with the defaults that differ between commands.
fn command_line() -> clap::Command {
    Cli::command().mut_subcommand("demo", with_demo_data)
}

/// Ends the process after help, or after an error, which also names the environment variable that a
/// wrong value came from.
fn exit(error: clap::Error) -> ! {
    let variable = wrong_variable(&error, std::env::args_os());
    let error = stray_secret::hide(error);
    let _ = error.print();
    if let Some(variable) = variable {
        let _ = writeln!(
            std::io::stderr(),
            "The value comes from the environment variable {variable}."
        );
    }
    std::process::exit(error.exit_code())
}

/// The variable that a value came from, if no argument gave it.
fn wrong_variable(
    error: &clap::Error,
    arguments: impl IntoIterator<Item = OsString>,
) -> Option<String> {
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let flag = argument.split_whitespace().next()?;
    let is_given = arguments.into_iter().any(|given| {
        let given = given.to_string_lossy();
        given.strip_prefix(flag).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    });
    let settings = Config::augment_args(clap::Command::new("settings"));
    let mut settings = settings.get_arguments().filter(|arg| !arg.is_positional());
    let setting = settings.find(|arg| arg.get_long() == flag.strip_prefix("--"))?;
    let variable = setting.get_env().filter(|_| !is_given)?;
    Some(variable.to_string_lossy().into_owned())
}

/// What was given to the subcommand that was called.
fn innermost(matches: &ArgMatches) -> Option<&ArgMatches> {
    let mut given = None;
    let mut inner = matches.subcommand();
    while let Some((_, matches)) = inner {
        given = Some(matches);
        inner = matches.subcommand();
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        command_line().debug_assert();
    }

    #[test]
    fn an_error_in_an_environment_variable_names_the_variable() {
        let line = ["lamplight", "serve", "--listen", "nowhere"];
        let error = command_line().try_get_matches_from(line).unwrap_err();
        let given = |arguments: &[&str]| arguments.iter().map(OsString::from).collect::<Vec<_>>();
        assert_eq!(
            wrong_variable(&error, given(&["lamplight", "serve"])).as_deref(),
            Some("LAMPLIGHT_LISTEN")
        );
        assert_eq!(wrong_variable(&error, given(&line)), None);
        assert_eq!(wrong_variable(&error, given(&["lamplight", "serve", "--listen=x"])), None);
    }

    #[test]
    fn serve_demo_replay_and_print_take_the_same_settings() {
        let mut cli = command_line();
        cli.build();
        let flags = |path: &[&str]| {
            let command = path.iter().fold(&cli, |it, name| it.find_subcommand(name).unwrap());
            let flags = command.get_arguments().filter(|arg| arg.get_env().is_some());
            let mut names: Vec<_> = flags.map(|arg| arg.get_id().to_string()).collect();
            names.sort();
            names
        };
        let serve = flags(&["serve"]);
        assert!(serve.contains(&"listen".to_owned()));
        for path in [&["demo"][..], &["replay"], &["config", "print"]] {
            assert_eq!(flags(path), serve, "{path:?}");
        }
    }
}

//! The command line: every command, and what each prints.

pub mod backup;
mod bind;
pub mod chaos;
pub mod completions;
pub mod config;
mod credentials;
mod data;
mod database;
mod demo;
mod event_filter;
mod examples;
pub mod export;
pub mod forget;
pub mod gaps;
pub mod healthcheck;
mod help;
pub mod keys;
pub mod man;
pub mod migrate;
mod outcome;
mod overview;
mod proof;
pub mod query;
mod reference;
pub mod replay;
pub mod restore;
pub mod retry;
pub mod serve;
pub mod shards;
pub mod sinks;
mod stray_secret;
pub mod tail;
pub mod token;
pub mod top;
pub mod verify;
pub mod welcome;

pub use demo::DemoArgs;
pub use examples::{Example, examples};
pub use outcome::{CommandError, Outcome};
pub use reference::reference;

use std::ffi::OsString;
use std::io::Write;

use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use self::backup::BackupArgs;
use self::completions::CompletionsArgs;
use self::config::ConfigCommand;
use self::export::ExportArgs;
use self::forget::ForgetArgs;
use self::gaps::GapsArgs;
use self::healthcheck::HealthcheckArgs;
use self::keys::KeysCommand;
use self::man::ManArgs;
use self::migrate::MigrateArgs;
use self::query::QueryArgs;
use self::replay::ReplayArgs;
use self::restore::RestoreArgs;
use self::retry::RetryArgs;
use self::shards::ShardsCommand;
use self::sinks::SinksCommand;
use self::tail::TailArgs;
use self::token::TokenCommand;
use self::top::TopArgs;
use self::verify::VerifyArgs;
use crate::client::RemoteArgs;
use crate::config::{Config, ConfigError, with_demo_data};

const SERVE_EXAMPLES: &str = "\
Examples:
  Start with ./lamplight-data and ./lamplight.toml, if there is one:
    lamplight serve
  Listen on all networks, and keep events for 90 days:
    lamplight serve --listen 0.0.0.0:8787 --keep-days 90";

const CONFIG_EXAMPLES: &str = "\
Examples:
  lamplight config print
  lamplight config example > lamplight.toml";

/// Browser telemetry that never loses an event silently.
///
/// One binary with an embedded database: it stores each event durably before it answers, processes
/// it exactly once, and keeps a table of events that you can query.
#[derive(Debug, Parser)]
#[command(name = "lamplight", version, propagate_version = true)]
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
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(Config),
    /// Try Lamplight: run a server with a page that tries to lose events
    ///
    /// Open the printed address in a browser. The page opens tabs that make events, takes the
    /// server offline, closes tabs, and shows where every event is.
    ///
    /// The demo keeps its events in a directory of its own and listens on this machine only,
    /// because its page gets a token that may read everything in that directory. To receive events
    /// of your site, use `lamplight serve`.
    ///
    /// `--chaos` does it without a person: it starts a server and a browser of its own, kills tabs
    /// and the server, cuts the network, and exits with 0 if each event is stored exactly once.
    Demo(DemoArgs),
    /// Reprocess stored payloads
    ///
    /// Restores events that are missing, updates what enrichment adds, and stores events that were
    /// invalid before and are valid now. No event is stored twice, however often you replay it.
    ///
    /// A running server replays in the background, and this command shows the progress. On the data
    /// of a stopped server, use the same configuration as the server.
    Replay(ReplayArgs),
    /// Show the configuration, an example of it, or its reference
    #[command(subcommand, after_help = CONFIG_EXAMPLES)]
    Config(ConfigCommand),
    /// Copy the data directory, also while the server runs
    ///
    /// Writes a new directory with a copy of all databases as of one moment, and a manifest with
    /// their checksums. Weeks that have not changed since the last backup there are not copied
    /// again. The server waits for nothing. For a PostgreSQL database, use pg_dump: this command
    /// then says how.
    Backup(BackupArgs),
    /// Restore a data directory from a backup
    ///
    /// Compares all checksums first. No server starts on a directory that is not complete.
    Restore(RestoreArgs),
    /// Check a data directory, a backup, or a PostgreSQL database
    ///
    /// Reads everything and changes nothing. Servers may use it meanwhile. Prints a line for each
    /// rule that does not hold, and then exits with 1.
    Verify(VerifyArgs),
    /// Move everything to a PostgreSQL database, or back to a data directory
    ///
    /// Stop the server of the source first. As soon as the database is ready, the command says so,
    /// and servers on it take events while the rest is moved. They process what they take at the
    /// end, so no event is stored twice. If the command is interrupted, run it again: it goes on
    /// where it stopped. At the end it compares both sides, and servers no longer use the source.
    Migrate(MigrateArgs),
    /// Show and move what several databases of an installation have
    ///
    /// Everything that a page sends belongs to one of 1,024 buckets, and each bucket to one
    /// database, which is a shard.
    #[command(subcommand)]
    Shards(ShardsCommand),
    /// Show events as they are stored
    ///
    /// One line for each event: when it was received, its name, its source, its user, and its
    /// properties. After a disconnect it continues after the last event that it has shown, without
    /// a gap and without repeats.
    Tail(TailArgs),
    /// Watch rates, queues, sinks and lost events
    Top(TopArgs),
    /// List pages whose events have not all arrived
    ///
    /// Each event of a page has a number. A number that never arrived, and that the page did not
    /// declare as dropped, is lost.
    Gaps(GapsArgs),
    /// Run an SQL statement that only reads
    ///
    /// A running server wants an admin token for it, because a statement can read almost every
    /// table.
    Query(QueryArgs),
    /// Write events to a file, as JSON lines or CSV
    ///
    /// Writes each event that was stored when it began exactly once, also while new ones arrive. It
    /// waits for a server that restarts, and continues after an interruption with --resume.
    Export(ExportArgs),
    /// Manage the keys that send events
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Manage the tokens that read and operate the server
    #[command(subcommand)]
    Token(TokenCommand),
    /// List, pause and resume sinks
    #[command(subcommand)]
    Sinks(SinksCommand),
    /// Retry dead letters
    ///
    /// A dead letter is a delivery to a sink that was given up. Select them by sink or by event.
    /// The other options select some of these.
    Retry(RetryArgs),
    /// Forget events that pages of a source claim and did not send
    ///
    /// From then on, their numbers count neither as lost nor as declared. Stored events stay. Use
    /// it if somebody has invented pages with a public key; disable or limit the key first.
    Forget(ForgetArgs),
    /// Check that the server accepts events
    ///
    /// Asks the server at its configured address, without a token. Exit status 0 means that it is
    /// well, and 1 that it is not or does not answer.
    Healthcheck(HealthcheckArgs),
    /// Print completions for a shell
    Completions(CompletionsArgs),
    /// Print the manual page
    Man(ManArgs),
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
        if let (Self::Demo(demo), Some(given)) = (&command, innermost(&matches)) {
            demo.check(given).unwrap_or_else(|error| exit(error));
        }
        if let (Some(config), Some(given)) = (command.config_mut(), innermost(&matches)) {
            let resolve = if is_demo { Config::resolve_demo } else { Config::resolve };
            *config = resolve(given, &|name| std::env::var(name).ok())?;
        }
        if let Some(given) = innermost(&matches) {
            if let Some(remote) = command.remote_mut() {
                remote.note_origins(given);
            }
            if let Self::Replay(args) = &mut command {
                args.data_is_flag = given.value_source("data") == Some(ValueSource::CommandLine);
            }
            if let Self::Backup(BackupArgs { data, .. }) | Self::Verify(VerifyArgs { data, .. }) =
                &mut command
            {
                data.is_flag = given.value_source("data") == Some(ValueSource::CommandLine);
            }
        }
        Ok(command)
    }

    /// The configuration of the command, if it uses one.
    pub fn config(&self) -> Option<&Config> {
        match self {
            Self::Serve(config) => Some(config),
            // Chaos starts a server with settings of its own.
            Self::Demo(demo) => (!demo.chaos.chaos).then_some(&demo.config),
            Self::Config(ConfigCommand::Print(config)) => Some(config),
            Self::Replay(args) => Some(&args.config),
            _ => None,
        }
    }

    fn config_mut(&mut self) -> Option<&mut Config> {
        match self {
            Self::Serve(config) => Some(config),
            Self::Demo(demo) => (!demo.chaos.chaos).then_some(&mut demo.config),
            Self::Config(ConfigCommand::Print(config)) => Some(config),
            Self::Replay(args) => Some(&mut args.config),
            _ => None,
        }
    }

    /// How the command reaches a running server, if it can.
    fn remote_mut(&mut self) -> Option<&mut RemoteArgs> {
        let place = match self {
            Self::Replay(args) => return Some(&mut args.remote),
            Self::Tail(args) => &mut args.place,
            Self::Top(args) => &mut args.place,
            Self::Gaps(args) => &mut args.place,
            Self::Query(args) => &mut args.place,
            Self::Export(args) => &mut args.place,
            Self::Retry(args) => &mut args.place,
            Self::Forget(args) => &mut args.place,
            Self::Keys(command) => command.place_mut(),
            Self::Token(command) => command.place_mut(),
            Self::Sinks(command) => command.place_mut(),
            _ => return None,
        };
        Some(&mut place.remote)
    }
}

/// The command line, with the defaults that differ between commands.
fn command_line() -> clap::Command {
    help::with_groups(Cli::command().mut_subcommand("demo", with_demo_data))
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
        for path in [&["demo"][..], &["config", "print"]] {
            assert_eq!(flags(path), serve, "{path:?}");
        }
        // It can also work at a running server.
        let without_url: Vec<_> = flags(&["replay"]).into_iter().filter(|it| it != "url").collect();
        assert_eq!(without_url, serve);
    }
}

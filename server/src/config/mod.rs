//! Configuration: flags, then environment variables, then `lamplight.toml`, then defaults.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

mod enrichment;
mod file;
mod print;
mod replay;
mod retention;
mod sinks;

use crate::intake::{ClientInfoPolicy, ClientNetwork, Network, TrustedProxies};

pub use enrichment::EnrichmentArgs;
pub use file::ConfigError;
pub use print::{Setting, print};
pub use replay::ReplayArgs;
pub use retention::RetentionArgs;
pub use sinks::NamedSink;

/// Browser telemetry that never loses an event silently: durable intake, exact processing, an inspectable
/// table of events, in one binary with an embedded database.
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
    /// Makes the data directory and its keys at the first start and prints the keys once.
    Serve(ServeArgs),
    /// Run the server with a page to try it on, at /demo/
    ///
    /// For one's own machine only: it listens on loopback addresses, and the page gets a token that may read
    /// everything.
    Demo(ServeArgs),
    /// Process payloads again that were processed before
    ///
    /// Brings rows back that are gone, brings up to date what enrichment added, and stores what was refused and can be stored
    /// now. No event gets a second row, however often it is replayed. For a directory that no server is using; a
    /// server takes POST /api/replay.
    Replay(ReplayArgs),
    /// What the configuration comes to
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print every setting and where it comes from: a flag, an environment variable, the file, or the default
    ///
    /// Takes what `serve` takes. Secrets are not printed, only that they are there.
    Print(ServeArgs),
}

/// How to run.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Address to listen on; port 0 takes a free one
    #[arg(
        long,
        env = "LAMPLIGHT_LISTEN",
        default_value = "127.0.0.1:8787",
        value_name = "IP:PORT"
    )]
    pub listen: SocketAddr,
    /// Directory for the databases, made if it is not there
    #[arg(long, env = "LAMPLIGHT_DATA", default_value = "./lamplight-data", value_name = "DIR")]
    pub data: PathBuf,
    /// File with further configuration, among it sinks; ./lamplight.toml is read if it is there
    #[arg(long, env = "LAMPLIGHT_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Take no more events once the data directory's disk has less room than this, in MiB
    #[arg(long, env = "LAMPLIGHT_DISK_FLOOR_MIB", default_value_t = 256, value_name = "MIB")]
    pub disk_floor_mib: u32,
    /// What is kept of the addresses that events come from: their networks (/24, or /48 of IPv6), or nothing at all
    #[arg(
        long,
        env = "LAMPLIGHT_CLIENT_NETWORK",
        value_enum,
        default_value_t = ClientNetwork::Cut,
        value_name = "WHAT"
    )]
    pub client_network: ClientNetwork,
    /// Proxies whose X-Forwarded-For is believed: addresses, or networks such as 10.0.0.0/8; can be given again
    #[arg(long, env = "LAMPLIGHT_TRUSTED_PROXIES", value_delimiter = ',', value_name = "NETWORK")]
    pub trusted_proxies: Vec<Network>,
    /// Keys that come from outside.
    #[command(flatten)]
    pub keys: KeyArgs,
    /// How long things are kept.
    #[command(flatten)]
    pub retention: RetentionArgs,
    /// What is added to events.
    #[command(flatten)]
    pub enrichment: EnrichmentArgs,
    /// Where events are passed on to. Only the file has these.
    #[arg(skip)]
    pub sinks: Vec<NamedSink>,
    /// All of the above, each with where it came from.
    #[arg(skip)]
    pub settings: Vec<Setting>,
}

/// Reads the command line, the environment and the file.
///
/// Ends the process when the command line is wrong, or asks for help.
///
/// # Errors
/// [`ConfigError`], when the file is wrong. No value of a secret is in it.
pub fn load() -> Result<Command, ConfigError> {
    let matches = Cli::command().get_matches();
    let mut command = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()).command;
    if let Command::Serve(args)
    | Command::Demo(args)
    | Command::Config(ConfigCommand::Print(args)) = &mut command
    {
        args.complete(innermost(&matches), &|name| std::env::var(name).ok())?;
    }
    Ok(command)
}

/// What was given to the subcommand.
fn innermost(matches: &ArgMatches) -> Option<&ArgMatches> {
    let mut given = None;
    let mut inner = matches.subcommand();
    while let Some((_, matches)) = inner {
        given = Some(matches);
        inner = matches.subcommand();
    }
    given
}

impl ServeArgs {
    /// Which facts about clients are stored.
    pub fn client_info(&self) -> ClientInfoPolicy {
        let trusted_proxies = TrustedProxies::new(self.trusted_proxies.clone());
        ClientInfoPolicy { trusted_proxies, network: self.client_network }
    }

    /// Takes from the file what neither flags nor environment gave.
    fn complete(
        &mut self,
        given: Option<&ArgMatches>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(), ConfigError> {
        let (file, table) = file::read(self.config.as_deref())?.unwrap_or_default();
        let is_default = |name: &str| {
            given.and_then(|given| given.value_source(name))
                == Some(clap::parser::ValueSource::DefaultValue)
        };
        if let Some(listen) = file.listen.filter(|_| is_default("listen")) {
            self.listen = listen;
        }
        if let Some(data) = file.data.filter(|_| is_default("data")) {
            self.data = data;
        }
        if let Some(mib) = file.disk_floor_mib.filter(|_| is_default("disk_floor_mib")) {
            self.disk_floor_mib = mib;
        }
        if let Some(kept) = file.client_network.filter(|_| is_default("client_network")) {
            self.client_network = kept;
        }
        if self.trusted_proxies.is_empty() {
            self.trusted_proxies = file.trusted_proxies;
        }
        self.keys.complete(file.keys);
        self.retention.complete(&file.retention, &is_default);
        self.enrichment.complete(file.enrichment);
        self.sinks = sinks::read(file.sinks, env)?;
        self.settings = print::settings(self, given, &table, env);
        Ok(())
    }
}

impl KeyArgs {
    /// A key and the file with it are one thing: whoever gives one of them means it instead of both.
    fn complete(&mut self, file: file::FileKeys) {
        let pairs = [
            (&mut self.write_key, &mut self.write_key_file, file.write_key, file.write_key_file),
            (
                &mut self.secret_key,
                &mut self.secret_key_file,
                file.secret_key,
                file.secret_key_file,
            ),
            (
                &mut self.admin_token,
                &mut self.admin_token_file,
                file.admin_token,
                file.admin_token_file,
            ),
        ];
        for (key, path, file_key, file_path) in pairs {
            if key.is_none() && path.is_none() {
                *key = file_key.map(|key| key.reveal().to_owned());
                *path = file_path;
            }
        }
    }
}

/// Keys that come from outside. Those that are missing at the first start are made.
///
/// A key given later is added and is valid beside the ones that are there, so that a container whose secret
/// changes just works. Nothing here takes a key away.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Keys (made and printed at the first start unless given)")]
pub struct KeyArgs {
    /// A write key, for web pages: may send events, and is public
    #[arg(long, env = "LAMPLIGHT_WRITE_KEY", hide_env_values = true, value_name = "KEY")]
    pub write_key: Option<String>,
    /// A file with it
    #[arg(
        long,
        env = "LAMPLIGHT_WRITE_KEY_FILE",
        value_name = "FILE",
        conflicts_with = "write_key"
    )]
    pub write_key_file: Option<PathBuf>,
    /// A secret key, for backends: may send to /v1/logs
    #[arg(long, env = "LAMPLIGHT_SECRET_KEY", hide_env_values = true, value_name = "KEY")]
    pub secret_key: Option<String>,
    /// A file with it
    #[arg(
        long,
        env = "LAMPLIGHT_SECRET_KEY_FILE",
        value_name = "FILE",
        conflicts_with = "secret_key"
    )]
    pub secret_key_file: Option<PathBuf>,
    /// An admin token: may read everything under /api
    #[arg(long, env = "LAMPLIGHT_ADMIN_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub admin_token: Option<String>,
    /// A file with it
    #[arg(
        long,
        env = "LAMPLIGHT_ADMIN_TOKEN_FILE",
        value_name = "FILE",
        conflicts_with = "admin_token"
    )]
    pub admin_token_file: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    pub(super) fn completed(text: &str, flags: &[&str]) -> ServeArgs {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lamplight.toml");
        std::fs::write(&path, text).unwrap();
        let line = ["lamplight", "serve", "--config", path.to_str().unwrap()];
        let matches = Cli::command().get_matches_from(line.iter().chain(flags));
        let Command::Serve(mut args) = Cli::from_arg_matches(&matches).unwrap().command else {
            panic!("serve is not serve")
        };
        args.complete(matches.subcommand().map(|(_, given)| given), &|_| None).unwrap();
        args
    }

    #[test]
    fn a_flag_beats_the_file_and_the_file_beats_the_default() {
        let text = "listen = '127.0.0.1:1'\ndata = '/d'\n[keys]\nwrite_key = 'wk_file_key'\nadmin_token_file = 't'";
        let args = completed(text, &["--listen", "127.0.0.1:2", "--write-key", "wk_flag_key"]);
        assert_eq!(args.listen.to_string(), "127.0.0.1:2");
        assert_eq!(args.data, PathBuf::from("/d"));
        assert_eq!(args.keys.write_key.as_deref(), Some("wk_flag_key"));
        assert_eq!(args.keys.admin_token_file, Some("t".into()));
    }

    #[test]
    fn retention_and_enrichment_come_from_flags_then_from_the_file() {
        let text = "[retention]\nevents_days = 90\npayload_days = 3\nid_days = 8\n\
                    [enrichment]\ngeo_file = 'g'\nproperties = { release = '7' }";
        let args = completed(text, &["--keep-days", "30"]);
        let rules = args.retention.rules();
        assert_eq!((rules.events_days, rules.payload_days, rules.id_days), (Some(30), 3, 8));
        assert_eq!(args.enrichment.geo_file, Some("g".into()));
        assert_eq!(args.enrichment.add_properties, [("release".to_owned(), "7".to_owned())]);
        let args = completed(text, &["--add-property", "region=eu"]);
        assert_eq!(args.retention.rules().events_days, Some(90));
        assert_eq!(args.enrichment.add_properties, [("region".to_owned(), "eu".to_owned())]);
    }

    #[test]
    fn every_setting_is_printed_with_where_it_came_from_and_no_secret_is() {
        let text = "data = '/d'\n[keys]\nadmin_token = 'at_very_secret'\n[retention]\nevents_days = 9\n\
                    [sinks.hook]\nkind = 'webhook'\nurl = 'https://hidden.example/?hidden'\nsecret = 'hidden hidden hidden'\nevents_max = 7";
        let args = completed(
            text,
            &[
                "--listen",
                "127.0.0.1:2",
                "--secret-key",
                "sk_very_secret",
                "--trusted-proxies",
                "10.0.0.0/8,::1",
            ],
        );
        let mut printed = Vec::new();
        print(&args.settings, &mut printed).unwrap();
        let printed = String::from_utf8(printed).unwrap();
        for line in [
            "listen = \"127.0.0.1:2\"  # flag",
            "keys.secret_key = \"(hidden)\"  # flag",
            "disk_floor_mib = 256  # default",
            "# keys.write_key is not set",
            "client_network = \"cut\"  # default",
            "trusted_proxies = [\"10.0.0.0/8\", \"::1/128\"]  # flag",
        ] {
            assert!(printed.lines().any(|it| it == line), "{line}:\n{printed}");
        }
        for begin in [
            "data = \"/d\"  # ",
            "keys.admin_token = \"(hidden)\"  # ",
            "retention.events_days = 9  # ",
            "sinks.hook.events_max = 7  # ",
            "sinks.hook.url = \"(hidden)\"  # ",
        ] {
            let line = printed.lines().find(|it| it.starts_with(begin));
            assert!(line.is_some_and(|it| it.ends_with("lamplight.toml")), "{begin}:\n{printed}");
        }
        assert!(
            !printed.contains("very_secret") && !printed.contains("hidden.example"),
            "{printed}"
        );
        assert!(!printed.contains("hidden hidden"), "{printed}");
    }

    #[test]
    fn the_example_of_a_file_is_a_right_one() {
        let args = completed(include_str!("../../lamplight.example.toml"), &[]);
        let kinds: Vec<&str> = args.sinks.iter().map(|sink| sink.config.kind()).collect();
        assert_eq!(kinds, ["file", "webhook", "datadog", "mixpanel"]);
    }

    #[test]
    fn the_defaults_need_no_configuration() {
        let cli = Cli::parse_from(["lamplight", "serve"]);
        let Command::Serve(args) = cli.command else { panic!("serve is not serve") };
        assert_eq!(args.listen.to_string(), "127.0.0.1:8787");
        assert_eq!(args.data, PathBuf::from("./lamplight-data"));
    }
}

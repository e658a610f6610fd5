//! Where a command works: a running server, or the data directory of one that is not running.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command};

use super::{Api, ClientError, Directory, RemoteServer, ServerAddress, TokenSource};
use crate::config::Config;
use crate::home::Home;
use crate::system::data_dir::{DataDir, DataDirError};

/// How to reach a running server. All of it is optional.
#[derive(Debug, Clone, Default, Args)]
#[command(
    next_help_heading = "Where it works (by default: at the configured server, or on its data)"
)]
pub struct RemoteArgs {
    /// Address of a running server, such as http://127.0.0.1:8787; its token comes from
    /// LAMPLIGHT_ADMIN_TOKEN
    #[arg(long, env = "LAMPLIGHT_URL", hide_env_values = true, value_name = "URL")]
    pub url: Option<String>,
    /// File that holds the token for a running server, instead of LAMPLIGHT_ADMIN_TOKEN
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// File of certificate authorities (PEM) to trust beside Mozilla's roots, for a server with TLS
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Whether `url` comes from the environment, which counts less than a flag.
    #[arg(skip)]
    pub url_is_variable: bool,
}

/// Where to work. All of it is optional.
#[derive(Debug, Clone, Default, Args)]
pub struct PlaceArgs {
    /// A running server.
    #[command(flatten)]
    pub remote: RemoteArgs,
    /// Data directory of a server that is not running
    #[arg(long, alias = "data-dir", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Configuration file of the server [default: ./lamplight.toml, if it exists]
    #[arg(long, env = "LAMPLIGHT_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl RemoteArgs {
    /// Learns from the parsed command line which values were variables.
    pub fn note_origins(&mut self, matches: &ArgMatches) {
        self.url_is_variable = matches.value_source("url") == Some(ValueSource::EnvVariable);
    }
}

/// What a command needs of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// To read what is stored.
    Read,
    /// To change something beside events.
    Change,
    /// To process payloads again.
    Replay,
    /// A running server, for the named purpose.
    Live(&'static str),
}

/// A place that was chosen, before it is used.
#[derive(Debug)]
pub enum Place {
    /// A running server.
    Server {
        /// Its address.
        address: ServerAddress,
        /// Why it was chosen, for people.
        because: &'static str,
    },
    /// A directory, which is locked now, or a database.
    Home(Home),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server { address, because } => {
                write!(f, "using the server at {address}{because}")
            }
            Self::Home(home @ Home::Directory(_)) => write!(
                f,
                "using data directory {home} (no server can start on it until this command has ended)"
            ),
            Self::Home(home @ Home::Database(urls)) => {
                let databases = if urls.len() == 1 { "database" } else { "databases" };
                write!(f, "using the {databases} {home}")
            }
        }
    }
}

/// Chooses where a command works, says it with `say`, and opens it. `configured` is the
/// configuration of a command that takes all settings; others read it when they need it.
///
/// # Errors
/// [`ClientError`], with what to do about it.
pub async fn open(
    args: &PlaceArgs,
    configured: Option<&Config>,
    need: Need,
    say: &mut (dyn FnMut(&str) + Send),
) -> Result<Api, ClientError> {
    let mut tokens = TokenSource {
        variable: std::env::var(super::token::VARIABLE).ok().map(|text| text.as_str().into()),
        file: token_file(args),
        configured: None,
    };
    let (place, config) = choose(args, configured, need, &mut tokens)?;
    let chosen = place.to_string();
    match place {
        Place::Server { address, .. } => {
            let Some(token) = tokens.token()? else {
                return Err(ClientError::NoToken { url: address.to_string() });
            };
            say(&chosen);
            if address.is_exposed() {
                say("warning: the token crosses the network without TLS: use an https address");
            }
            Ok(Api::Remote(RemoteServer::new(address, token, args.remote.ca_file.as_deref())?))
        }
        Place::Home(home) => {
            if let Need::Live(doing) = need {
                return Err(ClientError::NeedsServer { doing });
            }
            say(&chosen);
            let config = config.map_or_else(|| settings(args), Ok)?;
            Ok(Api::Directory(Box::new(Directory::open(&config, home, need).await?)))
        }
    }
}

fn token_file(args: &PlaceArgs) -> Option<(PathBuf, bool)> {
    let flag = args.remote.token_file.clone().map(|path| (path, true));
    let variable = || std::env::var_os("LAMPLIGHT_ADMIN_TOKEN_FILE").map(|it| (it.into(), false));
    flag.or_else(variable)
}

/// Chooses, and gives the configuration if it was needed for that.
fn choose(
    args: &PlaceArgs,
    configured: Option<&Config>,
    need: Need,
    tokens: &mut TokenSource,
) -> Result<(Place, Option<Config>), ClientError> {
    let RemoteArgs { url, url_is_variable, .. } = &args.remote;
    if let Some(url) = url
        && (args.data.is_none() || !url_is_variable)
    {
        if args.data.is_some() {
            return Err(ClientError::TwoPlaces);
        }
        let because = if *url_is_variable { " (LAMPLIGHT_URL)" } else { "" };
        return Ok((Place::Server { address: ServerAddress::parse(url)?, because }, None));
    }
    let config = configured.cloned().map_or_else(|| settings(args), Ok)?;
    tokens.configured.clone_from(&config.keys.admin_token);
    if tokens.file.is_none() {
        tokens.file = config.keys.admin_token_file.clone().map(|path| (path, false));
    }
    let has_token =
        tokens.variable.is_some() || tokens.file.is_some() || tokens.configured.is_some();
    let address = ServerAddress::configured(&config);
    let urls = config.database.urls().map_err(ClientError::Database)?;
    if !urls.is_empty() && args.data.is_none() {
        return Ok(match (need, address, has_token) {
            (Need::Live(_), Some(address), true) => {
                let because = " (the configured address)";
                (Place::Server { address, because }, Some(config))
            }
            _ => (Place::Home(Home::Database(urls)), Some(config)),
        });
    }
    let opened = DataDir::open_existing(&config.data);
    let place = match opened {
        Ok(dir) if matches!(need, Need::Live(_)) && args.data.is_none() => {
            drop(dir);
            at_listener(address, has_token, &config.data, need)?
        }
        Ok(dir) => Place::Home(Home::Directory(dir)),
        Err(DataDirError::Locked { path }) => {
            if args.data.is_none()
                && has_token
                && let Some(address) = address
            {
                let because = " (it is using the configured data directory)";
                return Ok((Place::Server { address, because }, Some(config)));
            }
            let url = address.map_or("--url URL".to_owned(), |it| format!("--url {it}"));
            let token =
                if has_token { "" } else { " and put its token into LAMPLIGHT_ADMIN_TOKEN" };
            return Err(ClientError::InUse { path, suggestion: format!("{url}{token}") });
        }
        Err(DataDirError::NoData { .. }) if args.data.is_none() => {
            at_listener(address, has_token, &config.data, need)?
        }
        Err(error) => return Err(error.into()),
    };
    Ok((place, Some(config)))
}

/// The server at the configured address, for want of data.
fn at_listener(
    address: Option<ServerAddress>,
    has_token: bool,
    data: &Path,
    need: Need,
) -> Result<Place, ClientError> {
    match (address, need) {
        (Some(address), _) if has_token => {
            Ok(Place::Server { address, because: " (the configured address)" })
        }
        (Some(address), Need::Live(_)) => Err(ClientError::NoToken { url: address.to_string() }),
        (Some(_), _) => {
            Err(ClientError::Nowhere { path: data.to_owned(), missing: "there is no token" })
        }
        (None, _) => Err(ClientError::Nowhere {
            path: data.to_owned(),
            missing: "the configured port is one that the system chooses",
        }),
    }
}

/// The configuration, as the server would read it.
pub(crate) fn settings(args: &PlaceArgs) -> Result<Config, ClientError> {
    let mut line = vec!["lamplight".into()];
    if let Some(config) = &args.config {
        line.extend(["--config".into(), config.clone().into_os_string()]);
    }
    if let Some(data) = &args.data {
        line.extend(["--data".into(), data.clone().into_os_string()]);
    }
    let command = Config::augment_args(Command::new("lamplight"));
    let matches = command.try_get_matches_from(line).map_err(|error| {
        let said = error.to_string();
        let first = said.lines().next().unwrap_or_default();
        ClientError::Settings(first.trim_start_matches("error: ").to_owned())
    })?;
    Ok(Config::resolve(&matches, &|name| std::env::var(name).ok())?)
}

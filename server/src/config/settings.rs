//! The declaration of every setting but those of sinks.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::alert_settings::AlertSettings;
use super::database_settings::DatabaseSettings;
use super::effective::EffectiveSetting;
use super::exposed_secret::ExposedSecret;
use super::intake_settings::IntakeSettings;
use super::listen::Listen;
use super::property::Property;
use super::sinks::NamedSink;
use crate::alerts::rule::Rule;
use crate::http::api_origins::ApiOrigins;
use crate::http::proxies::{Network, TrustedProxies};
use crate::http::tls::TlsFiles;
use crate::intake::{ClientInfoPolicy, ClientNetwork};
use crate::keys::origin_pattern::ExactOrigin;
use crate::process::enrich::{Enrichers, Geo, GeoError};
use crate::retention::Rules;
use crate::store::Route;
use crate::system::logging;
use crate::system::secret::Secret;

/// Everything that the server can be told.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// Configuration file [default: ./lamplight.toml, if it exists]
    #[arg(long, env = "LAMPLIGHT_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Directory of the databases; created if it does not exist
    #[arg(long, env = "LAMPLIGHT_DATA", default_value = "./lamplight-data", value_name = "DIR")]
    pub data: PathBuf,
    /// Address or name and port to listen on; a port alone for this machine only, :8787 for all
    /// networks, several separated by commas; port 0 picks a free port
    #[arg(
        long,
        env = "LAMPLIGHT_LISTEN",
        default_value = "127.0.0.1:8787",
        value_name = "ADDRESS:PORT",
        value_parser = super::listen::parse
    )]
    pub listen: Listen,
    /// Refuse events while the disk of the data directory has less free space than this, in MiB
    #[arg(long, env = "LAMPLIGHT_DISK_FLOOR_MIB", default_value_t = 256, value_name = "MIB")]
    pub disk_floor_mib: u32,
    /// What to store of a client's IP address
    #[arg(
        long,
        env = "LAMPLIGHT_CLIENT_NETWORK",
        value_enum,
        default_value_t = ClientNetwork::Cut,
        value_name = "WHAT"
    )]
    pub client_network: ClientNetwork,
    /// Proxies whose X-Forwarded-For header is trusted: addresses, or networks such as 10.0.0.0/8
    #[arg(long, env = "LAMPLIGHT_TRUSTED_PROXIES", value_delimiter = ',', value_name = "NETWORK")]
    pub trusted_proxies: Vec<Network>,
    #[allow(rustdoc::bare_urls, reason = "help shows the text as it is")]
    /// Origins whose pages may call /api with a token, such as https://console.example
    #[arg(long, env = "LAMPLIGHT_API_ORIGINS", value_delimiter = ',', value_name = "ORIGIN")]
    pub api_origins: Vec<ExactOrigin>,
    /// The database, if it is not in the data directory.
    #[command(flatten)]
    pub database: DatabaseSettings,
    /// The stream that takes payloads, if there is one.
    #[command(flatten)]
    pub intake: IntakeSettings,
    /// The certificate, for HTTPS.
    #[command(flatten)]
    pub tls: TlsSettings,
    /// The keys that are given.
    #[command(flatten)]
    pub keys: KeySettings,
    /// How long data is kept.
    #[command(flatten)]
    pub retention: RetentionSettings,
    /// What is added to events.
    #[command(flatten)]
    pub enrichment: EnrichmentSettings,
    /// What is logged.
    #[command(flatten)]
    pub logging: LogSettings,
    /// Where alerts are sent to.
    #[command(flatten)]
    pub alerts: AlertSettings,
    /// The rules of alerts. These have no flags.
    #[arg(skip)]
    pub alert_rules: Vec<Rule>,
    /// Where events are delivered to. These have no flags.
    #[arg(skip)]
    pub sinks: Vec<NamedSink>,
    /// Every setting with its value and where that came from.
    #[arg(skip)]
    pub effective: Vec<EffectiveSetting>,
    /// Secrets that other users of the machine can read.
    #[arg(skip)]
    pub exposed_secrets: Vec<ExposedSecret>,
}

impl Config {
    /// How client addresses are found and stored.
    pub fn client_info(&self) -> ClientInfoPolicy {
        let trusted_proxies = TrustedProxies::new(self.trusted_proxies.clone());
        ClientInfoPolicy { trusted_proxies, network: self.client_network }
    }

    /// The origins whose pages may call the API.
    pub fn api_origins(&self) -> ApiOrigins {
        ApiOrigins::new(self.api_origins.iter().map(ExactOrigin::as_str))
    }

    /// Which sinks get which events.
    pub fn routes(&self) -> Vec<Route> {
        self.sinks.iter().map(|named| named.config.route(&named.name)).collect()
    }
}

/// The certificate, for HTTPS.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "TLS (both files are read again when they change)")]
pub struct TlsSettings {
    /// File with the certificate chain in PEM, the server's own certificate first; the server then
    /// accepts HTTPS only
    #[arg(long, env = "LAMPLIGHT_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// File with the private key of the certificate, in PEM and without a password
    #[arg(long, env = "LAMPLIGHT_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
}

impl TlsSettings {
    /// The files, if the server accepts HTTPS.
    pub fn files(&self) -> Option<TlsFiles> {
        let (cert, key) = (self.tls_cert.clone()?, self.tls_key.clone()?);
        Some(TlsFiles { cert, key })
    }
}

/// Keys that are given from outside. Those that are missing at the first start are generated.
///
/// A key given later is added and is valid beside those that exist, so that a container whose
/// secret changes works without further steps. Nothing here takes a key away.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Keys (generated and printed at the first start unless given)")]
pub struct KeySettings {
    /// Write key, for web pages: it may send events, and is public
    #[arg(long, env = "LAMPLIGHT_WRITE_KEY", hide_env_values = true, value_name = "KEY")]
    pub write_key: Option<Secret>,
    /// File that holds the write key
    #[arg(long, env = "LAMPLIGHT_WRITE_KEY_FILE", hide_env_values = true, value_name = "FILE")]
    pub write_key_file: Option<PathBuf>,
    /// Secret key, for backends: it may send events to /v1/logs
    #[arg(long, env = "LAMPLIGHT_SECRET_KEY", hide_env_values = true, value_name = "KEY")]
    pub secret_key: Option<Secret>,
    /// File that holds the secret key
    #[arg(long, env = "LAMPLIGHT_SECRET_KEY_FILE", hide_env_values = true, value_name = "FILE")]
    pub secret_key_file: Option<PathBuf>,
    /// Admin token: it may read and change everything under /api
    #[arg(long, env = "LAMPLIGHT_ADMIN_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub admin_token: Option<Secret>,
    /// File that holds the admin token
    #[arg(long, env = "LAMPLIGHT_ADMIN_TOKEN_FILE", hide_env_values = true, value_name = "FILE")]
    pub admin_token_file: Option<PathBuf>,
}

/// How long data is kept.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Retention (events are deleted by whole weeks)")]
pub struct RetentionSettings {
    /// Days to keep events [default: no limit]
    #[arg(long, env = "LAMPLIGHT_KEEP_DAYS", value_name = "DAYS")]
    pub keep_days: Option<u32>,
    /// Bytes that events may take; the oldest weeks are deleted first, the newest week never
    /// [default: no limit]
    #[arg(long, env = "LAMPLIGHT_KEEP_BYTES", value_name = "BYTES")]
    pub keep_bytes: Option<u64>,
    /// Days to keep raw payloads, which can be replayed until then; payloads that are not processed
    /// yet are kept longer
    #[arg(long, env = "LAMPLIGHT_KEEP_PAYLOAD_DAYS", default_value_t = 14, value_name = "DAYS")]
    pub keep_payload_days: u32,
    /// Days to remember the `id` of events without sequence numbers: a second event with the same
    /// `id` is a duplicate; 7 or more
    #[arg(
        long,
        env = "LAMPLIGHT_KEEP_ID_DAYS",
        default_value_t = 30,
        value_name = "DAYS",
        value_parser = clap::value_parser!(u32).range(7..)
    )]
    pub keep_id_days: u32,
}

impl RetentionSettings {
    /// The rules for the retention task.
    pub fn rules(&self) -> Rules {
        Rules {
            events_days: self.keep_days,
            events_bytes: self.keep_bytes,
            payload_days: self.keep_payload_days,
            id_days: self.keep_id_days,
        }
    }
}

/// What is added to events.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Enrichment (stored beside what the client sent)")]
pub struct EnrichmentSettings {
    /// MaxMind database (.mmdb), such as GeoLite2 City: adds country, region, city and time zone
    /// of the client's network
    #[arg(long, env = "LAMPLIGHT_GEO_FILE", value_name = "FILE")]
    pub geo_file: Option<PathBuf>,
    /// Properties to add to every event, such as environment=production
    #[arg(
        long,
        alias = "add-property",
        env = "LAMPLIGHT_ADD_PROPERTIES",
        value_delimiter = ',',
        value_name = "NAME=VALUE"
    )]
    pub add_properties: Vec<Property>,
}

impl EnrichmentSettings {
    /// Opens what enrichment reads from.
    ///
    /// # Errors
    /// [`GeoError`], if the MaxMind database cannot be used.
    pub fn enrichers(&self) -> Result<Enrichers, GeoError> {
        let fixed = self.add_properties.iter().map(|it| (it.name.clone(), it.value.clone().into()));
        let geo = self.geo_file.as_deref().map(Geo::open).transpose()?;
        Ok(Enrichers { geo, fixed: fixed.collect() })
    }
}

/// What is logged.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Log (on standard error)")]
pub struct LogSettings {
    /// Level, or levels by target, such as debug, or warn,lamplight_server::deliver=debug;
    /// RUST_LOG is read if this is not set
    #[arg(
        long,
        env = "LAMPLIGHT_LOG",
        default_value = "info",
        value_name = "FILTER",
        value_parser = logging::check_filter
    )]
    pub log: String,
    /// Form of each line
    #[arg(
        long,
        env = "LAMPLIGHT_LOG_FORMAT",
        value_enum,
        default_value_t = LogFormat::Auto,
        value_name = "FORMAT"
    )]
    pub log_format: LogFormat,
}

/// Form of a line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// `human` on a terminal, `json` otherwise
    Auto,
    /// Text for people
    Human,
    /// One JSON object on each line
    Json,
}

//! Configuration of a Mixpanel sink.

use clap::{Args, ValueEnum};

use crate::sinks::common_config::{HttpConfig, RetryConfig, RouteConfig};
use crate::system::secret::Secret;

/// Where the data of a project is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Region {
    /// United States
    #[default]
    Us,
    /// European Union
    Eu,
    /// India
    In,
}

impl Region {
    /// The address of its API.
    pub const fn url(self) -> &'static str {
        match self {
            Self::Us => "https://api.mixpanel.com",
            Self::Eu => "https://api-eu.mixpanel.com",
            Self::In => "https://api-in.mixpanel.com",
        }
    }
}

/// A Mixpanel sink.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// Token of the project; profiles need it even with a service account
    #[arg(long, value_name = "TOKEN")]
    pub token: Secret,
    /// Where the data of the project is stored
    #[arg(long, value_enum, default_value_t = Region::Us, value_name = "REGION")]
    pub region: Region,
    /// Address to use instead of the region's, for a proxy; it may contain a secret, so it is never
    /// shown
    #[arg(long, value_name = "URL")]
    pub url: Option<Secret>,
    /// User name of a service account to use instead of the token
    #[arg(long, value_name = "NAME")]
    pub service_account: Option<String>,
    /// Secret of the service account
    #[arg(long, value_name = "SECRET")]
    pub service_account_secret: Option<Secret>,
    /// Number of the project, which a service account needs
    #[arg(long, value_name = "ID")]
    pub project_id: Option<String>,
    /// Events in one request, 1 to 2,000
    #[arg(long, default_value_t = super::EVENTS_MAX, value_name = "COUNT")]
    pub events_max: u32,
    /// Requests in flight at a time, 1 to 16
    #[arg(long, default_value_t = 4, value_name = "COUNT")]
    pub parallel: u32,
    /// How it is reached.
    #[command(flatten)]
    pub http: HttpConfig,
    /// Which events it gets.
    #[command(flatten)]
    pub route: RouteConfig,
    /// How it is retried.
    #[command(flatten)]
    pub retry: RetryConfig,
}

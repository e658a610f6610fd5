//! Configuration of a Mixpanel sink.

use std::path::PathBuf;

use serde::Deserialize;

use crate::sinks::config::{RetryConfig, RouteConfig};
use crate::sinks::secret::Secret;

/// Where a project's data lives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Region {
    /// United States.
    #[default]
    Us,
    /// European Union.
    Eu,
    /// India.
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
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The project's token. Profiles need it even with a service account.
    pub token: Secret,
    /// Where the project's data lives.
    #[serde(default)]
    pub region: Region,
    /// Another address than the region's, for a proxy.
    pub url: Option<String>,
    /// The user name of a service account, to be used instead of the token.
    pub service_account: Option<String>,
    /// Its secret.
    pub service_account_secret: Option<Secret>,
    /// The project's number, which a service account needs.
    pub project_id: Option<String>,
    /// Events in one request, 1 to 2,000.
    #[serde(default = "events_max")]
    pub events_max: u32,
    /// Requests under way at a time, 1 to 16.
    #[serde(default = "parallel")]
    pub parallel: u32,
    /// A file with certificates of authorities (PEM) that are trusted beside Mozilla's.
    pub ca_file: Option<PathBuf>,
    /// How long one request may take, in milliseconds.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u32,
    /// Which events it gets.
    #[serde(default)]
    pub route: RouteConfig,
    /// How it is tried again.
    #[serde(default)]
    pub retry: RetryConfig,
}

const fn events_max() -> u32 {
    super::EVENTS_MAX
}

const fn parallel() -> u32 {
    4
}

const fn timeout_ms() -> u32 {
    30_000
}

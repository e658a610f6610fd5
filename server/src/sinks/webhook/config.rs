//! Configuration of a webhook.

use std::path::PathBuf;

use serde::Deserialize;

use crate::sinks::config::{RetryConfig, RouteConfig};
use crate::sinks::secret::Secret;

/// A webhook.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where to POST. It may hold a secret, so it is never logged.
    pub url: Secret,
    /// What requests are signed with: at least 16 bytes, or `whsec_` and their base64.
    pub secret: Secret,
    /// Events in one request, 1 to 1,000.
    #[serde(default = "events_max")]
    pub events_max: u32,
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
    100
}

const fn timeout_ms() -> u32 {
    30_000
}

//! Configuration of a webhook.

use clap::Args;

use crate::sinks::common_config::{HttpConfig, RetryConfig, RouteConfig};
use crate::system::secret::Secret;

/// A webhook.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// URL to POST to; it may contain a secret, so it is never shown
    #[arg(long, value_name = "URL")]
    pub url: Secret,
    /// Key that signs requests: at least 16 bytes, or `whsec_` and their base64
    #[arg(long, value_name = "KEY")]
    pub secret: Secret,
    /// Events in one request, 1 to 1,000
    #[arg(long, default_value_t = 100, value_name = "COUNT")]
    pub events_max: u32,
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

//! The configuration of one sink: `[sinks.<name>]` with a `kind`.
//!
//! Each kind is declared as a clap command, although none is ever typed: so its settings are
//! declared, documented and parsed like those of the server (see [`crate::config`]).

use clap::error::ErrorKind;
use clap::{ArgMatches, FromArgMatches, Subcommand};
use lamplight_wire::event::Kind;

use super::common_config::{RetryConfig, RouteConfig};
use super::{datadog, file, mixpanel, webhook};
use crate::store::Route;
use crate::system::backoff::RetryPolicy;

/// One sink.
#[derive(Debug, Clone, Subcommand)]
#[command(rename_all = "lowercase")]
pub enum SinkConfig {
    /// Mixpanel, over its import API
    Mixpanel(mixpanel::Config),
    /// Datadog, through the DogStatsD port or socket of an agent
    Datadog(datadog::Config),
    /// Any URL: signed POST requests in the form of Standard Webhooks
    Webhook(webhook::Config),
    /// A file with one JSON object on each line
    File(file::Config),
}

impl SinkConfig {
    /// The configuration of a sink of the kind `kind`, whose settings clap has parsed.
    ///
    /// # Errors
    /// When there is no such kind, or `matches` are of another one.
    pub fn from_kind(kind: &str, matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(match kind {
            "mixpanel" => Self::Mixpanel(mixpanel::Config::from_arg_matches(matches)?),
            "datadog" => Self::Datadog(datadog::Config::from_arg_matches(matches)?),
            "webhook" => Self::Webhook(webhook::Config::from_arg_matches(matches)?),
            "file" => Self::File(file::Config::from_arg_matches(matches)?),
            _ => return Err(clap::Error::new(ErrorKind::InvalidSubcommand)),
        })
    }

    /// The stable name of its kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Mixpanel(_) => "mixpanel",
            Self::Datadog(_) => "datadog",
            Self::Webhook(_) => "webhook",
            Self::File(_) => "file",
        }
    }

    fn parts(&self) -> (&RouteConfig, Option<&RetryConfig>, Kind) {
        match self {
            Self::Mixpanel(it) => (&it.route, Some(&it.retry), Kind::Default),
            // DogStatsD cannot tell a repeated metric from a new one, so nothing is sent twice.
            Self::Datadog(it) => (&it.route, None, Kind::Monitor),
            Self::Webhook(it) => (&it.route, Some(&it.retry), Kind::Default),
            Self::File(it) => (&it.route, Some(&it.retry), Kind::Default),
        }
    }

    /// Which events the sink with this name gets.
    pub fn route(&self, name: &str) -> Route {
        let (route, _, usual) = self.parts();
        route.route(name, self.kind(), usual)
    }

    /// How it is retried.
    pub fn retry(&self) -> RetryPolicy {
        self.parts().1.map_or_else(RetryPolicy::default, RetryConfig::policy)
    }
}

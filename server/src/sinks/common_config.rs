//! Settings that several kinds of sinks have: which events a sink gets, and how it is retried.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use lamplight_wire::event::Kind;

use crate::store::{NamePattern, Route};
use crate::system::backoff::RetryPolicy;

/// An event's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TypeName {
    /// Product events
    Default,
    /// The events that matter most
    Critical,
    /// Engineering metrics
    Monitor,
}

impl From<TypeName> for Kind {
    fn from(name: TypeName) -> Self {
        match name {
            TypeName::Default => Self::Default,
            TypeName::Critical => Self::Critical,
            TypeName::Monitor => Self::Monitor,
        }
    }
}

/// Which events a sink gets: `[sinks.<name>.route]`.
#[derive(Debug, Clone, Default, Args)]
pub struct RouteConfig {
    /// Types of events to deliver [default: `monitor` for Datadog, `default` for other sinks]
    #[arg(
        id = "route.types",
        long = "route.types",
        value_delimiter = ',',
        value_enum,
        value_name = "TYPE"
    )]
    pub types: Vec<TypeName>,
    /// Deliver only events with these names; `*` at the end of a name matches anything
    #[arg(id = "route.only", long = "route.only", value_delimiter = ',', value_name = "NAME")]
    pub only: Vec<String>,
    /// Do not deliver events with these names
    #[arg(id = "route.except", long = "route.except", value_delimiter = ',', value_name = "NAME")]
    pub except: Vec<String>,
}

impl RouteConfig {
    /// The route of the sink called `name`, which gets events of the type `usual` unless it asks
    /// for others.
    pub fn route(&self, name: &str, kind: &'static str, usual: Kind) -> Route {
        let types = match self.types.as_slice() {
            [] => vec![usual],
            types => types.iter().copied().map(Kind::from).collect(),
        };
        let patterns =
            |texts: &[String]| texts.iter().map(|text| NamePattern::new(text.as_str())).collect();
        Route {
            sink: name.to_owned(),
            kind,
            types,
            only: patterns(&self.only),
            except: patterns(&self.except),
        }
    }
}

/// How a sink is reached over HTTP.
#[derive(Debug, Clone, Args)]
pub struct HttpConfig {
    /// File of certificate authorities (PEM) to trust beside Mozilla's roots
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// How long one request may take, in milliseconds
    #[arg(long, default_value_t = 30_000, value_name = "MS")]
    pub timeout_ms: u32,
}

/// How a sink is retried: `[sinks.<name>.retry]`.
#[derive(Debug, Clone, Args)]
pub struct RetryConfig {
    /// Shortest wait after the first failure, in milliseconds
    #[arg(
        id = "retry.base_ms",
        long = "retry.base_ms",
        default_value_t = RetryPolicy::default().base_ms,
        value_name = "MS"
    )]
    pub base_ms: u32,
    /// Longest wait between attempts, in milliseconds
    #[arg(
        id = "retry.cap_ms",
        long = "retry.cap_ms",
        default_value_t = RetryPolicy::default().cap_ms,
        value_name = "MS"
    )]
    pub cap_ms: u32,
    /// Failures of an event by itself, while the sink accepts others, until it is a dead letter
    #[arg(
        id = "retry.attempts_max",
        long = "retry.attempts_max",
        default_value_t = RetryPolicy::default().attempts_max,
        value_name = "COUNT"
    )]
    pub attempts_max: u32,
    /// Hours for which a delivery may fail before it becomes a dead letter
    #[arg(
        id = "retry.horizon_hours",
        long = "retry.horizon_hours",
        default_value_t = 72,
        value_name = "HOURS"
    )]
    pub horizon_hours: u32,
}

impl RetryConfig {
    /// The policy that these settings describe.
    pub fn policy(&self) -> RetryPolicy {
        RetryPolicy {
            base_ms: self.base_ms.max(1),
            cap_ms: self.cap_ms,
            attempts_max: self.attempts_max.max(1),
            horizon_ms: i64::from(self.horizon_hours) * 60 * 60 * 1000,
        }
    }
}

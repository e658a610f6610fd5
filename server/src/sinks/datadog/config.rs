//! Configuration of a Datadog sink.

use std::path::PathBuf;

use serde::Deserialize;

use crate::sinks::config::RouteConfig;

/// What a timer is to Datadog.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Timers {
    /// A distribution: percentiles over all hosts.
    #[default]
    Distribution,
    /// A StatsD timer: percentiles on each agent.
    Timer,
}

/// A Datadog sink. Either `address` or `socket`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Host and port of an agent's DogStatsD, for UDP.
    pub address: Option<String>,
    /// Path of its Unix socket.
    pub socket: Option<PathBuf>,
    /// What every metric's name begins with.
    #[serde(default)]
    pub prefix: String,
    /// Tags of every metric, such as `env:prod`.
    #[serde(default)]
    pub tags: Vec<String>,
    /// What a timer is.
    #[serde(default)]
    pub timers: Timers,
    /// Which events it gets.
    #[serde(default)]
    pub route: RouteConfig,
}

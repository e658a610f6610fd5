//! Configuration of a Datadog sink.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::sinks::common_config::RouteConfig;

/// How a timer is sent to Datadog.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Timers {
    /// As a distribution: percentiles over all hosts
    #[default]
    Distribution,
    /// As a StatsD timer: percentiles on each agent
    Timer,
}

/// A Datadog sink. It has either `address` or `socket`.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// Host and UDP port of the agent's DogStatsD; set this or `socket`
    #[arg(long, value_name = "HOST:PORT")]
    pub address: Option<String>,
    /// Path of the agent's Unix socket; set this or `address`
    #[arg(long, value_name = "FILE")]
    pub socket: Option<PathBuf>,
    /// Text before the name of every metric
    #[arg(long, default_value = "", value_name = "TEXT")]
    pub prefix: String,
    /// Tags of every metric, such as `env:prod`
    #[arg(long, value_delimiter = ',', value_name = "TAG")]
    pub tags: Vec<String>,
    /// How a timer is sent
    #[arg(long, value_enum, default_value_t = Timers::Distribution, value_name = "FORM")]
    pub timers: Timers,
    /// Which events it gets.
    #[command(flatten)]
    pub route: RouteConfig,
}

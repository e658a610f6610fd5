//! The configuration of one rule: `[alerts.<name>]` with a `kind`.
//!
//! Each kind is declared as a clap command, although none is ever typed: so its settings are
//! declared, documented and parsed like those of the server (see [`crate::config`]).

use clap::error::ErrorKind;
use clap::{ArgMatches, Args, FromArgMatches, Subcommand, ValueEnum};

use super::rule::{Bound, Limits, Rule};

/// The most names of one rule.
const NAMES_MAX: usize = 20;

/// What a rule does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Alerts are logged, and sent to the webhook
    #[default]
    On,
    /// Alerts are only listed by the API
    Silent,
    /// The rule is not evaluated
    Off,
}

impl Mode {
    /// The name in the configuration and in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Silent => "silent",
            Self::Off => "off",
        }
    }
}

/// What every rule has.
#[derive(Debug, Clone, Default, Args)]
pub struct CommonConfig {
    /// What the rule does
    #[arg(long, value_enum, default_value_t = Mode::On, value_name = "MODE")]
    pub mode: Mode,
}

/// One rule.
#[derive(Debug, Clone, Subcommand)]
#[command(rename_all = "snake_case")]
pub enum RuleConfig {
    /// The oldest payload of a stage, or event for a sink that takes others, waits for too long
    QueueAge(QueueAgeConfig),
    /// A sink takes no events: its circuit is open, or it is stopped
    SinkFailing(SinkFailingConfig),
    /// Events were made and will not arrive
    Lost(LostConfig),
    /// Deliveries to a sink were given up
    DeadLetters(DeadLettersConfig),
    /// Payloads failed too often and wait for an operator
    SetAside(SetAsideConfig),
    /// Requests to intake are refused
    Refused(RefusedConfig),
    /// The disk will be full soon
    DiskFull(DiskFullConfig),
    /// The disk has less free space than disk_floor_mib, so events are refused
    DiskFloor(DiskFloorConfig),
    /// Events of a name that used to arrive do so no longer
    EventStopped(EventStoppedConfig),
}

/// A rule of kind `queue_age`.
#[derive(Debug, Clone, Args)]
pub struct QueueAgeConfig {
    /// Alert when the oldest has waited for longer than this, in seconds; it recovers at half
    #[arg(long, default_value_t = 900, value_name = "SECONDS")]
    pub older_than_s: u32,
    /// How long that must last before the alert, in seconds, so that catching up is no alert
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    pub for_s: u32,
    /// How long it must have been fine before it recovers, in seconds
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    pub keep_s: u32,
    /// The rest.
    #[command(flatten)]
    pub common: CommonConfig,
}

/// A rule of kind `sink_failing`.
#[derive(Debug, Clone, Args)]
pub struct SinkFailingConfig {
    /// How long a sink must have failed before the alert, in seconds
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    pub for_s: u32,
    /// How long it must have been fine before it recovers, in seconds
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    pub keep_s: u32,
    /// The rest.
    #[command(flatten)]
    pub common: CommonConfig,
}

/// A rule of kind `lost`.
#[derive(Debug, Clone, Args)]
pub struct LostConfig {
    /// Alert when more events than this are newly lost in a minute
    #[arg(long, default_value_t = 0, value_name = "EVENTS")]
    pub above: u32,
    /// How long none must have been lost before it recovers, in seconds
    #[arg(long, default_value_t = 3_600, value_name = "SECONDS")]
    pub keep_s: u32,
    /// The rest.
    #[command(flatten)]
    pub common: CommonConfig,
}

/// A rule of kind `dead_letters`.
#[derive(Debug, Clone, Args)]
pub struct DeadLettersConfig {
    /// Alert when more deliveries than this are given up in a minute
    #[arg(long, default_value_t = 0, value_name = "EVENTS")]
    pub above: u32,
    /// How long none must have been given up before it recovers, in seconds
    #[arg(long, default_value_t = 3_600, value_name = "SECONDS")]
    pub keep_s: u32,
    /// The rest.
    #[command(flatten)]
    pub common: CommonConfig,
}

/// A rule of kind `set_aside`.
#[derive(Debug, Clone, Args)]
pub struct SetAsideConfig {
    /// Alert when more payloads than this are set aside
    #[arg(long, default_value_t = 0, value_name = "PAYLOADS")]
    pub above: u32,
    /// The rest.
    #[command(flatten)]
    pub common: CommonConfig,
}

/// A rule of kind `refused`.
#[derive(Debug, Clone, Args)]
pub struct RefusedConfig {
    /// Alert when more requests than this are refused in a minute; it recovers at half
    #[arg(long, default_value_t = 100, value_name = "REQUESTS")]
    pub above: u32,
    /// How long that must last before the alert, in seconds
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    pub for_s: u32,
    /// How long it must have been fine before it recovers, in seconds
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    pub keep_s: u32,
    /// The rest.
    #[command(flatten)]
    pub common: CommonConfig,
}

/// A rule of kind `disk_full`.
#[derive(Debug, Clone, Args)]
pub struct DiskFullConfig {
    /// Alert when the disk will be full in fewer days than this; it recovers at half as many more
    #[arg(long, default_value_t = 7, value_name = "DAYS")]
    pub within_days: u32,
    /// How long that must last before the alert, in seconds
    #[arg(long, default_value_t = 3_600, value_name = "SECONDS")]
    pub for_s: u32,
    /// How long it must have been fine before it recovers, in seconds
    #[arg(long, default_value_t = 3_600, value_name = "SECONDS")]
    pub keep_s: u32,
    /// The rest.
    #[command(flatten)]
    pub common: CommonConfig,
}

/// A rule of kind `disk_floor`.
#[derive(Debug, Clone, Args)]
pub struct DiskFloorConfig {
    /// How long there must be a tenth more than the floor before it recovers, in seconds
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    pub keep_s: u32,
    /// The rest.
    #[command(flatten)]
    pub common: CommonConfig,
}

/// A rule of kind `event_stopped`.
#[derive(Debug, Clone, Args)]
pub struct EventStoppedConfig {
    /// Names of events, at most 20; each has an alert of its own
    #[arg(long, required = true, value_delimiter = ',', value_name = "NAME")]
    pub names: Vec<String>,
    /// Alert when no event of a name has arrived for this long while the server ran, in seconds
    #[arg(long, default_value_t = 3_600, value_name = "SECONDS")]
    pub quiet_s: u32,
    /// The rest.
    #[command(flatten)]
    pub common: CommonConfig,
}

impl RuleConfig {
    /// The configuration of a rule of the kind `kind`, whose settings clap has parsed.
    ///
    /// # Errors
    /// When there is no such kind, or `matches` are of another one.
    pub fn from_kind(kind: &str, matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(match kind {
            "queue_age" => Self::QueueAge(FromArgMatches::from_arg_matches(matches)?),
            "sink_failing" => Self::SinkFailing(FromArgMatches::from_arg_matches(matches)?),
            "lost" => Self::Lost(FromArgMatches::from_arg_matches(matches)?),
            "dead_letters" => Self::DeadLetters(FromArgMatches::from_arg_matches(matches)?),
            "set_aside" => Self::SetAside(FromArgMatches::from_arg_matches(matches)?),
            "refused" => Self::Refused(FromArgMatches::from_arg_matches(matches)?),
            "disk_full" => Self::DiskFull(FromArgMatches::from_arg_matches(matches)?),
            "disk_floor" => Self::DiskFloor(FromArgMatches::from_arg_matches(matches)?),
            "event_stopped" => Self::EventStopped(FromArgMatches::from_arg_matches(matches)?),
            _ => return Err(clap::Error::new(ErrorKind::InvalidSubcommand)),
        })
    }

    /// The rule with this name.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn rule(&self, name: &str) -> Result<Rule, String> {
        if let Self::EventStopped(EventStoppedConfig { names, .. }) = self
            && !(1..=NAMES_MAX).contains(&names.len())
        {
            let count = names.len();
            return Err(format!("`names` has {count} names, and 1 to {NAMES_MAX} are allowed"));
        }
        let names = match self {
            Self::EventStopped(it) => it.names.clone(),
            _ => Vec::new(),
        };
        let (kind, common, limits) = self.parts();
        Ok(Rule { name: name.to_owned(), kind, mode: common.mode, limits, names })
    }

    fn parts(&self) -> (&'static str, &CommonConfig, Limits) {
        match self {
            Self::QueueAge(it) => {
                let limit_ms = ms(it.older_than_s);
                ("queue_age", &it.common, above(limit_ms, limit_ms / 2, it.for_s, it.keep_s))
            }
            Self::SinkFailing(it) => ("sink_failing", &it.common, above(0, 0, it.for_s, it.keep_s)),
            Self::Lost(it) => {
                let limit = it.above.into();
                ("lost", &it.common, above(limit, limit, 0, it.keep_s))
            }
            Self::DeadLetters(it) => {
                let limit = it.above.into();
                ("dead_letters", &it.common, above(limit, limit, 0, it.keep_s))
            }
            Self::SetAside(it) => {
                ("set_aside", &it.common, above(it.above.into(), it.above.into(), 0, 0))
            }
            Self::Refused(it) => {
                let limit = i64::from(it.above);
                ("refused", &it.common, above(limit, limit / 2, it.for_s, it.keep_s))
            }
            Self::DiskFull(it) => {
                let hours = i64::from(it.within_days) * 24;
                ("disk_full", &it.common, below(hours, hours * 3 / 2, it.for_s, it.keep_s))
            }
            // In thousandths of the floor.
            Self::DiskFloor(it) => ("disk_floor", &it.common, below(1_000, 1_100, 0, it.keep_s)),
            Self::EventStopped(it) => {
                ("event_stopped", &it.common, above(ms(it.quiet_s), ms(it.quiet_s), 0, 0))
            }
        }
    }
}

fn ms(seconds: u32) -> i64 {
    i64::from(seconds) * 1_000
}

fn above(exceeded: i64, fine: i64, for_s: u32, keep_s: u32) -> Limits {
    let (exceeded, fine) = (Bound::Above(exceeded), Bound::Above(fine));
    Limits { exceeded, fine, for_ms: ms(for_s), keep_ms: ms(keep_s) }
}

fn below(exceeded: i64, fine: i64, for_s: u32, keep_s: u32) -> Limits {
    let (exceeded, fine) = (Bound::Below(exceeded), Bound::Below(fine));
    Limits { exceeded, fine, for_ms: ms(for_s), keep_ms: ms(keep_s) }
}

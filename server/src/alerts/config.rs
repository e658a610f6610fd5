//! The configuration of one rule: `[alerts.<name>]` with a `kind`.
//!
//! Each kind is a clap command, although none is ever typed: so its settings are documented and
//! parsed like those of the server (see [`crate::config`]).

use clap::{Arg, ArgAction, ArgMatches, Command, ValueEnum, value_parser};

use super::rule::Bound::{self, Above, Below};
use super::rule::{Limits, Rule};

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

/// A setting that is a whole number.
#[derive(Debug, Clone, Copy)]
struct Number {
    key: &'static str,
    default: &'static str,
    unit: &'static str,
    help: &'static str,
}

/// How long the limit must be exceeded before the alert.
const fn for_s(default: &'static str, help: &'static str) -> Number {
    Number { key: "for_s", default, unit: "SECONDS", help }
}

/// How long it must have been fine before it recovers.
const fn keep_s(default: &'static str, help: &'static str) -> Number {
    Number { key: "keep_s", default, unit: "SECONDS", help }
}

const FINE: &str = "How long it must have been fine before it recovers, in seconds";
const LASTING: &str = "How long that must last before the alert, in seconds";

/// A kind of rules: what they compare, and which settings they have.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    about: &'static str,
    /// Whether each rule names the events that it is about.
    has_names: bool,
    /// The limit that its value is compared with, in the unit of people.
    limit: Option<Number>,
    for_s: Option<Number>,
    keep_s: Option<Number>,
    /// When it is exceeded and when it is fine again, in the unit of the value.
    bounds: fn(i64) -> (Bound, Bound),
}

/// Every kind.
pub static KINDS: [Kind; 9] = [
    Kind {
        name: "queue_age",
        about: "The oldest payload of a stage, or event for a sink that takes others, waits for \
                too long",
        has_names: false,
        limit: Some(Number {
            key: "older_than_s",
            default: "900",
            unit: "SECONDS",
            help: "Alert when the oldest has waited for longer than this, in seconds; it recovers \
                   at half",
        }),
        for_s: Some(for_s(
            "300",
            "How long that must last before the alert, in seconds, so that catching up is no alert",
        )),
        keep_s: Some(keep_s("300", FINE)),
        bounds: |seconds| (Above(seconds * 1_000), Above(seconds * 500)),
    },
    Kind {
        name: "sink_failing",
        about: "A sink takes no events: its circuit is open, or it is stopped",
        has_names: false,
        limit: None,
        for_s: Some(for_s("600", "How long a sink must have failed before the alert, in seconds")),
        keep_s: Some(keep_s("300", FINE)),
        bounds: |_| (Above(0), Above(0)),
    },
    Kind {
        name: "lost",
        about: "Events were made and will not arrive",
        has_names: false,
        limit: Some(Number {
            key: "above",
            default: "0",
            unit: "EVENTS",
            help: "Alert when more events than this are newly lost in a minute",
        }),
        for_s: None,
        keep_s: Some(keep_s(
            "3600",
            "How long none must have been lost before it recovers, in seconds",
        )),
        bounds: |events| (Above(events), Above(events)),
    },
    Kind {
        name: "dead_letters",
        about: "Deliveries to a sink were given up",
        has_names: false,
        limit: Some(Number {
            key: "above",
            default: "0",
            unit: "EVENTS",
            help: "Alert when more deliveries than this are given up in a minute",
        }),
        for_s: None,
        keep_s: Some(keep_s(
            "3600",
            "How long none must have been given up before it recovers, in seconds",
        )),
        bounds: |events| (Above(events), Above(events)),
    },
    Kind {
        name: "set_aside",
        about: "Payloads failed too often and wait for an operator",
        has_names: false,
        limit: Some(Number {
            key: "above",
            default: "0",
            unit: "PAYLOADS",
            help: "Alert when more payloads than this are set aside",
        }),
        for_s: None,
        keep_s: None,
        bounds: |payloads| (Above(payloads), Above(payloads)),
    },
    Kind {
        name: "refused",
        about: "Requests to intake are refused",
        has_names: false,
        limit: Some(Number {
            key: "above",
            default: "100",
            unit: "REQUESTS",
            help: "Alert when more requests than this are refused in a minute; it recovers at half",
        }),
        for_s: Some(for_s("300", LASTING)),
        keep_s: Some(keep_s("600", FINE)),
        bounds: |requests| (Above(requests), Above(requests / 2)),
    },
    Kind {
        name: "disk_full",
        about: "The disk will be full soon",
        has_names: false,
        limit: Some(Number {
            key: "within_days",
            default: "7",
            unit: "DAYS",
            help: "Alert when the disk will be full in fewer days than this; it recovers at half \
                   as many more",
        }),
        for_s: Some(for_s("3600", LASTING)),
        keep_s: Some(keep_s("3600", FINE)),
        // In hours.
        bounds: |days| (Below(days * 24), Below(days * 36)),
    },
    Kind {
        name: "disk_floor",
        about: "The disk has less free space than disk_floor_mib, so events are refused",
        has_names: false,
        limit: None,
        for_s: None,
        keep_s: Some(keep_s(
            "300",
            "How long there must be a tenth more than the floor before it recovers, in seconds",
        )),
        // In thousandths of the floor.
        bounds: |_| (Below(1_000), Below(1_100)),
    },
    Kind {
        name: "event_stopped",
        about: "Events of a name that used to arrive do so no longer",
        has_names: true,
        limit: Some(Number {
            key: "quiet_s",
            default: "3600",
            unit: "SECONDS",
            help: "Alert when no event of a name has arrived for this long while the server ran, \
                   in seconds",
        }),
        for_s: None,
        keep_s: None,
        bounds: |seconds| (Above(seconds * 1_000), Above(seconds * 1_000)),
    },
];

impl Kind {
    /// The command whose arguments are its settings.
    pub fn command(&self) -> Command {
        let names = self.has_names.then(|| {
            Arg::new("names")
                .required(true)
                .action(ArgAction::Append)
                .value_delimiter(',')
                .value_name("NAME")
                .help("Names of events, at most 20; each has an alert of its own")
        });
        let numbers = [self.limit, self.for_s, self.keep_s].into_iter().flatten().map(|it| {
            Arg::new(it.key)
                .value_parser(value_parser!(u32))
                .default_value(it.default)
                .value_name(it.unit)
                .help(it.help)
        });
        let mode = Arg::new("mode")
            .value_parser(value_parser!(Mode))
            .default_value(Mode::On.name())
            .value_name("MODE")
            .help("What the rule does");
        let all = names.into_iter().chain(numbers).chain([mode]);
        let flags = all.map(|arg| {
            let key = arg.get_id().clone();
            arg.long(key)
        });
        Command::new(self.name).about(self.about).args(flags)
    }

    /// Whether there is a rule of this kind without any configuration: nothing must be chosen for
    /// it.
    pub const fn is_default(&self) -> bool {
        !self.has_names
    }

    /// The rule with this name, whose settings [`Self::command`] has parsed.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn rule(&self, name: &str, matches: &ArgMatches) -> Result<Rule, String> {
        let names: Vec<String> = if self.has_names {
            matches.get_many("names").into_iter().flatten().cloned().collect()
        } else {
            Vec::new()
        };
        if self.has_names && !(1..=NAMES_MAX).contains(&names.len()) {
            let count = names.len();
            return Err(format!("`names` has {count} names, and 1 to {NAMES_MAX} are allowed"));
        }
        let number = |setting: Option<Number>| {
            let given = setting.and_then(|it| matches.get_one::<u32>(it.key));
            given.map_or(0, |number| i64::from(*number))
        };
        let (exceeded, fine) = (self.bounds)(number(self.limit));
        let (for_ms, keep_ms) = (number(self.for_s) * 1_000, number(self.keep_s) * 1_000);
        Ok(Rule {
            name: name.to_owned(),
            kind: self.name,
            mode: matches.get_one("mode").copied().unwrap_or_default(),
            limits: Limits { exceeded, fine, for_ms, keep_ms },
            names,
        })
    }
}

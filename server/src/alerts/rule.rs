//! What a rule compares a value with.

use super::config::Mode;

/// A limit of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// It is exceeded above this.
    Above(i64),
    /// It is exceeded below this.
    Below(i64),
}

impl Bound {
    /// Whether `value` exceeds it.
    pub const fn is_exceeded(self, value: i64) -> bool {
        match self {
            Self::Above(most) => value > most,
            Self::Below(least) => value < least,
        }
    }

    /// The number that a value is compared with.
    pub const fn number(self) -> i64 {
        match self {
            Self::Above(number) | Self::Below(number) => number,
        }
    }
}

/// When an alert begins and when it ends. In between, nothing changes, so a value that moves around
/// a limit makes one alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The alert begins while this is exceeded.
    pub exceeded: Bound,
    /// It ends while this is not exceeded, which is at least as far away.
    pub fine: Bound,
    /// How long the limit must be exceeded before the alert, in milliseconds.
    pub for_ms: i64,
    /// How long the value must be fine before the recovery, in milliseconds.
    pub keep_ms: i64,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: &'static str,
    /// What it does.
    pub mode: Mode,
    /// When it alerts.
    pub limits: Limits,
    /// The names of events that it is about, if it is about such.
    pub names: Vec<String>,
}

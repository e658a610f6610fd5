//! An engineering metric that is part of an event.

use std::borrow::Cow;

use serde::Deserialize;

use crate::event::Invalid;
use crate::reason::InvalidReason;

/// How values of a metric are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MonitorKind {
    /// A count that the value is added to.
    Increment,
    /// A level that the value replaces.
    Gauge,
    /// A duration in milliseconds.
    Timer,
}

impl MonitorKind {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Increment => "increment",
            Self::Gauge => "gauge",
            Self::Timer => "timer",
        }
    }
}

/// A validated metric. The object's other members are metadata and stay in its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Monitor {
    /// How its values are combined.
    pub kind: MonitorKind,
    /// The metric's name; `None` for the event's name.
    pub metric: Option<String>,
    /// The value: 1 by default for an increment, milliseconds for a timer.
    pub value: f64,
    /// The share of occurrences that was recorded, above 0 and at most 1.
    pub rate: f64,
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    kind: Option<Cow<'a, str>>,
    metric: Option<String>,
    value: Option<f64>,
    rate: Option<f64>,
}

impl Monitor {
    /// Reads a `monitor` object from its JSON text.
    ///
    /// # Errors
    /// The first problem found.
    pub fn read(json: &str) -> Result<Self, Invalid> {
        let raw: Raw<'_> = serde_json::from_str(json).map_err(|error| {
            Invalid::new(InvalidReason::Malformed, format!("`monitor`: {error}"))
        })?;
        let kind = match raw.kind.as_deref() {
            Some("increment") => MonitorKind::Increment,
            Some("gauge") => MonitorKind::Gauge,
            Some("timer") => MonitorKind::Timer,
            _ => {
                return Err(Invalid::new(
                    InvalidReason::MonitorKindUnknown,
                    "`monitor.kind` is not one of increment, gauge, timer",
                ));
            }
        };
        let value = match (raw.value, kind) {
            (Some(value), _) => value,
            (None, MonitorKind::Increment) => 1.0,
            (None, MonitorKind::Gauge | MonitorKind::Timer) => {
                return Err(Invalid::new(
                    InvalidReason::MonitorValueMissing,
                    format!("`monitor.value` is missing: a {} needs a number", kind.name()),
                ));
            }
        };
        let rate = raw.rate.unwrap_or(1.0);
        if !(rate > 0.0 && rate <= 1.0) {
            return Err(Invalid::new(
                InvalidReason::Malformed,
                format!("`monitor.rate` is {rate}; it must be above 0 and at most 1"),
            ));
        }
        Ok(Self { kind, metric: raw.metric.filter(|metric| !metric.is_empty()), value, rate })
    }
}

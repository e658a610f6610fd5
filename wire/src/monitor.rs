//! An engineering metric that is part of an event.

use crate::event::Invalid;
use crate::json;
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

impl Monitor {
    /// Reads a `monitor` object from its JSON text.
    ///
    /// # Errors
    /// The first problem found.
    pub fn read(json: &str) -> Result<Self, Invalid> {
        let [kind, metric, value, rate] =
            json::fields(json, ["kind", "metric", "value", "rate"])
                .map_err(|error| malformed(format!("`monitor`: {error}")))?;
        let kind = match kind.and_then(json::string).as_deref() {
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
        let metric = match metric {
            Some(json) => json::string(json)
                .ok_or_else(|| malformed("`monitor.metric` is not text".into()))?
                .into_owned(),
            None => String::new(),
        };
        let metric = Some(metric).filter(|metric| !metric.is_empty());
        let value = match (number("value", value)?, kind) {
            (Some(value), _) => value,
            (None, MonitorKind::Increment) => 1.0,
            (None, MonitorKind::Gauge | MonitorKind::Timer) => {
                return Err(Invalid::new(
                    InvalidReason::MonitorValueMissing,
                    format!("`monitor.value` is missing: a {} needs a number", kind.name()),
                ));
            }
        };
        let rate = number("rate", rate)?.unwrap_or(1.0);
        if !(rate > 0.0 && rate <= 1.0) {
            return Err(malformed(format!(
                "`monitor.rate` is {rate}; it must be above 0 and at most 1"
            )));
        }
        Ok(Self { kind, metric, value, rate })
    }
}

fn malformed(detail: String) -> Invalid {
    Invalid::new(InvalidReason::Malformed, detail)
}

fn number(field: &str, json: Option<&str>) -> Result<Option<f64>, Invalid> {
    let read = json.map(serde_json::from_str).transpose();
    read.map_err(|_| malformed(format!("`monitor.{field}` is not a finite number")))
}

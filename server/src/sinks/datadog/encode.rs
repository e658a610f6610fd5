//! Metrics in the DogStatsD format
//! (<https://docs.datadoghq.com/extend/dogstatsd/datagram_shell>). Pure.
//!
//! The crate `cadence` does not fit: its client sends metrics at some later time, and here each
//! event must know its datagram and whether that was sent.

use std::fmt::Write;

use lamplight_wire::monitor::{Monitor, MonitorKind};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Timers;
use super::text::{self, metric_name, named_tag};
use crate::sinks::event_json::members;
use crate::store::{EventRow, Reason};

/// A metric older than this is sent with its own timestamp, in milliseconds.
pub const LATE_MS: i64 = 10_000;
/// The age from which Datadog discards a point without telling, in milliseconds.
const AGE_MS_MAX: i64 = 60 * 60 * 1_000;
/// How far in the future a point may be, in milliseconds.
const AHEAD_MS_MAX: i64 = 10 * 60 * 1_000;
/// The most tags of one metric. One says how many were left out.
const TAGS_MAX: usize = 32;

/// How metrics are written.
#[derive(Debug, Clone, Default)]
pub struct Style {
    /// The prefix of every name.
    pub prefix: String,
    /// Tags of every metric, sanitized.
    pub tags: Vec<String>,
    /// The type that timers are sent as.
    pub timers: Timers,
}

impl Style {
    /// A style with its tags sanitized.
    pub fn new(prefix: &str, tags: &[String], timers: Timers) -> Self {
        let tags = tags.iter().map(|tag| text::tag(tag)).filter(|tag| !tag.is_empty()).collect();
        Self { prefix: prefix.to_owned(), tags, timers }
    }

    /// The event's metric, without a line break.
    ///
    /// # Errors
    /// Why the event is no metric, or why Datadog would count it wrongly.
    pub fn line(&self, row: &EventRow, now_ms: i64) -> Result<String, Reason> {
        let no = |code, detail: &str| Err(Reason::new(code, detail));
        let Some(json) = row.monitor_json.as_deref() else {
            return no("no_metric", "the event has no `monitor` object");
        };
        let monitor =
            Monitor::read(json).map_err(|invalid| Reason::new("unreadable", &invalid.detail))?;
        let name = monitor.metric.as_deref().unwrap_or(&row.name);
        let Some(name) = metric_name(&format!("{}{name}", self.prefix)) else {
            return no("no_name", "the metric's name has no character that Datadog accepts");
        };
        let age_ms = now_ms.saturating_sub(row.time_ms);
        if age_ms > AGE_MS_MAX {
            return no(
                "too_old",
                "the event is older than an hour, and Datadog discards such points",
            );
        }
        if age_ms < -AHEAD_MS_MAX {
            let detail =
                "the event is more than 10 min in the future, and Datadog discards such points";
            return no("in_future", detail);
        }
        let is_late = age_ms > LATE_MS;
        if is_late && monitor.kind == MonitorKind::Timer {
            return no(
                "late",
                "the event is older than 10 s, and timers cannot be sent with a timestamp",
            );
        }
        let is_sampled = monitor.rate < 1.0 && monitor.kind != MonitorKind::Gauge;
        // The agent does not aggregate a metric with a timestamp, so it ignores its sample rate,
        // too.
        let scale = if is_sampled && is_late { monitor.rate } else { 1.0 };
        let value = monitor.value / scale;
        if !value.is_finite() {
            return no("no_value", "the metric's value is too large");
        }
        let rate = (is_sampled && !is_late).then_some(monitor.rate);
        let late_s = is_late.then_some(row.time_ms / 1_000);
        Ok(self.write(&name, monitor.kind, value, rate, json, late_s))
    }

    fn write(
        &self,
        name: &str,
        kind: MonitorKind,
        value: f64,
        rate: Option<f64>,
        json: &str,
        late_s: Option<i64>,
    ) -> String {
        let mut line = String::with_capacity(128);
        let _ = write!(line, "{name}:{}|", Number(value));
        line.push_str(match (kind, self.timers) {
            (MonitorKind::Increment, _) => "c",
            (MonitorKind::Gauge, _) => "g",
            (MonitorKind::Timer, Timers::Distribution) => "d",
            (MonitorKind::Timer, Timers::Timer) => "ms",
        });
        if let Some(rate) = rate {
            let _ = write!(line, "|@{}", Number(rate));
        }
        let mut separator = "|#";
        let mut all: Vec<String> = self.tags.iter().cloned().chain(tags(json)).collect();
        if all.len() > TAGS_MAX {
            let omitted = all.len() - (TAGS_MAX - 1);
            all.truncate(TAGS_MAX - 1);
            all.push(format!("tags_omitted:{omitted}"));
        }
        for tag in all {
            line.push_str(separator);
            line.push_str(&tag);
            separator = ",";
        }
        if let Some(seconds) = late_s {
            let _ = write!(line, "|T{seconds}");
        }
        line
    }
}

/// A number in a form that every agent reads: digits while there are few, an exponent otherwise.
struct Number(f64);

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let size = self.0.abs();
        if size == 0.0 {
            f.write_str("0")
        } else if (1e-6..1e15).contains(&size) {
            write!(f, "{}", self.0)
        } else {
            write!(f, "{:e}", self.0)
        }
    }
}

/// The metric's own tags: the members of `tags`. An array gives a tag for each element, and an
/// object one for each member, under both names.
fn tags(json: &str) -> Vec<String> {
    #[derive(Deserialize)]
    struct Tagged<'a> {
        #[serde(borrow)]
        tags: Option<&'a RawValue>,
    }
    let tagged = serde_json::from_str::<Tagged<'_>>(json).ok();
    let Some(tags) = tagged.and_then(|tagged| tagged.tags) else { return Vec::new() };
    let mut found = Vec::new();
    for (name, value) in members(tags.get()).unwrap_or_default() {
        if !name.is_empty() {
            push_tags(&mut found, &name, value);
        }
    }
    found
}

fn push_tags(found: &mut Vec<String>, name: &str, value: &RawValue) {
    match value.get().as_bytes().first() {
        Some(b'"') => {
            let value: String = serde_json::from_str(value.get()).unwrap_or_default();
            found.push(named_tag(name, &value));
        }
        Some(b'[') => {
            let elements: Vec<&RawValue> = serde_json::from_str(value.get()).unwrap_or_default();
            for element in elements {
                push_tags(found, name, element);
            }
        }
        Some(b'{') => {
            for (inner, value) in members(value.get()).unwrap_or_default() {
                push_tags(found, &format!("{name}.{inner}"), value);
            }
        }
        _ if value.get() == "null" => {}
        _ => found.push(named_tag(name, value.get())),
    }
}

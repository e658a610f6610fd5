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
use crate::sinks::event_json::members;
use crate::store::{EventRow, Reason};

/// A metric older than this is sent with its own timestamp, in milliseconds.
pub const LATE_MS: i64 = 10_000;
/// The longest name of a metric, in bytes (Datadog's naming policy).
const NAME_BYTES_MAX: usize = 200;
/// The longest tag, in characters (Datadog's tagging policy).
const TAG_CHARS_MAX: usize = 200;
/// The most tags of one metric.
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
        let tags = tags.iter().map(|tag| sanitize_tag(tag)).filter(|tag| !tag.is_empty()).collect();
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
        let Some(name) = sanitize_name(&format!("{}{name}", self.prefix)) else {
            return no("no_name", "the metric's name has no character that Datadog accepts");
        };
        let is_late = now_ms.saturating_sub(row.time_ms) > LATE_MS;
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
        for tag in self.tags.iter().cloned().chain(tags(json)).take(TAGS_MAX) {
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

/// The name with `_` for each character that is not an ASCII letter, digit, underscore or dot. It
/// begins with a letter.
fn sanitize_name(name: &str) -> Option<String> {
    let sanitized: String = name
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() || letter == '.' { letter } else { '_' })
        .skip_while(|letter| !letter.is_ascii_alphabetic())
        .take(NAME_BYTES_MAX)
        .collect();
    (!sanitized.is_empty()).then_some(sanitized)
}

/// The tag without characters that end a tag, the list of tags, or the line.
fn sanitize_tag(tag: &str) -> String {
    tag.chars()
        .filter(|letter| !matches!(letter, '|' | ',' | '#') && !letter.is_control())
        .take(TAG_CHARS_MAX)
        .collect()
}

/// The metric's own tags: the members of `tags` that are strings, numbers or booleans.
fn tags(json: &str) -> Vec<String> {
    #[derive(Deserialize)]
    struct Tagged<'a> {
        #[serde(borrow)]
        tags: Option<&'a RawValue>,
    }
    let tagged = serde_json::from_str::<Tagged<'_>>(json).ok();
    let Some(tags) = tagged.and_then(|tagged| tagged.tags) else { return Vec::new() };
    let value = |json: &RawValue| match serde_json::from_str(json.get()).ok()? {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Bool(_) | serde_json::Value::Number(_) => Some(json.get().to_owned()),
        _ => None,
    };
    members(tags.get())
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(name, json)| Some((name, value(json)?)))
        // The first colon ends a tag's name.
        .map(|(name, value)| sanitize_tag(&format!("{}:{value}", name.replace(':', "_"))))
        .filter(|tag| !tag.starts_with(':'))
        .collect()
}

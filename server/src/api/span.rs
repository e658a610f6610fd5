//! The span of time that a request selects: by which clock, in which zone, and what that means for
//! the times of receipt that are read.

use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Serialize;

use super::params::Params;
use crate::http::problem::Problem;
use crate::openapi::{Form, Param};
use crate::store::{AHEAD_MS_MAX, Calendar, EventClock, EventFilter, LATE_MS_MAX};

/// The parameters that select a time.
pub(crate) const SPAN: &[Param] = &[FROM, TO, ZONE, ON];
/// `on`.
pub(crate) const ON: Param = Param::new(
    "on",
    Form::OneOf(&["received", "time"]),
    "Whether `from` and `to` are times at which the server received events, or at which events \
     happened",
)
.default("received");
/// `from`.
pub(crate) const FROM: Param = Param::new(
    "from",
    Form::Time,
    "From this time on: milliseconds since 1970, RFC 3339 text, or a day such as `2026-01-31`",
);
/// `to`.
pub(crate) const TO: Param = Param::new("to", Form::Time, "Before this time, written like `from`");
/// `tz`.
pub(crate) const ZONE: Param = Param::new(
    "tz",
    Form::Text,
    "The IANA time zone, such as `Europe/Zurich`, in which days begin",
)
.default("UTC");

/// `from`, `to`, `on` and `tz`.
#[derive(Debug)]
pub(crate) struct Span {
    /// When it begins, in milliseconds since 1970.
    pub(crate) from_ms: Option<i64>,
    /// When it ends. It does not contain that time.
    pub(crate) to_ms: Option<i64>,
    /// By which clock, and in which zone.
    pub(crate) calendar: Calendar,
}

/// The times of receipt that were read for a span of times at which events happened.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[schemars(rename = "ReceivedSpan")]
pub(crate) struct ReceivedJson {
    from: Option<i64>,
    to: Option<i64>,
}

impl Span {
    /// Takes `from`, `to`, `on` and `tz`.
    pub(crate) fn read(params: &mut Params) -> Result<Self, Problem> {
        let clock = params.value("on", "received or time", |text| match text {
            "received" => Some(EventClock::Received),
            "time" => Some(EventClock::Happened),
            _ => None,
        })?;
        let zone = params.zone()?;
        let (from_ms, to_ms) = (params.time_ms("from", &zone)?, params.time_ms("to", &zone)?);
        let calendar = Calendar { clock: clock.unwrap_or_default(), zone };
        Ok(Self { from_ms, to_ms, calendar })
    }

    /// Adds the span to a filter. Events are stored by when they were received, so that bounds what
    /// is read.
    pub(crate) fn add_to(&self, filter: &mut EventFilter) {
        let (from_ms, to_ms) = self.received_ms();
        (filter.from_ms, filter.to_ms) = (from_ms, to_ms);
        if self.calendar.clock == EventClock::Happened {
            (filter.happened_from_ms, filter.happened_to_ms) = (self.from_ms, self.to_ms);
        }
    }

    /// The times of receipt, if the span is one of other times.
    pub(crate) fn received_json(&self) -> Option<ReceivedJson> {
        let (from, to) = self.received_ms();
        (self.calendar.clock == EventClock::Happened).then_some(ReceivedJson { from, to })
    }

    /// Which times of receipt the events of this span have. Later ones are not looked for.
    fn received_ms(&self) -> (Option<i64>, Option<i64>) {
        match self.calendar.clock {
            EventClock::Received => (self.from_ms, self.to_ms),
            EventClock::Happened => (
                self.from_ms.map(|ms| ms.saturating_sub(AHEAD_MS_MAX)),
                self.to_ms.map(|ms| ms.saturating_add(LATE_MS_MAX)),
            ),
        }
    }
}

impl Params {
    /// Takes a time zone. UTC without one.
    pub(crate) fn zone(&mut self) -> Result<TimeZone, Problem> {
        let zone = self.value("tz", "an IANA time zone such as Europe/Zurich", |text| {
            TimeZone::get(text).ok()
        })?;
        Ok(zone.unwrap_or(TimeZone::UTC))
    }
}

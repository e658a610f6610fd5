//! `GET /api/traffic`.

use std::sync::Arc;

use axum::extract::State;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Serialize;

use super::access::Reader;
use super::cost::Summary;
use super::json::JsonResponse;
use super::params::{Params, SOURCE, invalid};
use super::span::FROM;
use crate::app::App;
use crate::http::problem::Problem;
use crate::openapi::{Form, Group, Operation, Param};
use crate::store::tally::TallyKind;
use crate::store::{Resolution, SourceTraffic, StoreError, Traffic, TrafficCounts, TrafficQuery};

/// How much arrived over time.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Traffic")]
pub struct TrafficJson {
    /// How long each period is: `minute`, `hour` or `day`.
    pub by: &'static str,
    /// When the first period begins, in milliseconds since 1970.
    pub start: i64,
    /// How long each period is, in milliseconds.
    pub step_ms: i64,
    /// Of all sources, or of the one that was asked for.
    pub all: CountsJson,
    /// Of each source, by name.
    pub sources: Vec<SourceJson>,
}

/// How much arrived in each period, oldest first.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "TrafficCounts")]
pub struct CountsJson {
    /// Events stored.
    pub stored: Vec<u64>,
    /// Arrivals of events that had arrived before.
    pub duplicates: Vec<u64>,
    /// Events that cannot be stored.
    pub invalid: Vec<u64>,
}

/// How much arrived of one source.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "SourceTraffic")]
pub struct SourceJson {
    /// The source.
    pub source: String,
    /// How much.
    #[serde(flatten)]
    pub counts: CountsJson,
}

impl CountsJson {
    fn new(counts: TrafficCounts) -> Self {
        let TrafficCounts { stored, duplicates, invalid } = counts;
        Self { stored, duplicates, invalid }
    }
}

/// The most periods that are kept of a resolution.
pub(crate) fn periods_kept(resolution: Resolution) -> i64 {
    let kept = TallyKind::Stored.kept();
    let periods = match resolution {
        Resolution::Minute => kept.minutes,
        Resolution::Hour => kept.hours,
        Resolution::Day => kept.days,
    };
    i64::try_from(periods).unwrap_or(i64::MAX)
}

/// Reads how much arrived. All of `query`'s periods are in the answer, so there may be only as many
/// as are kept.
///
/// # Errors
/// [`StoreError`].
pub async fn read_traffic(app: &App, query: TrafficQuery) -> Result<TrafficJson, StoreError> {
    let by = query.resolution.name();
    let Traffic { start_ms, step_ms, all, sources } = app.storage.tallies.traffic(query).await?;
    let source =
        |SourceTraffic { source, counts }| SourceJson { source, counts: CountsJson::new(counts) };
    Ok(TrafficJson {
        by,
        start: start_ms,
        step_ms,
        all: CountsJson::new(all),
        sources: sources.into_iter().map(source).collect(),
    })
}

/// Describes [`traffic`].
pub const TRAFFIC: Operation =
    Operation::new(Group::Query, "getTraffic", "How much each source sends over time")
        .about(
            "Events stored, duplicates and invalid events of each source by the time of receipt, in one number for \
             each minute (of the last 3 hours), hour (of the last 14 days) or day (of the last 400). The counts are \
             exact, and reading them looks at no event.",
        )
        .query(&[&[
            SOURCE,
            Param::new("by", Form::OneOf(&["minute", "hour", "day"]), "How long each period is")
                .default("hour"),
            FROM,
            Param::new(
                "to",
                Form::Time,
                "Before this time, written like `from`. Without it, up to now",
            ),
        ]]);

/// `GET /api/traffic`: how much each source sends over time.
pub async fn traffic(
    _: Reader<Summary>,
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<JsonResponse<TrafficJson>, Problem> {
    let resolution = params.value("by", "minute, hour or day", Resolution::from_name)?;
    let resolution = resolution.unwrap_or(Resolution::Hour);
    let source = params.text("source");
    let from_ms = params.time_ms("from", &TimeZone::UTC)?;
    let to_ms = params.time_ms("to", &TimeZone::UTC)?;
    params.finish(TRAFFIC.query)?;
    let (step_ms, kept) = (resolution.period_ms(), periods_kept(resolution));
    // The period of now is the last one, if no time is given.
    let now_end_ms = resolution.begin_ms(app.clock.now_ms()).saturating_add(step_ms);
    let to_ms = to_ms.unwrap_or(now_end_ms);
    let shown = match resolution {
        Resolution::Minute => 60,
        Resolution::Hour => 48,
        Resolution::Day => 90,
    };
    let from_ms = from_ms.unwrap_or_else(|| to_ms.saturating_sub(step_ms.saturating_mul(shown)));
    if from_ms > to_ms {
        return Err(invalid(format!(
            "`from` is {from_ms}, which is after `to`, {to_ms}: swap them"
        )));
    }
    let begin_ms = resolution.begin_ms(from_ms);
    if to_ms.saturating_sub(begin_ms) > step_ms.saturating_mul(kept) {
        let name = resolution.name();
        return Err(invalid(format!(
            "there are more than {kept} periods between `from` and `to`: send times that are at most \
             {kept} {name}s apart, or a longer period in `by`"
        )));
    }
    let query = TrafficQuery { source, resolution, from_ms, to_ms };
    JsonResponse::new(&read_traffic(&app, query).await?)
}

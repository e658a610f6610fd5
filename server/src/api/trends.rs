//! `GET /api/trends`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Serialize;

use super::access::Reader;
use super::cost::Summary;
use super::json::JsonResponse;
use super::params::{LIMIT, Params, invalid, invalid_value};
use super::span::FROM;
use crate::app::App;
use crate::http::problem::Problem;
use crate::openapi::{Form, Group, Operation, Param};
use crate::store::{Figure, Resolution, Rollup, TrendQuery, TrendRow};
use crate::trends;
use crate::trends::outlook::{Forecast, Outlook};

/// The figures of the server over time.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Trends")]
pub struct TrendsJson {
    resolution: &'static str,
    /// Newest first. A period without a sample is missing.
    periods: Vec<PeriodJson>,
    /// The `to` of the next page.
    next: Option<i64>,
    outlook: OutlookJson,
}

/// A minute, an hour or a day.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TrendPeriod")]
struct PeriodJson {
    begin: i64,
    /// By name. One that was not measured is missing.
    figures: BTreeMap<&'static str, RollupJson>,
}

/// What a figure was in a period.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TrendFigure")]
struct RollupJson {
    samples: u64,
    sum: i64,
    min: i64,
    max: i64,
    last: i64,
}

/// Where the disk heads.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Outlook")]
pub(super) struct OutlookJson {
    /// When the free space reaches the floor.
    disk_full: ForecastJson,
    /// When retention deletes as much as comes.
    retention: ForecastJson,
    /// By how much the free space shrinks.
    filling_bytes_per_day: Option<i64>,
    /// By how much the files of events grow.
    events_bytes_per_day: Option<i64>,
}

/// When something will happen.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Forecast")]
struct ForecastJson {
    /// In days, to a tenth.
    days: Option<f64>,
    /// Why there is no number.
    reason: Option<&'static str>,
}

impl ForecastJson {
    fn new(forecast: Forecast) -> Self {
        match forecast {
            Forecast::InHours(hours) => {
                #[allow(clippy::cast_precision_loss, reason = "at most 100 years")]
                let days = (hours as f64 / 2.4).round() / 10.0;
                Self { days: Some(days), reason: None }
            }
            Forecast::Never(reason) | Forecast::Unknown(reason) => {
                Self { days: None, reason: Some(reason) }
            }
        }
    }
}

impl OutlookJson {
    fn new(outlook: Outlook) -> Self {
        Self {
            disk_full: ForecastJson::new(outlook.disk_full),
            retention: ForecastJson::new(outlook.retention),
            filling_bytes_per_day: outlook.slopes.filling,
            events_bytes_per_day: outlook.slopes.events,
        }
    }
}

impl PeriodJson {
    fn new(row: &TrendRow, wanted: Option<&[Figure]>) -> Self {
        let is_wanted = |figure: Figure| wanted.is_none_or(|wanted| wanted.contains(&figure));
        let shown = row.figures.iter().filter(|(figure, _)| is_wanted(**figure));
        let json = |rollup: &Rollup| {
            let Rollup { samples, sum, min, max, last } = *rollup;
            RollupJson { samples, sum, min, max, last }
        };
        let figures = shown.map(|(figure, rollup)| (figure.name(), json(rollup)));
        Self { begin: row.begin_ms, figures: figures.collect() }
    }
}

/// Describes [`trends()`].
pub const TRENDS: Operation =
    Operation::new(Group::Operate, "getTrends", "The figures of the server over time")
        .about(
            "What the server recorded about itself once a minute, by minute (kept for 48 hours), hour (60 days) \
             or day (5 years), newest first, and when the disk will be full.",
        )
        .query(&[&[RESOLUTION, FROM, TO, FIGURE, LIMIT]]);
/// `resolution`.
const RESOLUTION: Param =
    Param::new("resolution", Form::OneOf(&["minute", "hour", "day"]), "How long each period is")
        .default("hour");
/// `to`.
const TO: Param = Param::new(
    "to",
    Form::Time,
    "Before this time, written like `from`. The `next` of a page continues after it",
);
/// `figure`.
const FIGURE: Param = Param::new(
    "figure",
    Form::Pattern("^[a-z_]+(,[a-z_]+)*$"),
    "Only these figures: names, separated by commas",
);

/// `GET /api/trends`: the server's own figures by minute, hour or day, and where the disk heads.
pub async fn trends(
    _: Reader<Summary>,
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<JsonResponse<TrendsJson>, Problem> {
    let resolution = params.value("resolution", "minute, hour or day", Resolution::from_name)?;
    let resolution = resolution.unwrap_or(Resolution::Hour);
    let from_ms = params.time_ms("from", &TimeZone::UTC)?.unwrap_or(i64::MIN);
    let to_ms = params.time_ms("to", &TimeZone::UTC)?.unwrap_or(i64::MAX);
    let figures = params.text("figure").map(|text| wanted(&text)).transpose()?;
    let limit = params.limit()?;
    params.finish(TRENDS.query)?;
    if from_ms > to_ms {
        return Err(invalid(format!(
            "`from` is {from_ms}, which is after `to`, {to_ms}: swap them"
        )));
    }
    // One more tells whether there is another page.
    let query = TrendQuery { resolution, from_ms, to_ms, limit: limit + 1 };
    let mut rows = app.storage.trends.periods(query).await?;
    let has_more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    JsonResponse::new(&TrendsJson {
        resolution: resolution.name(),
        next: rows.last().filter(|_| has_more).map(|row| row.begin_ms),
        periods: rows.iter().map(|row| PeriodJson::new(row, figures.as_deref())).collect(),
        outlook: OutlookJson::new(trends::outlook(&app).await?),
    })
}

/// The figures that `figure` names, separated by commas.
fn wanted(text: &str) -> Result<Vec<Figure>, Problem> {
    let names = text.split(',');
    names
        .map(|name| {
            let known = || Figure::ALL.iter().map(|figure| figure.name()).collect::<Vec<_>>();
            Figure::from_name(name).ok_or_else(|| {
                let expected =
                    format!("one or more of {}, separated by commas", known().join(", "));
                invalid_value("figure", name, &expected)
            })
        })
        .collect()
}

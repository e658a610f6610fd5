//! `/trends`: what the server consumes, and where it heads.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use jiff::tz::TimeZone;

use super::caller::Viewer;
use super::chart;
use super::frame::Frame;
use super::link;
use super::page::Page;
use super::shown::{self, Markup};
use crate::api::Params;
use crate::api::cost::Summary;
use crate::app::App;
use crate::http::problem::Problem;
use crate::store::{Figure, FigureKind, Resolution, Rollup, TrendQuery, TrendRow};
use crate::trends::{self, outlook::Forecast, outlook::Outlook};

#[derive(Template)]
#[template(path = "trends.html")]
struct Trends {
    frame: Option<Frame>,
    by: Resolution,
    /// The figure that is shown large, if one was chosen.
    figure: Option<Figure>,
    /// One value for each period, oldest first. A period without a sample has none.
    rows: Vec<Option<TrendRow>>,
    outlook: Outlook,
    start_ms: i64,
}

/// Figures in groups, as the page shows them.
const GROUPS: &[(&str, &[Figure])] = &[
    (
        "Events",
        &[
            Figure::Received,
            Figure::Stored,
            Figure::Duplicates,
            Figure::Invalid,
            Figure::Lost,
            Figure::Refused,
        ],
    ),
    ("Requests", &[Figure::Payloads, Figure::PayloadBytes, Figure::Syncs, Figure::SyncUs]),
    (
        "Queues",
        &[
            Figure::IntakeDepth,
            Figure::IntakeLagMs,
            Figure::ProcessDepth,
            Figure::ProcessLagMs,
            Figure::DeliverDepth,
            Figure::DeliverLagMs,
            Figure::SetAside,
        ],
    ),
    ("Deliveries", &[Figure::Sent, Figure::Dead]),
    (
        "Machine",
        &[
            Figure::MemoryBytes,
            Figure::DiskFreeBytes,
            Figure::DataBytes,
            Figure::EventsBytes,
            Figure::BytesPerEvent,
        ],
    ),
];

/// `GET /trends?resolution=…&figure=…`.
pub(super) async fn show(
    viewer: Viewer<Summary>,
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<Page, Problem> {
    let by = params.value("resolution", "minute, hour or day", Resolution::from_name)?;
    let by = match by {
        Some(by) => by,
        None => usual(&app).await?,
    };
    let figure = params.value("figure", "the name of a figure", Figure::from_name)?;
    let to_ms = params.time_ms("to", &TimeZone::UTC)?;
    params.finish(&[])?;
    let (now_ms, step_ms, periods) = (app.clock.now_ms(), by.period_ms(), shown_periods(by));
    let to_ms = by.begin_ms(to_ms.unwrap_or(now_ms)).saturating_add(step_ms);
    let start_ms = to_ms.saturating_sub(step_ms.saturating_mul(periods));
    let query = TrendQuery {
        resolution: by,
        from_ms: start_ms,
        to_ms,
        limit: u32::try_from(periods).unwrap_or(u32::MAX),
    };
    let mut rows: Vec<Option<TrendRow>> = Vec::new();
    rows.resize_with(usize::try_from(periods).unwrap_or(0), || None);
    for row in app.storage.trends.periods(query).await? {
        let at = usize::try_from(row.begin_ms.saturating_sub(start_ms) / step_ms).ok();
        if let Some(place) = at.and_then(|at| rows.get_mut(at)) {
            *place = Some(row);
        }
    }
    let outlook = trends::outlook(&app).await?;
    let frame = viewer.frame("/trends");
    Page::render(&Trends { frame, by, figure, rows, outlook, start_ms })
}

/// Hours, or minutes while the server has not recorded enough hours for a chart.
async fn usual(app: &App) -> Result<Resolution, Problem> {
    const HOURS_MIN: u32 = 6;
    let (resolution, to_ms) = (Resolution::Hour, i64::MAX);
    let query = TrendQuery { resolution, from_ms: i64::MIN, to_ms, limit: HOURS_MIN };
    let hours = app.storage.trends.periods(query).await?.len();
    Ok(if hours < HOURS_MIN as usize { Resolution::Minute } else { Resolution::Hour })
}

/// How many periods the charts have.
const fn shown_periods(by: Resolution) -> i64 {
    match by {
        Resolution::Minute => 180,
        Resolution::Hour => 168,
        Resolution::Day => 365,
    }
}

impl Trends {
    fn groups(&self) -> &'static [(&'static str, &'static [Figure])] {
        GROUPS
    }

    fn resolutions(&self) -> [(&'static str, &'static str, bool); 3] {
        let entry = |by: Resolution, text| (by.name(), text, self.by == by);
        [
            entry(Resolution::Minute, "3 hours by minute"),
            entry(Resolution::Hour, "7 days by hour"),
            entry(Resolution::Day, "1 year by day"),
        ]
    }

    fn link(&self, figure: &Figure) -> String {
        link::with("/trends", &[("resolution", self.by.name()), ("figure", figure.name())])
    }

    /// The figure in each period: the sum of what is counted, and the highest of what is measured.
    fn values(&self, figure: Figure) -> Vec<Option<i64>> {
        let value = |rollup: &Rollup| match figure.kind() {
            FigureKind::Level => rollup.max,
            _ => rollup.sum,
        };
        self.rows.iter().map(|row| row.as_ref()?.figures.get(&figure).map(value)).collect()
    }

    fn chart(&self, figure: &Figure) -> Markup {
        let values = self.values(*figure);
        let known = values.iter().flatten();
        let summary = match (known.clone().min(), known.max()) {
            (Some(min), Some(max)) => {
                format!(
                    "{}: from {} to {}",
                    title(*figure),
                    amount(*figure, *min),
                    amount(*figure, *max)
                )
            }
            _ => format!("{}: not measured", title(*figure)),
        };
        chart::line(&values, &summary)
    }

    fn title(&self, figure: &Figure) -> &'static str {
        title(*figure)
    }

    /// The last value.
    fn last(&self, figure: &Figure) -> String {
        let values = self.values(*figure);
        values.iter().rev().flatten().next().map_or_else(|| "–".into(), |it| amount(*figure, *it))
    }

    /// Rows of the table, newest first: the time, the value, and the range within the period.
    fn table(&self, figure: &Figure) -> Vec<(i64, String, String)> {
        let rows = self.rows.iter().rev().flatten();
        let rows = rows.filter_map(|row| {
            let rollup = row.figures.get(figure)?;
            let value = match figure.kind() {
                FigureKind::Level => rollup.max,
                _ => rollup.sum,
            };
            let range =
                format!("{} to {}", amount(*figure, rollup.min), amount(*figure, rollup.max));
            Some((row.begin_ms, amount(*figure, value), range))
        });
        rows.take(60).collect()
    }

    /// The values for the large chart: seconds since 1970, and values or `null`.
    fn data(&self, figure: &Figure) -> String {
        let step_s = self.by.period_ms() / 1_000;
        let count = i64::try_from(self.rows.len()).unwrap_or(0);
        let times: Vec<i64> = (0..count).map(|at| self.start_ms / 1_000 + at * step_s).collect();
        serde_json::to_string(&(times, self.values(*figure))).unwrap_or_default()
    }

    fn forecast(&self, forecast: &Forecast) -> String {
        match forecast {
            Forecast::InHours(hours) => {
                let ms = u64::try_from(*hours).unwrap_or(0).saturating_mul(3_600_000);
                format!("in {}", shown::duration(ms))
            }
            Forecast::Never(reason) => format!("not at all, {}", because(reason)),
            Forecast::Unknown(reason) => format!("unknown, {}", because(reason)),
        }
    }

    fn slope(&self, bytes: &Option<i64>) -> String {
        bytes.map_or_else(
            || "unknown".into(),
            |bytes| format!("{} a day", shown::bytes(bytes.unsigned_abs())),
        )
    }

    fn shrinks_or_grows(&self, filling: &Option<i64>) -> &'static str {
        if filling.is_some_and(|bytes| bytes < 0) { "grows" } else { "shrinks" }
    }

    fn grow_or_shrink(&self, events: &Option<i64>) -> &'static str {
        if events.is_some_and(|bytes| bytes < 0) { "shrink" } else { "grow" }
    }
}

/// Why something is not forecast, for people.
fn because(reason: &str) -> &str {
    match reason {
        "no_events" => "because there are no events yet",
        "too_little_data" => "because the server has recorded its figures for too short a time",
        "not_growing" => "because the files of events do not grow",
        "not_filling" => "because the disk does not fill",
        "no_limit" => "because retention is not set up, so that no event is deleted",
        "retention_stops_it" => "because retention deletes as much as comes before that",
        reason => reason,
    }
}

/// The name of a figure for people.
const fn title(figure: Figure) -> &'static str {
    match figure {
        Figure::Payloads => "Requests accepted",
        Figure::PayloadBytes => "Bytes received",
        Figure::Received => "Events received",
        Figure::Stored => "Events stored",
        Figure::Duplicates => "Duplicates dropped",
        Figure::Invalid => "Invalid events",
        Figure::Lost => "Events lost",
        Figure::Refused => "Requests refused",
        Figure::Sent => "Deliveries confirmed",
        Figure::Dead => "Deliveries given up",
        Figure::IntakeDepth => "Requests waiting for the disk",
        Figure::IntakeLagMs => "Longest wait for the disk",
        Figure::ProcessDepth => "Payloads waiting for processing",
        Figure::ProcessLagMs => "Longest wait for processing",
        Figure::DeliverDepth => "Deliveries waiting",
        Figure::DeliverLagMs => "Longest wait for delivery",
        Figure::SetAside => "Payloads set aside",
        Figure::Syncs => "Syncs of the disk",
        Figure::SyncUs => "Time in syncs",
        Figure::MemoryBytes => "Memory",
        Figure::DiskFreeBytes => "Free disk space",
        Figure::DataBytes => "Data directory",
        Figure::EventsBytes => "Files of events",
        Figure::BytesPerEvent => "Bytes per event",
    }
}

/// A value in the unit of its figure.
fn amount(figure: Figure, value: i64) -> String {
    let positive = u64::try_from(value).unwrap_or(0);
    match figure {
        Figure::PayloadBytes
        | Figure::MemoryBytes
        | Figure::DiskFreeBytes
        | Figure::DataBytes
        | Figure::EventsBytes
        | Figure::BytesPerEvent => shown::bytes(positive),
        Figure::IntakeLagMs | Figure::ProcessLagMs | Figure::DeliverLagMs => {
            shown::duration(positive)
        }
        Figure::SyncUs => shown::duration(positive / 1_000),
        _ => shown::count(value),
    }
}

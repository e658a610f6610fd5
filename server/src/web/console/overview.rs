//! `/overview`: what was made, received, stored, delivered and lost, and how the server is.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use http::HeaderMap;

use super::caller::Viewer;
use super::chart;
use super::frame::Frame;
use super::page::Page;
use super::shown::{self, Markup};
use super::{link, server_url, welcome, words};
use crate::api::cost::Summary;
use crate::api::{ErrorJson, Params, read_errors, read_keys, read_traffic};
use crate::app::App;
use crate::figures::{self, Figures, SinkFigures};
use crate::http::problem::Problem;
use crate::metrics::throughput::ThroughputSums;
use crate::store::{AlertPhase, ErrorQuery, Resolution, SourceTotals, TrafficQuery};

/// How many minutes the chart of arrivals shows.
const MINUTES: i64 = 60;
/// How many groups of errors are shown.
const ERRORS: u32 = 5;

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    frame: Option<Frame>,
    figures: Figures,
    /// Events stored in each of the last minutes.
    minutes: Vec<u64>,
    process: ThroughputSums,
    sinks: Vec<Sink>,
    errors: Vec<ErrorJson>,
    firing: Vec<String>,
}

/// A sink, with what it did lately.
struct Sink {
    figures: SinkFigures,
    lately: ThroughputSums,
}

/// `GET /overview`.
pub(super) async fn show(
    viewer: Viewer<Summary>,
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    params: Params,
) -> Result<Page, Problem> {
    params.finish(&[])?;
    let now_ms = app.clock.now_ms();
    let figures = figures::collect(&app).await;
    if is_new(&figures) {
        let (url, keys) = (server_url::of(&app, &headers), read_keys(&app).await?);
        return welcome::show(&app, viewer.frame("/overview"), &url, &keys).await;
    }
    let to_ms = Resolution::Minute.begin_ms(now_ms).saturating_add(60_000);
    let query = TrafficQuery {
        source: None,
        resolution: Resolution::Minute,
        from_ms: to_ms.saturating_sub(MINUTES * 60_000),
        to_ms,
    };
    let minutes = read_traffic(&app, query).await?.all.stored;
    let query = ErrorQuery { stage: None, source: None, sink: None, after: None, limit: ERRORS };
    let errors = read_errors(&app, query).await?.groups;
    let phases = app.storage.alerts.book().await?.phases;
    let firing = phases.into_values().filter_map(|phase| match phase {
        AlertPhase::Firing { text, .. } => Some(text),
        AlertPhase::Pending { .. } => None,
    });
    let lately = |name: &str| {
        let metrics = app.sink_metrics.get(name);
        metrics.map(|it| it.throughput.sums(now_ms)).unwrap_or_default()
    };
    let sinks = figures.sinks.iter().flatten();
    let sinks =
        sinks.map(|it| Sink { lately: lately(&it.row.name), figures: it.clone() }).collect();
    Page::render(&Overview {
        frame: viewer.frame("/overview"),
        process: app.process_metrics.throughput.sums(now_ms),
        firing: firing.collect(),
        figures,
        minutes,
        sinks,
        errors,
    })
}

/// Whether no event has ever arrived.
fn is_new(figures: &Figures) -> bool {
    let backlog = figures.process.backlog.as_ref();
    figures.totals.is_some_and(|it| it.received == 0)
        && backlog.is_none_or(|it| it.payloads == 0 && it.set_aside.payloads == 0)
}

impl Overview {
    fn chart(&self) -> Markup {
        chart::bars(&self.minutes, "Events stored in each of the last 60 minutes")
    }

    fn last_minutes(&self) -> u64 {
        self.minutes.iter().sum()
    }

    fn sources(&self) -> &[SourceTotals] {
        self.figures.sources.as_deref().unwrap_or_default()
    }

    fn age(&self, since_ms: &Option<i64>) -> String {
        since_ms.map_or_else(|| "–".into(), |_| shown::duration(self.figures.age_ms(*since_ms)))
    }

    /// The share of the disk's space above its floor, as a width of the bar, in percent.
    fn disk(&self) -> String {
        let disk = &self.figures.disk;
        let files = disk.files.map_or(0, |files| files.total_bytes());
        shown::percent(files, files.saturating_add(disk.free_bytes))
    }
}

//! `/errors`: groups of errors by their cause, and what can be done about their open members.

mod actions;
mod confirm;
mod group;
mod meaning;
mod selection;

use std::sync::Arc;

use askama::Template;
use axum::extract::State;

use super::caller::Viewer;
use super::chart::bars;
use super::frame::Frame;
use super::page::Page;
use super::shown::{self, Markup};
use crate::api::cost::List;
use crate::api::{ERRORS, ErrorJson, ErrorsJson, Params, SampleJson, read_errors};
use crate::app::App;
use crate::http::problem::Problem;
use crate::store::{ErrorQuery, ErrorStage};

pub(super) use actions::{deliveries, payloads};
pub(super) use confirm::show as confirm;
pub(super) use group::show as group;

const HOUR_MS: i64 = 60 * 60 * 1_000;
const HOURS: usize = 48;

#[derive(Template)]
#[template(path = "errors/errors.html")]
struct ErrorsPage {
    frame: Option<Frame>,
    groups: Vec<GroupRow>,
    stage: &'static str,
    source: String,
    sink: String,
    /// The address of the next page.
    next: Option<String>,
}

impl ErrorsPage {
    fn is_filtered(&self) -> bool {
        [self.stage, &self.source, &self.sink].iter().any(|it| !it.is_empty())
    }

    fn now_ms(&self) -> i64 {
        self.frame.as_ref().map_or(0, |frame| frame.now_ms)
    }
}

/// A group of errors, as pages show it.
#[derive(Debug)]
pub(super) struct GroupRow {
    pub(super) json: ErrorJson,
    pub(super) stage: &'static str,
    pub(super) link: String,
    pub(super) chart: Markup,
    /// The page of the sample.
    pub(super) sample: Option<String>,
}

impl GroupRow {
    pub(super) fn new(json: ErrorJson, now_ms: i64) -> Self {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("stage", json.stage);
        let parts = [("code", &json.code), ("source", &json.source), ("sink", &json.sink)];
        for (name, value) in parts {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        let link = format!("/errors/group?{}", query.finish());
        let sample = json.sample.as_ref().map(sample_page);
        Self { stage: meaning::stage(json.stage), link, chart: hours(&json, now_ms), sample, json }
    }

    pub(super) fn code(&self) -> &str {
        self.json.code.as_deref().unwrap_or("others")
    }

    pub(super) fn count(&self) -> String {
        shown::count(self.json.count)
    }
}

/// The page that shows a sample.
fn sample_page(sample: &SampleJson) -> String {
    let kind = if sample.kind == "payload" { "payloads" } else { "events" };
    format!("/{kind}/{}", sample.id)
}

/// The errors of each of the last hours.
fn hours(json: &ErrorJson, now_ms: i64) -> Markup {
    let last_ms = now_ms.div_euclid(HOUR_MS) * HOUR_MS;
    let mut values = [0; HOURS];
    for bucket in &json.happened.hours {
        let ago = usize::try_from((last_ms - bucket.begin).div_euclid(HOUR_MS));
        if let Some(value) = ago.ok().and_then(|ago| values.get_mut((HOURS - 1).checked_sub(ago)?))
        {
            *value = u64::try_from(bucket.count).unwrap_or(0);
        }
    }
    bars(&values, "Errors by hour, last 48 hours")
}

/// `GET /errors`.
pub(super) async fn show(
    viewer: Viewer<List>,
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<Page, Problem> {
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let stage = filled(params.text("stage"));
    let stage = match stage.as_deref() {
        Some(text) => Some(ErrorStage::from_name(text).ok_or_else(|| {
            super::form::invalid("this stage is unknown: choose one of the list")
        })?),
        None => None,
    };
    let (source, sink) = (filled(params.text("source")), filled(params.text("sink")));
    let query = ErrorQuery {
        stage,
        source: source.clone(),
        sink: sink.clone(),
        after: params.value(
            "cursor",
            "the `next` of a page with the same filters",
            crate::api::read_error_cursor,
        )?,
        limit: params.limit()?,
    };
    params.finish(ERRORS.query)?;
    let ErrorsJson { groups, next } = read_errors(&app, query).await?;
    let now_ms = app.clock.now_ms();
    let next = next.map(|next| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let stage = stage.map(|stage| stage.name().to_owned());
        for (name, value) in [("stage", &stage), ("source", &source), ("sink", &sink)] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        format!("/errors?{}", query.append_pair("cursor", &next).finish())
    });
    Page::render(&ErrorsPage {
        frame: viewer.frame("/errors"),
        groups: groups.into_iter().map(|json| GroupRow::new(json, now_ms)).collect(),
        stage: stage.map_or("", ErrorStage::name),
        source: source.unwrap_or_default(),
        sink: sink.unwrap_or_default(),
        next,
    })
}

//! `/events/{id}`: where one event is, what happened to it, and what it holds.

mod actions;
mod command;
mod course;
mod neighbours;
mod properties;
mod raw;
mod standing;
mod subject;

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use http::HeaderMap;

use super::caller::Viewer;
use super::frame::Frame;
use super::page::Page;
use super::shown;
use crate::api::cost::List;
use crate::api::{EVENT, Params, Trace, read_trace};
use crate::app::App;
use crate::http::path_text::PathText;
use crate::http::problem::Problem;
use crate::openapi::{Form, Param};
use crate::system::supervisor::run_blocking;
use command::Command;
use course::Step;
use neighbours::Neighbour;
use properties::Tables;
use raw::Raw;
use standing::Standing;
use subject::Subject;

pub(super) use actions::{replay, retry_delivery, retry_payload};
pub(super) use raw::{download, of_payload};

/// What the page takes beside what the API takes.
const PAGE: &[Param] = &[
    Param::new("tab", Form::OneOf(&["properties", "enrichment", "raw", "neighbours"]), "The tab"),
    Param::new("done", Form::Text, "What was done"),
];

#[derive(Template)]
#[template(path = "event/event.html")]
struct EventPage {
    frame: Option<Frame>,
    subject: Subject,
    standing: Standing,
    course: Vec<Step>,
    done: Option<&'static str>,
    tab: &'static str,
    tables: Option<Tables>,
    raw: Option<Raw>,
    neighbours: Option<Vec<Neighbour>>,
    command: Option<Command>,
}

impl EventPage {
    fn is_admin(&self) -> bool {
        self.frame.as_ref().is_some_and(|frame| frame.is_admin)
    }
}

/// `GET /events/{id}`.
pub(super) async fn show(
    viewer: Viewer<List>,
    State(app): State<Arc<App>>,
    PathText(id): PathText,
    headers: HeaderMap,
    mut params: Params,
) -> Result<Page, Problem> {
    let source = params.text("source");
    let known =
        |text: &str| subject::tabs().iter().find(|(name, _)| *name == text).map(|(name, _)| *name);
    let tab = params.value("tab", "properties, enrichment, raw or neighbours", known)?;
    let done = params.value("done", "what a button of this page did", actions::message)?;
    params.finish(&[PAGE, EVENT.query.first().copied().unwrap_or_default()])?;
    let tab = tab.unwrap_or("properties");
    let trace = read_trace(&app, &id, source.clone()).await?;
    let subject = Subject::new(&id, source, &trace);
    let sinks = match &trace {
        Trace::Stored { .. } => app.storage.delivery_queue.sinks().await?,
        _ => Vec::new(),
    };
    let neighbours = match tab {
        "neighbours" => Some(neighbours::read(&app, &subject).await?),
        _ => None,
    };
    let kept = match &subject.payload {
        Some(payload) => raw::kept(&app, *payload).await?,
        None => None,
    };
    // A request may have megabytes after decompression.
    let (of, shows_raw) = (subject.clone(), tab == "raw");
    let parts = run_blocking(move || {
        let command = kept.as_ref().and_then(|kept| Command::new(kept, &of, &headers));
        let raw = shows_raw.then(|| Raw::new(kept.as_ref(), &of));
        (kept.as_ref().and_then(raw::sent_ms), command, raw)
    });
    let (sent_ms, command, raw) = parts.await;
    let tables = ["properties", "enrichment"].contains(&tab).then(|| Tables::new(&trace));
    Page::render(&EventPage {
        frame: viewer.frame("/events"),
        standing: Standing::new(&trace, &sinks, app.clock.now_ms()),
        course: course::steps(&trace, sent_ms),
        subject,
        done,
        tab,
        tables,
        raw,
        neighbours,
        command,
    })
}

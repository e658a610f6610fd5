//! `/events/replay`: processes the payloads of a time again, after showing how many there are.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;

use crate::api::cost::{Change, Summary};
use crate::api::replay::{self, received_span};
use crate::api::span::{FROM, TO, ZONE};
use crate::app::App;
use crate::http::problem::Problem;
use crate::store::{Replay, SpanCount};
use crate::web::console::caller::{Operator, Viewer};
use crate::web::console::filter_query::FilterQuery;
use crate::web::console::form::{Form, invalid};
use crate::web::console::frame::Frame;
use crate::web::console::page::Page;
use crate::web::console::shown;

const PATH: &str = "/events/replay";

#[derive(Template)]
#[template(path = "events/replay.html")]
struct PreviewPage {
    frame: Option<Frame>,
    query: FilterQuery,
    /// The span, in milliseconds since 1970, and what is in it.
    found: Option<(i64, i64, SpanCount)>,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "events/replays.html")]
struct ProgressPage {
    frame: Option<Frame>,
    replays: Vec<Replay>,
}

impl ProgressPage {
    fn has_open(&self) -> bool {
        self.replays.iter().any(|replay| replay.ended_ms.is_none())
    }

    fn now_ms(&self) -> i64 {
        self.frame.as_ref().map_or(0, |frame| frame.now_ms)
    }

    fn is_admin(&self) -> bool {
        self.frame.as_ref().is_some_and(|frame| frame.is_admin)
    }
}

/// `GET /events/replay`: how much there is to process again.
pub(in crate::web::console) async fn preview(
    Operator(viewer): Operator<Summary>,
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = match FilterQuery::read(query.as_deref()) {
        Ok(query) => query,
        Err(tidied) => return Ok(tidied.redirect(PATH)?.into_response()),
    };
    let (found, error) = match count(&app, &query).await {
        Ok(found) => (found, None),
        Err(problem) if problem.status == StatusCode::BAD_REQUEST => {
            (None, Some(problem.detail.into_owned()))
        }
        Err(problem) => return Err(problem),
    };
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let mut frame = viewer.frame("/events");
    if let Some(frame) = &mut frame {
        frame.json = None;
    }
    let page = PreviewPage { frame, query, found, error };
    Ok((status, Page::render(&page)?).into_response())
}

/// What is in the span of a query. `None` if it names none.
async fn count(app: &App, query: &FilterQuery) -> Result<Option<(i64, i64, SpanCount)>, Problem> {
    let mut params = query.params()?;
    let zone = params.zone()?;
    let (from_ms, to_ms) = (params.time_ms("from", &zone)?, params.time_ms("to", &zone)?);
    params.finish(&[&[FROM, TO, ZONE]])?;
    let Some((from_ms, to_ms)) = from_ms.zip(to_ms) else { return Ok(None) };
    let span = received_span(Some(from_ms), Some(to_ms)).ok_or_else(not_later)?;
    Ok(Some((from_ms, to_ms, replay::count(app, span).await?)))
}

fn not_later() -> Problem {
    invalid("the time ends before it begins: enter a later end")
}

/// `POST /events/replay`: begins it.
pub(in crate::web::console) async fn begin(
    _: Operator<Change>,
    State(app): State<Arc<App>>,
    form: Form,
) -> Result<Redirect, Problem> {
    let ms = |name: &str, noun: &str| {
        let text = form.required(name, noun)?;
        text.parse::<i64>().map_err(|_| invalid(format!("the {noun} is no number of milliseconds")))
    };
    let (from_ms, to_ms) = (ms("from_ms", "begin of the time")?, ms("to_ms", "end of the time")?);
    let span = received_span(Some(from_ms), Some(to_ms)).ok_or_else(not_later)?;
    let id = replay::begin(&app, span).await?;
    Ok(Redirect::to(&format!("/events/replays#replay-{}", id.0)))
}

/// `GET /events/replays`: how far the most recent ones have come.
pub(in crate::web::console) async fn progress(
    viewer: Viewer<Summary>,
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Page, Problem> {
    crate::api::Params::read(query.as_deref())?.finish(&[])?;
    let replays = replay::list(&app).await?;
    Page::render(&ProgressPage { frame: viewer.frame("/events"), replays })
}

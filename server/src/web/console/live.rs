//! `/live`: events as they are stored.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};

use super::caller::Viewer;
use super::events::row::{self, RowLinks};
use super::filter_form::FilterForm;
use super::filter_query::FilterQuery;
use super::frame::Frame;
use super::page::Page;
use super::shown::{self, Markup};
use crate::api::Params;
use crate::api::cost::{List, Stream};
use crate::api::live::read_ask;
use crate::api::live_stream::{EventStream, LiveAsk};
use crate::api::sender::Sender;
use crate::app::App;
use crate::http::problem::Problem;
use crate::store::EventQuery;

const PATH: &str = "/live";
/// Events that the page begins with.
const ROWS: u32 = 50;
/// How many events are looked at for those of one browser.
const LOOKED_AT: u32 = 200;

#[derive(Template)]
#[template(path = "live.html")]
struct LivePage {
    frame: Option<Frame>,
    filter: FilterForm,
    rows: Vec<Markup>,
    /// The address of the stream, which continues after the rows.
    stream: Option<String>,
    sender: Sender,
    error: Option<String>,
}

impl LivePage {
    fn list(&self) -> String {
        self.filter.query.filter_and(&[]).without(&["mine"]).at("/events")
    }

    fn again(&self) -> String {
        self.filter.query.at(PATH)
    }
}

/// `GET /live`: the latest events, and the way to those that follow.
pub(super) async fn show(
    viewer: Viewer<List>,
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    sender: Sender,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = match FilterQuery::read(query.as_deref()) {
        Ok(query) => query,
        Err(tidied) => return Ok(tidied.redirect(PATH)?.into_response()),
    };
    let (rows, stream, error) = match latest(&app, &query, &headers, sender.clone()).await {
        Ok((rows, stream)) => (rows, Some(stream), None),
        // The form stays, so that the filter can be corrected.
        Err(problem) if problem.status == StatusCode::BAD_REQUEST => {
            (Vec::new(), None, Some(problem.detail.into_owned()))
        }
        Err(problem) => return Err(problem),
    };
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let filter = FilterForm::of_live(&app, PATH, query).await?;
    let page = LivePage { frame: viewer.frame(PATH), filter, rows, stream, sender, error };
    Ok((status, Page::render(&page)?).into_response())
}

/// The latest events, and the address of the stream of those that follow.
async fn latest(
    app: &App,
    query: &FilterQuery,
    headers: &HeaderMap,
    sender: Sender,
) -> Result<(Vec<Markup>, String), Problem> {
    // The position comes first: what is stored meanwhile is in both, and the page shows it once.
    let LiveAsk { filter, place, sender } = read_ask(app, query.params()?, headers, sender).await?;
    let limit = if sender.is_some() { LOOKED_AT } else { ROWS };
    let mut events =
        app.storage.reader.events(EventQuery { filter, after: None, limit }).await?.events;
    if let Some(sender) = sender {
        sender.keep_own(app, &mut events, |event| event).await?;
        events.truncate(ROWS as usize);
    }
    let (links, now_ms) = (RowLinks::new(PATH, query), app.clock.now_ms());
    let rows = events.iter().map(|event| row::stored(event, &links, now_ms));
    let stream = query.with("after", &place.to_string()).at("/live/stream");
    Ok((rows.collect::<Result<_, _>>()?, stream))
}

/// `GET /live/stream`: the rows of events as they are stored, as server-sent events.
pub(super) async fn stream(
    viewer: Viewer<Stream>,
    State(app): State<Arc<App>>,
    params: Params,
    headers: HeaderMap,
    sender: Sender,
    RawQuery(query): RawQuery,
) -> Result<EventStream, Problem> {
    let query = FilterQuery::read(query.as_deref()).unwrap_or_default();
    let ask = read_ask(&app, params, &headers, sender).await?;
    let links = RowLinks::new(PATH, &query);
    let Viewer { held, place, .. } = viewer;
    let clock = Arc::clone(&app.clock);
    Ok(EventStream::open(app, held, place, ask, move |event| {
        row::stored(event, &links, clock.now_ms()).map(|row| row.0).unwrap_or_default()
    }))
}

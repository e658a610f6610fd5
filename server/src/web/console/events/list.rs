//! `GET /events`.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::row::{self, RowLinks};
use super::views::{self, ViewLink};
use crate::api::cost::List;
use crate::api::events::{Listed, list, write_cursor};
use crate::app::App;
use crate::http::problem::Problem;
use crate::web::console::caller::Viewer;
use crate::web::console::filter_form::FilterForm;
use crate::web::console::filter_query::FilterQuery;
use crate::web::console::frame::Frame;
use crate::web::console::page::Page;
use crate::web::console::shown::Markup;

/// The path of the page.
pub(super) const PATH: &str = "/events";

#[derive(Template)]
#[template(path = "events/list.html")]
struct ListPage {
    frame: Option<Frame>,
    filter: FilterForm,
    views: Vec<ViewLink>,
    rows: Vec<Markup>,
    /// The address of the next page.
    next: Option<String>,
    /// Why the filter cannot be used.
    error: Option<String>,
}

impl ListPage {
    fn is_admin(&self) -> bool {
        self.frame.as_ref().is_some_and(|frame| frame.is_admin)
    }

    fn is_first(&self) -> bool {
        !self.filter.query.has("cursor")
    }

    fn is_filtered(&self) -> bool {
        self.filter.query.selects_beside(&[])
    }

    fn first(&self) -> String {
        self.filter.query.without(&["cursor"]).at(PATH)
    }

    /// Whether it lists what is in the events table.
    fn is_of_stored(&self) -> bool {
        matches!(self.filter.query.value("state"), "" | "stored")
    }

    fn counts(&self) -> String {
        self.filter.query.filter_and(&[]).without(&["state"]).at("/events/counts")
    }

    fn live(&self) -> String {
        let history = ["state", "from", "to", "on", "tz"];
        self.filter.query.filter_and(&[]).without(&history).at("/live")
    }

    fn export(&self, format: &str) -> String {
        let filter = self.filter.query.filter_and(&[]).without(&["state"]);
        filter.with("format", format).at("/api/export")
    }

    /// Payloads are replayed by when they were received, whatever is in them.
    fn replay(&self) -> String {
        let query = &self.filter.query;
        let span = if query.has("on") { FilterQuery::default() } else { query.clone() };
        let rest: Vec<&str> = query.properties().map(|(name, _)| name.as_str()).collect();
        let span = span.filter_and(&[]).without(&rest);
        span.without(&["name", "type", "source", "user", "producer", "state"]).at("/events/replay")
    }
}

/// `GET /events`: a page of events.
pub(in crate::web::console) async fn show(
    viewer: Viewer<List>,
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = match FilterQuery::read(query.as_deref()) {
        Ok(query) => query,
        Err(tidied) => return Ok(tidied.redirect(PATH)?.into_response()),
    };
    let listed = match query.params() {
        Ok(params) => list(&app, params).await,
        Err(problem) => Err(problem),
    };
    let (links, now_ms) = (RowLinks::new(PATH, &query), app.clock.now_ms());
    let (rows, next, error) = match listed {
        Ok(Listed::Stored(page, _)) => {
            let rows = page.events.iter().map(|event| row::stored(event, &links, now_ms));
            (rows.collect::<Result<_, _>>()?, page.next.map(write_cursor), None)
        }
        Ok(Listed::Refused(page)) => {
            let rows = page.events.iter().map(|event| row::refused(event, &links, now_ms));
            (rows.collect::<Result<_, _>>()?, page.next.map(|id| id.to_string()), None)
        }
        // The form stays, so that the filter can be corrected.
        Err(problem) if problem.status == StatusCode::BAD_REQUEST => {
            (Vec::new(), None, Some(problem.detail.into_owned()))
        }
        Err(problem) => return Err(problem),
    };
    let views = views::links(&app, PATH).await?;
    let next = next.map(|cursor| query.with("cursor", &cursor).at(PATH));
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let filter = FilterForm::of_list(&app, PATH, query).await?;
    let frame = viewer.frame(PATH);
    let page = ListPage { frame, filter, views, rows, next, error };
    Ok((status, Page::render(&page)?).into_response())
}

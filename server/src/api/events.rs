//! `GET /api/events`.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use lamplight_wire::Producer;
use serde::Serialize;
use uuid::Uuid;

use super::event_json::EventJson;
use super::params::Params;
use super::refused_json::RefusedJson;
use super::{check_token, filter, json};
use crate::app::App;
use crate::http::problem::Problem;
use crate::store::Outcome;
use crate::store::{EventPage, EventQuery, Position, RefusedPage, RefusedQuery, RowId};

const KNOWN: &str =
    "name, type, source, user, producer, state, from, to, prop.<path>, limit, cursor";

#[derive(Serialize)]
struct PageJson<'a, T> {
    events: &'a [T],
    next: Option<String>,
}

/// What a list of events shows.
enum Page {
    Stored(EventPage),
    Refused(RefusedPage),
}

/// `GET /api/events`: a page of events, newest first. `from` and `to` are times of receipt. `state` is `stored` unless
/// given: `duplicate` and `invalid` list arrivals that are not in the table.
pub async fn events(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    match read(&app, &headers, query.as_deref()).await {
        Ok(Page::Stored(page)) => {
            let events: Vec<EventJson<'_>> = page.events.iter().map(EventJson::new).collect();
            json(&PageJson { events: &events, next: page.next.map(write_cursor) })
        }
        Ok(Page::Refused(page)) => {
            let events: Vec<RefusedJson<'_>> = page.events.iter().map(RefusedJson::new).collect();
            json(&PageJson { events: &events, next: page.next.map(|id| id.to_string()) })
        }
        Err(problem) => problem.into_response(),
    }
}

async fn read(app: &App, headers: &HeaderMap, query: Option<&str>) -> Result<Page, Problem> {
    check_token(app, headers)?;
    let mut params = Params::read(query)?;
    let state = params.value("state", "one of stored, duplicate, invalid", Outcome::from_name)?;
    match state {
        None | Some(Outcome::Stored) => {
            Ok(Page::Stored(app.storage.reader.events(read_query(params)?).await?))
        }
        Some(outcome) => {
            Ok(Page::Refused(app.storage.reader.refused(read_refused(params, outcome)?).await?))
        }
    }
}

fn read_query(mut params: Params<'_>) -> Result<EventQuery, Problem> {
    let filter = filter::read(&mut params)?;
    let by_seq = filter.producer.is_some();
    let after = params.value("cursor", "the `next` of a page with the same filters", |text| {
        read_cursor(text).filter(|position| by_seq == matches!(position, Position::Seq(_)))
    })?;
    let query = EventQuery { filter, after, limit: params.limit()? };
    params.finish(KNOWN)?;
    Ok(query)
}

/// Of an arrival that was refused only this is kept apart from its payload.
fn read_refused(mut params: Params<'_>, outcome: Outcome) -> Result<RefusedQuery, Problem> {
    let query = RefusedQuery {
        outcome,
        source: params.text("source"),
        producer: params.value("producer", "26 characters of Crockford base32", Producer::parse)?,
        from_ms: params.time_ms("from")?,
        to_ms: params.time_ms("to")?,
        after: params.value("cursor", "the `next` of a page with the same filters", |text| {
            Uuid::try_parse(text).ok().map(RowId)
        })?,
        limit: params.limit()?,
    };
    params.finish(
        "state, source, producer, from, to, limit, cursor for events that are not stored",
    )?;
    Ok(query)
}

fn write_cursor(position: Position) -> String {
    match position {
        Position::Row(id) => id.to_string(),
        Position::Seq(seq) => format!("seq{seq}"),
    }
}

fn read_cursor(text: &str) -> Option<Position> {
    match text.strip_prefix("seq") {
        Some(seq) => seq.parse().ok().map(Position::Seq),
        None => Uuid::try_parse(text).ok().map(|id| Position::Row(RowId(id))),
    }
}

//! `GET /api/events`.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use lamplight_wire::Producer;
use lamplight_wire::event::Kind;
use serde::Serialize;
use uuid::Uuid;

use super::event_json::EventJson;
use super::params::{Params, bad};
use super::{check_token, json};
use crate::app::App;
use crate::problem::Problem;
use crate::store::{EventFilter, EventPage, EventQuery, Position, RowId};

const KNOWN: &str = "name, type, source, user, producer, from, to, prop.<path>, limit, cursor";
/// Most properties that one request may ask for.
const PROPERTIES_MAX: usize = 8;
/// Most keys that lead to a property.
const PATH_KEYS_MAX: usize = 16;

#[derive(Serialize)]
struct PageJson<'a> {
    events: Vec<EventJson<'a>>,
    next: Option<String>,
}

/// `GET /api/events`: a page of events, newest first. `from` and `to` are times of receipt.
pub async fn events(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    match read(&app, &headers, query.as_deref()).await {
        Ok(page) => json(&PageJson {
            events: page.events.iter().map(EventJson::new).collect(),
            next: page.next.map(write_cursor),
        }),
        Err(problem) => problem.into_response(),
    }
}

async fn read(app: &App, headers: &HeaderMap, query: Option<&str>) -> Result<EventPage, Problem> {
    check_token(app, headers)?;
    let query = read_query(Params::read(query)?)?;
    Ok(app.store.events(query).await?)
}

fn read_query(mut params: Params<'_>) -> Result<EventQuery, Problem> {
    let filter = EventFilter {
        name: params.text("name"),
        kind: params.value("type", "one of default, critical, monitor", |text| {
            [Kind::Default, Kind::Critical, Kind::Monitor]
                .into_iter()
                .find(|kind| kind.name() == text)
        })?,
        source: params.text("source"),
        user: params.text("user"),
        producer: params.value("producer", "26 characters of Crockford base32", Producer::parse)?,
        from_ms: params.time_ms("from")?,
        to_ms: params.time_ms("to")?,
        properties: properties(params.prefixed("prop."))?,
    };
    let by_seq = filter.producer.is_some();
    let after = params.value("cursor", "the `next` of a page with the same filters", |text| {
        read_cursor(text).filter(|position| by_seq == matches!(position, Position::Seq(_)))
    })?;
    let query = EventQuery { filter, after, limit: params.limit()? };
    params.finish(KNOWN)?;
    Ok(query)
}

fn properties(given: Vec<(String, String)>) -> Result<Vec<(Vec<String>, String)>, Problem> {
    if given.len() > PROPERTIES_MAX {
        return Err(bad(format!("at most {PROPERTIES_MAX} parameters may begin with `prop.`")));
    }
    given
        .into_iter()
        .map(|(path, value)| {
            let keys: Vec<String> = path.split('.').map(str::to_owned).collect();
            if keys.len() > PATH_KEYS_MAX || keys.iter().any(|key| key.is_empty() || key.contains('"')) {
                return Err(bad(format!(
                    "after `prop.` comes 1 to {PATH_KEYS_MAX} keys with dots between them, none empty, none with quotes"
                )));
            }
            Ok((keys, value))
        })
        .collect()
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

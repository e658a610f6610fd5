//! `GET /api/events`.

use std::sync::Arc;

use axum::extract::State;
use lamplight_wire::Producer;
use serde::Serialize;
use uuid::Uuid;

use super::access::Reader;
use super::cost::List;
use super::event_json::EventJson;
use super::filter;
use super::json::JsonResponse;
use super::params::{PRODUCER, Params};
use super::refused_json::RefusedJson;
use super::span::ReceivedJson;
use crate::app::App;
use crate::http::problem::Problem;
use crate::store::{EventQuery, Outcome, Position, RefusedQuery, RowId};

const KNOWN: &str =
    "name, type, source, user, producer, state, from, to, on, tz, prop.<path>, limit, cursor";
const KNOWN_FOR_REFUSED: &str =
    "state, source, producer, from, to, tz, limit, cursor when `state` is duplicate or invalid";
/// The form of a cursor, for error messages.
pub(super) const CURSOR: &str = "the `next` of a page with the same filters";

#[derive(Serialize)]
struct PageJson<'a, T> {
    events: &'a [T],
    next: Option<String>,
    /// The times of receipt that were read, if the span is one of other times.
    #[serde(skip_serializing_if = "Option::is_none")]
    received: Option<ReceivedJson>,
}

/// `GET /api/events`: a page of events, the last received first. `from` and `to` are times of
/// receipt, or with `on=time` those at which events happened. `state` is `stored` by default. With
/// `duplicate` or `invalid`, the page lists arrivals that are not in the events table.
pub async fn events(
    _: Reader<List>,
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<JsonResponse, Problem> {
    let state = params.value("state", "stored, duplicate or invalid", Outcome::from_name)?;
    let reader = &app.storage.reader;
    match state {
        None | Some(Outcome::Stored) => {
            let (query, received) = read_query(params)?;
            let page = reader.events(query).await?;
            let events: Vec<EventJson<'_>> = page.events.iter().map(EventJson::new).collect();
            let next = page.next.map(write_cursor);
            JsonResponse::new(&PageJson { events: &events, next, received })
        }
        Some(outcome) => {
            let page = reader.refused(read_refused(params, outcome)?).await?;
            let events: Vec<RefusedJson<'_>> = page.events.iter().map(RefusedJson::new).collect();
            JsonResponse::new(&PageJson {
                events: &events,
                next: page.next.map(|id| id.to_string()),
                received: None,
            })
        }
    }
}

fn read_query(mut params: Params) -> Result<(EventQuery, Option<ReceivedJson>), Problem> {
    let (filter, span) = filter::read(&mut params)?;
    let by_seq = filter.producer.is_some();
    let after = params.value("cursor", CURSOR, |text| {
        read_cursor(text).filter(|position| by_seq == matches!(position, Position::Seq(..)))
    })?;
    let query = EventQuery { filter, after, limit: params.limit()? };
    params.finish(KNOWN)?;
    Ok((query, span.received_json()))
}

/// Refused arrivals have fewer filters, because only these columns are stored for them.
fn read_refused(mut params: Params, outcome: Outcome) -> Result<RefusedQuery, Problem> {
    let zone = params.zone()?;
    let query = RefusedQuery {
        outcome,
        source: params.text("source"),
        producer: params.value("producer", PRODUCER, Producer::parse)?,
        from_ms: params.time_ms("from", &zone)?,
        to_ms: params.time_ms("to", &zone)?,
        after: params.value("cursor", CURSOR, |text| Uuid::try_parse(text).ok().map(RowId))?,
        limit: params.limit()?,
    };
    params.finish(KNOWN_FOR_REFUSED)?;
    Ok(query)
}

pub(super) fn write_cursor(position: Position) -> String {
    match position {
        Position::Row(id) => id.to_string(),
        Position::Seq(seq, RowId(id)) => format!("seq{seq}-{id}"),
    }
}

pub(super) fn read_cursor(text: &str) -> Option<Position> {
    match text.strip_prefix("seq") {
        Some(place) => {
            let (seq, id) = place.split_once('-')?;
            Some(Position::Seq(seq.parse().ok()?, RowId(Uuid::try_parse(id).ok()?)))
        }
        None => Uuid::try_parse(text).ok().map(|id| Position::Row(RowId(id))),
    }
}

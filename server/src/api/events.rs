//! `GET /api/events`.

use std::sync::Arc;

use axum::extract::State;
use lamplight_wire::Producer;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::access::Reader;
use super::cost::List;
use super::event_json::EventJson;
use super::filter::{self, FILTER};
use super::json::JsonResponse;
use super::params::{CURSOR as CURSOR_PARAM, LIMIT, PRODUCER, PRODUCER_ID, Params, SOURCE};
use super::refused_json::RefusedJson;
use super::span::{FROM, ReceivedJson, SPAN, TO, ZONE};
use crate::app::App;
use crate::http::problem::Problem;
use crate::openapi::{Form, Group, Operation, Param};
use crate::store::{EventPage, EventQuery, Outcome, Position, RefusedPage, RefusedQuery, RowId};

/// Describes [`events`].
pub const EVENTS: Operation = Operation::new(Group::Query, "listEvents", "List events")
    .about(
        "A page of events, the last received first. With `state=duplicate` or `state=invalid`, the \
         page lists arrivals that are not stored, and takes only `source`, `producer`, `from`, `to`, \
         `tz`, `limit` and `cursor` besides.",
    )
    .query(&[&[STATE], FILTER, SPAN, &[LIMIT, CURSOR_PARAM]]);
/// `state`.
const STATE: Param =
    Param::new("state", Form::OneOf(&["stored", "duplicate", "invalid"]), "How the events ended")
        .default("stored");
/// What selects arrivals that are not stored.
const OF_REFUSED: &[&[Param]] =
    &[&[STATE, SOURCE, PRODUCER_ID, FROM, TO, ZONE, LIMIT, CURSOR_PARAM]];
/// The form of a cursor, for error messages.
pub(crate) const CURSOR: &str = "the `next` of a page with the same filters";

/// A page of events, by how they ended.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "EventPage")]
pub enum EventsJson<'a> {
    /// Stored ones.
    #[schemars(title = "stored")]
    Stored(StoredJson<'a>),
    /// Duplicate or invalid ones.
    #[schemars(title = "duplicate or invalid")]
    Refused(RefusedPageJson<'a>),
}

/// A page of stored events.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "StoredEventPage")]
pub struct StoredJson<'a> {
    events: Vec<EventJson<'a>>,
    /// The `cursor` of the next page, if there may be one.
    next: Option<String>,
    /// The times of receipt that were read, if the span is one of other times.
    #[serde(skip_serializing_if = "Option::is_none")]
    received: Option<ReceivedJson>,
}

/// A page of arrivals that are not stored.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RefusedEventPage")]
pub struct RefusedPageJson<'a> {
    events: Vec<RefusedJson<'a>>,
    /// The `cursor` of the next page, if there may be one.
    next: Option<String>,
}

/// What a list shows.
pub(crate) enum Listed {
    /// Events that are stored, and the times of receipt that were read for them.
    Stored(EventPage, Option<ReceivedJson>),
    /// Arrivals that are not.
    Refused(RefusedPage),
}

/// Reads the page of events that `params` ask for.
///
/// # Errors
/// What is wrong with `params`, or that the database cannot be read.
pub(crate) async fn list(app: &App, mut params: Params) -> Result<Listed, Problem> {
    let state = params.value("state", "stored, duplicate or invalid", Outcome::from_name)?;
    let reader = &app.storage.reader;
    match state {
        None | Some(Outcome::Stored) => {
            let (query, received) = read_query(params)?;
            Ok(Listed::Stored(reader.events(query).await?, received))
        }
        Some(outcome) => Ok(Listed::Refused(reader.refused(read_refused(params, outcome)?).await?)),
    }
}

/// `GET /api/events`: a page of events, the last received first. `from` and `to` are times of
/// receipt, or with `on=time` those at which events happened. `state` is `stored` by default. With
/// `duplicate` or `invalid`, the page lists arrivals that are not in the events table.
pub async fn events(
    _: Reader<List>,
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<JsonResponse<EventsJson<'static>>, Problem> {
    match list(&app, params).await? {
        Listed::Stored(page, received) => {
            let events = page.events.iter().map(EventJson::new).collect();
            let next = page.next.map(write_cursor);
            JsonResponse::new(&EventsJson::Stored(StoredJson { events, next, received }))
        }
        Listed::Refused(page) => {
            let events = page.events.iter().map(RefusedJson::new).collect();
            let next = page.next.map(|id| id.to_string());
            JsonResponse::new(&EventsJson::Refused(RefusedPageJson { events, next }))
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
    params.finish(EVENTS.query)?;
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
    params.finish(OF_REFUSED)?;
    Ok(query)
}

pub(crate) fn write_cursor(position: Position) -> String {
    match position {
        Position::Row(id) => id.to_string(),
        Position::Seq(seq, RowId(id)) => format!("seq{seq}-{id}"),
    }
}

pub(crate) fn read_cursor(text: &str) -> Option<Position> {
    match text.strip_prefix("seq") {
        Some(place) => {
            let (seq, id) = place.split_once('-')?;
            Some(Position::Seq(seq.parse().ok()?, RowId(Uuid::try_parse(id).ok()?)))
        }
        None => Uuid::try_parse(text).ok().map(|id| Position::Row(RowId(id))),
    }
}

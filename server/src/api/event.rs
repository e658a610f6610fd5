//! `GET /api/events/{id}`.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use lamplight_wire::Producer;
use lamplight_wire::limits::ID_BYTES_MAX;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::access::Reader;
use super::cost::List;
use super::event_json::EventJson;
use super::json::JsonResponse;
use super::params::Params;
use super::payload_json::PayloadMetadataJson;
use super::refused_json::RefusedJson;
use super::timeline::{self, Entry};
use crate::app::App;
use crate::http::path_text::PathText;
use crate::http::problem::{Problem, quoted};
use crate::openapi::{Form, Group, Operation, Param};
use crate::store::{
    Completeness, EventRef, EventTrace, IN_FLIGHT_MS, PayloadId, RowId, StoreError,
};

/// An event that has a number and did not arrive.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "MissingEvent")]
pub struct MissingJson {
    event_id: String,
    source: String,
    producer: String,
    seq: u64,
    #[schemars(extend("enum" = ["complete", "in_flight", "declared", "lost"]))]
    state: &'static str,
    reason: Option<String>,
    last_heard: i64,
    timeline: Vec<Entry>,
}

/// Everything that is known about one event.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "EventTrace")]
pub enum TraceJson<'a> {
    /// It is stored.
    #[schemars(title = "stored")]
    Stored(EventJson<'a>),
    /// It is a duplicate or invalid.
    #[schemars(title = "duplicate or invalid")]
    Refused(RefusedJson<'a>),
    /// It has a number, and did not arrive.
    #[schemars(title = "not arrived")]
    Missing(MissingJson),
}

/// Describes [`event`].
pub const EVENT: Operation = Operation::new(Group::Query, "getEvent", "Trace one event")
    .about(
        "Everything that is known about one event: its content, how its request arrived, and each \
         step with its time, including every delivery attempt. An event that never arrived also has \
         an answer, if the server knows its page.",
    )
    .part(
        Param::new(
            "id",
            Form::Text,
            "The id that its client chose, `<producer>-<seq>`, or the id of its row",
        )
        .required()
        .example("order-1042-paid"),
    )
    .query(&[&[Param::new("source", Form::Text, "Looks the id up in this source only")]])
    .problems(&["not_found", "removed"]);

/// `GET /api/events/{id}`: everything that is known about one event. The id is its row's, its
/// producer and sequence number, or the one that its client chose. Each source has numbers of its
/// own: with `source`, a number or an id is looked up in that one.
pub async fn event(
    _: Reader<List>,
    State(app): State<Arc<App>>,
    PathText(id): PathText,
    mut params: Params,
) -> Result<JsonResponse<TraceJson<'static>>, Problem> {
    let source = params.text("source");
    params.finish(EVENT.query)?;
    let event = match (parse_ref(&id), source) {
        (Some(EventRef::Number(producer, seq)), Some(source)) => {
            Some(EventRef::NumberOf(source, producer, seq))
        }
        (Some(EventRef::ClientId(id)), Some(source)) => Some(EventRef::ClientIdOf(source, id)),
        (event, _) => event,
    };
    let trace = match event {
        Some(event) => app.storage.reader.event(event).await?,
        None => None,
    };
    match trace {
        Some(EventTrace::Stored { event, repeats }) => {
            let metadata = metadata(&app, event.row.payload).await?;
            let steps = app.storage.delivery_queue.steps(event.row.id).await?;
            let timeline = timeline::stored(&event, &repeats, &steps);
            let event = EventJson::new(&event.row).traced(metadata, timeline);
            JsonResponse::new(&TraceJson::Stored(event))
        }
        Some(EventTrace::Refused { event, repeats }) => {
            let metadata = metadata(&app, event.payload).await?;
            let timeline = timeline::refused(&event, &repeats);
            let event = RefusedJson::new(&event).traced(metadata, timeline);
            JsonResponse::new(&TraceJson::Refused(event))
        }
        Some(EventTrace::Missing { source, producer, seq, verdict, reason, last_heard_ms }) => {
            let verdict = after_grace(verdict, last_heard_ms, app.known_now_ms());
            let event = missing(source, (producer, seq), verdict, reason, last_heard_ms);
            JsonResponse::new(&TraceJson::Missing(event))
        }
        Some(EventTrace::Removed { removed_ms }) => Err(removed(removed_ms)),
        None => Err(Problem::not_found(format!(
            "no event has the id {}: check it, look in GET /api/totals whether payloads are still in \
             the queue, or list events with GET /api/events",
            quoted(&id)
        ))),
    }
}

async fn metadata(
    app: &App,
    payload: PayloadId,
) -> Result<Option<PayloadMetadataJson>, StoreError> {
    Ok(app.storage.archive.metadata(payload).await?.map(PayloadMetadataJson::new))
}

fn removed(removed_ms: i64) -> Problem {
    let day = jiff::Timestamp::from_millisecond(removed_ms).map_or_else(
        |_| String::new(),
        |time| format!(" on {}", jiff::tz::Offset::UTC.to_datetime(time).date()),
    );
    Problem::new(
        StatusCode::GONE,
        "removed",
        format!(
            "this event was deleted{day} by retention, together with all events that were received \
             in the same week: --keep-days and --keep-bytes set how long events are kept"
        ),
    )
}

/// The event that `id` refers to. A client's own id that looks like one of ours is taken as ours.
pub(super) fn parse_ref(id: &str) -> Option<EventRef> {
    if let Ok(id) = Uuid::try_parse(id) {
        return Some(EventRef::Row(RowId(id)));
    }
    if let Some((producer, seq)) = id.rsplit_once('-')
        && let (Some(producer), Ok(seq)) = (Producer::parse(producer), seq.parse())
    {
        return Some(EventRef::Number(producer, seq));
    }
    (1..=ID_BYTES_MAX).contains(&id.len()).then(|| EventRef::ClientId(id.to_owned()))
}

/// A hole counts as lost once its producer has been silent for longer than a browser may take to
/// return.
fn after_grace(verdict: Completeness, last_heard_ms: i64, now_ms: i64) -> Completeness {
    let is_late = last_heard_ms < now_ms.saturating_sub(IN_FLIGHT_MS);
    if verdict == Completeness::InFlight && is_late { Completeness::Lost } else { verdict }
}

fn missing(
    source: String,
    (producer, seq): (Producer, u64),
    verdict: Completeness,
    reason: Option<String>,
    last_heard_ms: i64,
) -> MissingJson {
    let state = verdict.name();
    MissingJson {
        event_id: format!("{producer}-{seq}"),
        source,
        producer: producer.to_string(),
        seq,
        state,
        last_heard: last_heard_ms,
        timeline: vec![
            Entry::new(None, "client", "made"),
            Entry::new(Some(last_heard_ms), "client", state).reason(reason.clone(), None),
        ],
        reason,
    }
}

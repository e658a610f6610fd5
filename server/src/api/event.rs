//! `GET /api/events/{id}`.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use lamplight_wire::Producer;
use lamplight_wire::limits::ID_BYTES_MAX;
use serde::Serialize;
use uuid::Uuid;

use super::event_json::EventJson;
use super::params::Params;
use super::payload_json::PayloadMetadataJson;
use super::refused_json::RefusedJson;
use super::timeline::{self, Entry};
use super::{check_token, json};
use crate::app::App;
use crate::http::problem::Problem;
use crate::store::{Completeness, EventRef, EventTrace, IN_FLIGHT_MS, RowId};

#[derive(Serialize)]
struct MissingJson {
    event_id: String,
    producer: String,
    seq: u64,
    state: &'static str,
    reason: Option<String>,
    last_heard: i64,
    timeline: Vec<Entry>,
}

/// `GET /api/events/{id}`: all that is known about one event, by its row's id or by the name its client knows it by.
pub async fn event(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    match read(&app, &headers, &id, query.as_deref()).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn read(
    app: &App,
    headers: &HeaderMap,
    id: &str,
    query: Option<&str>,
) -> Result<Response, Problem> {
    check_token(app, headers)?;
    Params::read(query)?.finish("none")?;
    let trace = match refer(id) {
        Some(event) => app.storage.reader.event(event).await?,
        None => None,
    };
    match trace {
        Some(EventTrace::Stored { event, repeats }) => {
            let metadata = app
                .storage
                .archive
                .metadata(event.row.payload)
                .await?
                .map(PayloadMetadataJson::new);
            let steps = app.storage.delivery_queue.steps(event.row.id).await?;
            let timeline = timeline::stored(&event, &repeats, &steps);
            Ok(json(&EventJson::new(&event.row).traced(metadata, timeline)))
        }
        Some(EventTrace::Refused { event, repeats }) => {
            let metadata =
                app.storage.archive.metadata(event.payload).await?.map(PayloadMetadataJson::new);
            let timeline = timeline::refused(&event, &repeats);
            Ok(json(&RefusedJson::new(&event).traced(metadata, timeline)))
        }
        Some(EventTrace::Missing { producer, seq, verdict, reason, last_heard_ms }) => {
            let verdict = aged(verdict, last_heard_ms, app.clock.now_ms());
            Ok(json(&missing(producer, seq, verdict, reason, last_heard_ms)))
        }
        Some(EventTrace::Removed { removed_ms }) => Err(gone(removed_ms)),
        None => Err(Problem::not_found(
            "no event has this id: it was not made, or not processed yet (see `queue` in /api/totals), or its producer \
             was never heard from",
        )),
    }
}

fn gone(removed_ms: i64) -> Problem {
    let day = jiff::Timestamp::from_millisecond(removed_ms).map_or_else(
        |_| "earlier".to_owned(),
        |time| format!("on {}", jiff::tz::Offset::UTC.to_datetime(time).date()),
    );
    Problem::new(
        StatusCode::GONE,
        "removed",
        format!(
            "the events that were received in this one's week were removed {day}, to keep within --keep-days or \
             --keep-bytes"
        ),
    )
}

/// What `id` names. A client's own name that looks like one of ours is taken for ours.
pub(super) fn refer(id: &str) -> Option<EventRef> {
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

/// A hole is lost once its producer's browser had its time to come back.
fn aged(verdict: Completeness, last_heard_ms: i64, now_ms: i64) -> Completeness {
    let is_late = last_heard_ms < now_ms.saturating_sub(IN_FLIGHT_MS);
    if verdict == Completeness::InFlight && is_late { Completeness::Lost } else { verdict }
}

fn missing(
    producer: Producer,
    seq: u64,
    verdict: Completeness,
    reason: Option<String>,
    last_heard_ms: i64,
) -> MissingJson {
    let state = verdict.name();
    MissingJson {
        event_id: format!("{producer}-{seq}"),
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

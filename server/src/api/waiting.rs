//! Events in payloads that are not processed yet.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::event_json::{Verbatim, event_id};
use super::payload_json::PayloadMetadataJson;
use super::timeline::{self, Entry};
use crate::app::{App, EventsOf};
use crate::formats::lamplight;
use crate::store::{
    EventIdentity, EventRef, PayloadMetadata, PayloadSpan, PayloadState, PlannedEvent,
    PlannedOutcome, StoreError, UnprocessedPayload,
};
use crate::system::supervisor::run_blocking;

/// The most payloads that are searched for an event, and their decompressed bytes.
const SEARCHED_MAX: u32 = 256;
const SEARCHED_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// An event in a payload that is not processed yet.
#[derive(Debug, Clone)]
pub(crate) struct WaitingEvent {
    /// What processing would do with it now.
    pub(crate) planned: PlannedEvent,
    /// The payload.
    pub(crate) metadata: PayloadMetadata,
    /// Where the payload is.
    pub(crate) state: PayloadState,
}

impl WaitingEvent {
    /// The id by which the client knows it.
    pub(crate) fn event_id(&self) -> String {
        let (number, client_id) = match &self.planned.identity {
            EventIdentity::Numbered(producer, seq) => (Some((*producer, *seq)), None),
            EventIdentity::ClientId(id) => (None, Some(id.as_str())),
            EventIdentity::Anonymous => (None, None),
        };
        event_id(number, client_id, self.planned.id)
    }

    /// The state in the API.
    pub(crate) fn state_name(&self) -> &'static str {
        match self.state {
            PayloadState::SetAside { discarded_ms: Some(_), .. } => "discarded",
            PayloadState::SetAside { .. } => "set_aside",
            PayloadState::Waiting { .. } | PayloadState::Settled => "waiting",
        }
    }
}

/// What was found of an event in payloads that are not processed yet.
#[derive(Debug, Clone)]
pub(crate) enum Found {
    /// It is there.
    Event(Box<WaitingEvent>),
    /// Its payload was processed a moment ago.
    Processed,
    /// Nothing. There may be more payloads than were searched.
    Nothing { has_more: bool },
}

/// Looks an event up in payloads that are not processed yet.
pub(crate) async fn find(app: &App, event: &EventRef) -> Result<Found, StoreError> {
    let (payloads, has_more) = if let EventRef::Row(id) = event {
        (of_time(app, id.0.as_u128() >> 80).await?, false)
    } else {
        let queue = &app.storage.payload_queue;
        let found = queue.unprocessed(SEARCHED_MAX, SEARCHED_BYTES_MAX).await?;
        (found.payloads, found.has_more)
    };
    let (event, events_of) = (event.clone(), app.events_of);
    let is_by_time = matches!(event, EventRef::Row(_));
    let found =
        run_blocking(move || payloads.into_iter().find_map(|it| event_in(events_of, it, &event)));
    let Some(mut found) = found.await else { return Ok(Found::Nothing { has_more }) };
    if is_by_time {
        // It was looked up by its time, among payloads in any state.
        match app.storage.payload_queue.state(found.metadata.id).await? {
            Some(PayloadState::Settled) | None => return Ok(Found::Processed),
            Some(state) => found.state = state,
        }
    }
    Ok(Found::Event(Box::new(found)))
}

/// The payloads that were received in a millisecond.
async fn of_time(app: &App, ms: u128) -> Result<Vec<UnprocessedPayload>, StoreError> {
    let ms = i64::try_from(ms).unwrap_or(i64::MAX);
    let span = PayloadSpan::received(ms, ms.saturating_add(1));
    let payloads =
        app.storage.archive.payloads(span, None, SEARCHED_MAX, SEARCHED_BYTES_MAX).await?;
    let unknown = |payload| UnprocessedPayload { payload, state: PayloadState::Settled };
    Ok(payloads.into_iter().map(unknown).collect())
}

fn event_in(
    events_of: EventsOf,
    found: UnprocessedPayload,
    event: &EventRef,
) -> Option<WaitingEvent> {
    let UnprocessedPayload { payload, state } = found;
    // Most payloads do not have the id in their text, and need not be read as events.
    let part = match event {
        EventRef::Row(_) => None,
        EventRef::Number(producer, _) | EventRef::NumberOf(_, producer, _) => {
            Some(producer.to_string())
        }
        EventRef::ClientId(id) | EventRef::ClientIdOf(_, id) => {
            // JSON may write other characters in several ways.
            id.bytes().all(|byte| byte.is_ascii_alphanumeric()).then(|| id.clone())
        }
    };
    if let Some(part) = part {
        let text = lamplight::text(payload.metadata.encoding, &payload.body).ok()?;
        text.contains(&part).then_some(())?;
    }
    let is_it = |planned: &PlannedEvent| match (event, &planned.identity) {
        (EventRef::Row(id), _) => planned.id == *id,
        (EventRef::Number(producer, seq), EventIdentity::Numbered(of, number)) => {
            (producer, seq) == (of, number)
        }
        (EventRef::NumberOf(source, producer, seq), EventIdentity::Numbered(of, number)) => {
            (producer, seq) == (of, number) && *source == payload.metadata.source
        }
        (EventRef::ClientId(id), EventIdentity::ClientId(of)) => id == of,
        (EventRef::ClientIdOf(source, id), EventIdentity::ClientId(of)) => {
            id == of && *source == payload.metadata.source
        }
        _ => false,
    };
    let planned = events_of(&payload)?.into_iter().find(is_it)?;
    Some(WaitingEvent { planned, metadata: payload.metadata, state })
}

/// An event in a payload that is not processed yet.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WaitingEvent")]
pub struct WaitingJson<'a> {
    /// The id that its row will have.
    id: String,
    event_id: String,
    name: Option<&'a str>,
    r#type: Option<&'a str>,
    source: &'a str,
    ts: Option<i64>,
    producer: Option<String>,
    seq: Option<u64>,
    received: i64,
    payload: String,
    index: u32,
    #[schemars(with = "Option<Map<String, Value>>")]
    properties: Option<Verbatim<'a>>,
    #[schemars(with = "Option<Map<String, Value>>")]
    context: Option<Verbatim<'a>>,
    /// `waiting` to be processed, `set_aside` because its payload failed too often, or `discarded`.
    #[schemars(extend("enum" = ["waiting", "set_aside", "discarded"]))]
    state: &'static str,
    /// How often processing its payload was tried.
    attempts: u32,
    /// When the next attempt is due.
    due: Option<i64>,
    /// Why the last attempt failed.
    error: Option<&'a str>,
    /// How its payload arrived.
    #[serde(rename = "receipt")]
    metadata: PayloadMetadataJson,
    timeline: Vec<Entry>,
}

impl<'a> WaitingJson<'a> {
    pub(super) fn new(event: &'a WaitingEvent) -> Self {
        let WaitingEvent { planned, metadata, state } = event;
        let columns = planned.columns();
        let content = match &planned.outcome {
            PlannedOutcome::Refuse { content, .. } => Some(content),
            PlannedOutcome::Store(_) => None,
        };
        let (attempts, due, error) = match state {
            PayloadState::Waiting { attempts, due_ms, error, .. } => {
                (*attempts, *due_ms, error.as_deref())
            }
            PayloadState::SetAside { attempts, error, .. } => {
                (*attempts, None, Some(error.as_str()))
            }
            PayloadState::Settled => (0, None, None),
        };
        let number = match &planned.identity {
            EventIdentity::Numbered(producer, seq) => Some((producer, *seq)),
            _ => None,
        };
        let named = content.and_then(|it| it.name.as_deref());
        let kind = content.and_then(|it| it.kind.as_deref());
        Self {
            id: planned.id.to_string(),
            event_id: event.event_id(),
            name: columns.map(|it| it.name.as_str()).or(named),
            r#type: columns.map(|it| it.kind.name()).or(kind),
            source: &metadata.source,
            ts: columns.and_then(|it| it.ts_ms).or(content.and_then(|it| it.ts_ms)),
            producer: number.map(|(producer, _)| producer.to_string()),
            seq: number.map(|(_, seq)| seq),
            received: metadata.received_ms,
            payload: metadata.id.to_string(),
            index: planned.index,
            properties: columns.and_then(|it| it.properties_json.as_deref()).map(Verbatim),
            context: columns.and_then(|it| it.context_json.as_deref()).map(Verbatim),
            state: event.state_name(),
            attempts,
            due,
            error,
            metadata: PayloadMetadataJson::new(metadata.clone()),
            timeline: timeline::waiting(event),
        }
    }
}

//! Reading everything that is known about one event.

use super::event::{after_grace, parse_ref, removed};
use super::waiting::{self, Found, WaitingEvent};
use crate::app::App;
use crate::http::problem::{Problem, quoted};
use crate::store::{
    Completeness, DeliveryStep, EventRef, EventTrace, PayloadId, PayloadMetadata, RefusedEvent,
    Repeat, StoreError, StoredEvent,
};
use lamplight_wire::Producer;

/// Everything that is known about one event.
#[derive(Debug, Clone)]
pub(crate) enum Trace {
    /// It is stored.
    Stored {
        /// The row.
        event: Box<StoredEvent>,
        /// Its later arrivals.
        repeats: Vec<Repeat>,
        /// Every step of its deliveries.
        steps: Vec<DeliveryStep>,
        /// How it arrived.
        metadata: Option<PayloadMetadata>,
    },
    /// It arrived and is not stored.
    Refused {
        /// The arrival.
        event: Box<RefusedEvent>,
        /// Its later arrivals.
        repeats: Vec<Repeat>,
        /// How it arrived.
        metadata: Option<PayloadMetadata>,
    },
    /// It is in a payload that is not processed yet.
    Waiting(Box<WaitingEvent>),
    /// It has a number, and did not arrive.
    Missing(MissingEvent),
}

/// An event that has a number and did not arrive.
#[derive(Debug, Clone)]
pub(crate) struct MissingEvent {
    pub(crate) source: String,
    pub(crate) producer: Producer,
    pub(crate) seq: u64,
    pub(crate) verdict: Completeness,
    pub(crate) reason: Option<String>,
    pub(crate) last_heard_ms: i64,
}

/// The event that `id` refers to: the id of its row, its producer and number, or the one that its
/// client chose, in `source` if there is one.
pub(crate) fn reference(id: &str, source: Option<String>) -> Option<EventRef> {
    match (parse_ref(id), source) {
        (Some(EventRef::Number(producer, seq)), Some(source)) => {
            Some(EventRef::NumberOf(source, producer, seq))
        }
        (Some(EventRef::ClientId(id)), Some(source)) => Some(EventRef::ClientIdOf(source, id)),
        (event, _) => event,
    }
}

/// Reads everything that is known about one event.
pub(crate) async fn read_trace(
    app: &App,
    id: &str,
    source: Option<String>,
) -> Result<Trace, Problem> {
    let event = reference(id, source);
    let (trace, has_more) = match &event {
        Some(event) => find(app, event).await?,
        None => (None, false),
    };
    trace.ok_or_else(|| {
        let more = if has_more {
            ". More payloads wait to be processed than this call searches, so it may be in one of them"
        } else {
            ""
        };
        Problem::not_found(format!(
            "no event has the id {}: check it, look in GET /api/totals whether payloads are still in \
             the queue, or list events with GET /api/events{more}",
            quoted(id)
        ))
    })
}

/// Finds an event wherever it is. Also returns whether there was more to search.
async fn find(app: &App, event: &EventRef) -> Result<(Option<Trace>, bool), Problem> {
    let mut stored = app.storage.reader.event(event.clone()).await?;
    let mut has_more = false;
    if matches!(stored, None | Some(EventTrace::Missing { .. } | EventTrace::Removed { .. })) {
        match waiting::find(app, event).await? {
            Found::Event(event) => return Ok((Some(Trace::Waiting(event)), false)),
            Found::Processed => stored = app.storage.reader.event(event.clone()).await?,
            Found::Nothing { has_more: more } => has_more = more,
        }
    }
    let trace = match stored {
        Some(EventTrace::Stored { event, repeats }) => {
            let metadata = metadata(app, event.row.payload).await?;
            let steps = app.storage.delivery_queue.steps(event.row.id).await?;
            Trace::Stored { event, repeats, steps, metadata }
        }
        Some(EventTrace::Refused { event, repeats }) => {
            let metadata = metadata(app, event.payload).await?;
            Trace::Refused { event, repeats, metadata }
        }
        Some(EventTrace::Missing { source, producer, seq, verdict, reason, last_heard_ms }) => {
            let verdict = after_grace(verdict, last_heard_ms, app.known_now_ms());
            Trace::Missing(MissingEvent { source, producer, seq, verdict, reason, last_heard_ms })
        }
        Some(EventTrace::Removed { removed_ms }) => return Err(removed(removed_ms)),
        None => return Ok((None, has_more)),
    };
    Ok((Some(trace), false))
}

async fn metadata(app: &App, payload: PayloadId) -> Result<Option<PayloadMetadata>, StoreError> {
    app.storage.archive.metadata(payload).await
}

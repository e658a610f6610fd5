//! An arrival that was refused, in the API's JSON.

use serde::Serialize;

use super::event_json::event_id;
use super::payload_json::PayloadMetadataJson;
use super::timeline::Entry;
use crate::store::RefusedEvent;

/// An arrival that was refused: a duplicate or an invalid event.
#[derive(Debug, Serialize)]
pub(super) struct RefusedJson<'a> {
    id: String,
    event_id: String,
    source: &'a str,
    producer: Option<String>,
    seq: Option<u64>,
    received: i64,
    payload: String,
    index: u32,
    state: &'static str,
    reason: Option<&'a str>,
    detail: Option<&'a str>,
    /// How its payload arrived. Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(rename = "receipt")]
    metadata: Option<PayloadMetadataJson>,
    /// What happened to it. Not in lists.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    timeline: Vec<Entry>,
}

impl<'a> RefusedJson<'a> {
    pub(super) fn new(event: &'a RefusedEvent) -> Self {
        Self {
            id: event.id.to_string(),
            event_id: event_id(event.number, event.event_id.as_deref(), event.id),
            source: &event.source,
            producer: event.number.map(|(producer, _)| producer.to_string()),
            seq: event.number.map(|(_, seq)| seq),
            received: event.received_ms,
            payload: event.payload.to_string(),
            index: event.index,
            state: event.outcome.name(),
            reason: event.reason.as_deref(),
            detail: event.detail.as_deref(),
            metadata: None,
            timeline: Vec::new(),
        }
    }

    /// Adds the details that only the answer for one event has.
    pub(super) fn traced(
        self,
        metadata: Option<PayloadMetadataJson>,
        timeline: Vec<Entry>,
    ) -> Self {
        Self { metadata, timeline, ..self }
    }
}

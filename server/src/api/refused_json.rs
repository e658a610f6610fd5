//! An arrival that was refused, in the API's JSON.

use schemars::JsonSchema;
use serde::Serialize;

use super::event_json::{UserJson, event_id};
use super::payload_json::PayloadMetadataJson;
use super::timeline::Entry;
use crate::store::RefusedEvent;

/// An arrival that was refused: a duplicate or an invalid event.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RefusedEvent")]
pub struct RefusedJson<'a> {
    id: String,
    event_id: String,
    /// What could be read of an invalid event, cut to a few hundred bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ts: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<UserJson<'a>>,
    /// The beginning of its JSON text, and how long that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_bytes: Option<u64>,
    source: &'a str,
    producer: Option<String>,
    seq: Option<u64>,
    received: i64,
    payload: String,
    index: u32,
    #[schemars(extend("enum" = ["duplicate", "invalid"]))]
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
        let content = event.content.as_ref();
        let text = content.and_then(|it| it.text.as_deref());
        Self {
            name: content.and_then(|it| it.name.as_deref()),
            r#type: content.and_then(|it| it.kind.as_deref()),
            ts: content.and_then(|it| it.ts_ms),
            user: content
                .and_then(|it| UserJson::new(it.user_id.as_deref(), it.anonymous_id.as_deref())),
            text,
            text_bytes: content.filter(|_| text.is_some()).map(|it| it.bytes),
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

//! An event in the API's JSON.

use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::payload_json::PayloadMetadataJson;
use super::timeline::Entry;
use crate::store::{EventRow, Outcome, RowId};

/// JSON text that is shown exactly as it is.
#[derive(Debug)]
pub(super) struct Verbatim<'a>(pub(super) &'a str);

impl Serialize for Verbatim<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "User")]
pub(super) struct UserJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    anonymous_id: Option<&'a str>,
}

impl<'a> UserJson<'a> {
    /// A user with at least one id.
    pub(super) fn new(id: Option<&'a str>, anonymous_id: Option<&'a str>) -> Option<Self> {
        (id.is_some() || anonymous_id.is_some()).then_some(Self { id, anonymous_id })
    }
}

/// An event. Fields that the client sent keep the client's names, and Lamplight adds others.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Event")]
pub struct EventJson<'a> {
    /// The id of its row.
    id: String,
    /// The id that its client knows.
    event_id: String,
    name: &'a str,
    #[schemars(extend("enum" = ["default", "critical", "monitor"]))]
    r#type: &'a str,
    source: &'a str,
    /// When it happened, by the client's clock.
    ts: Option<i64>,
    /// When it happened, corrected by the skew of the client's clock.
    time: i64,
    /// When the server received it.
    received: i64,
    /// The day of `time`, in UTC.
    day: String,
    user: Option<UserJson<'a>>,
    session: Option<&'a str>,
    producer: Option<String>,
    seq: Option<u64>,
    /// The request that it came in.
    payload: String,
    /// Its place in that request.
    index: u32,
    #[schemars(with = "Option<Map<String, Value>>")]
    properties: Option<Verbatim<'a>>,
    #[schemars(with = "Option<Map<String, Value>>")]
    context: Option<Verbatim<'a>>,
    #[schemars(with = "Option<Map<String, Value>>")]
    monitor: Option<Verbatim<'a>>,
    /// What each enricher added.
    #[schemars(with = "Option<Map<String, Value>>")]
    enrichment: Option<Verbatim<'a>>,
    /// The profile of its user at the time it was stored.
    #[schemars(with = "Option<Map<String, Value>>")]
    profile: Option<Verbatim<'a>>,
    #[schemars(extend("const" = "stored"))]
    state: &'static str,
    /// How its payload arrived. Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(rename = "receipt")]
    metadata: Option<PayloadMetadataJson>,
    /// What happened to it. Not in lists.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    timeline: Vec<Entry>,
}

impl<'a> EventJson<'a> {
    pub(super) fn new(row: &'a EventRow) -> Self {
        Self {
            id: row.id.to_string(),
            event_id: event_id(row.number, row.event_id.as_deref(), row.id),
            name: &row.name,
            r#type: &row.kind,
            source: &row.source,
            ts: row.ts_ms,
            time: row.time_ms,
            received: row.received_ms,
            day: day(row.created_day),
            user: UserJson::new(row.user_id.as_deref(), row.anonymous_id.as_deref()),
            session: row.session.as_deref(),
            producer: row.number.map(|(producer, _)| producer.to_string()),
            seq: row.number.map(|(_, seq)| seq),
            payload: row.payload.to_string(),
            index: row.index,
            properties: row.properties_json.as_deref().map(Verbatim),
            context: row.context_json.as_deref().map(Verbatim),
            monitor: row.monitor_json.as_deref().map(Verbatim),
            enrichment: row.enrichment_json.as_deref().map(Verbatim),
            profile: row.profile_json.as_deref().map(Verbatim),
            state: Outcome::Stored.name(),
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

/// The id by which the client knows an event: `<producer>-<seq>`, its own id, or else the row's.
pub(super) fn event_id(
    number: Option<(lamplight_wire::Producer, u64)>,
    client_id: Option<&str>,
    row: RowId,
) -> String {
    match (number, client_id) {
        (Some((producer, seq)), _) => format!("{producer}-{seq}"),
        (None, Some(id)) => id.to_owned(),
        (None, None) => row.to_string(),
    }
}

fn day(day: u32) -> String {
    format!("{:04}-{:02}-{:02}", day / 10_000, day / 100 % 100, day % 100)
}

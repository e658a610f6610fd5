//! The description of intake.

use std::borrow::Cow;

use http::StatusCode;
use lamplight_wire::limits::{EVENTS_MAX, ID_BYTES_MAX, NAME_BYTES_MAX, SESSION_BYTES_MAX};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::json;

use super::arrived::ArrivedNumbers;
use crate::formats::validation::ValidationJson;
use crate::openapi::{Form, Group, Guard, Operation, Param, Shape};

/// A payload is on disk.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Accepted")]
pub(super) struct AcceptedJson {
    #[schemars(extend("const" = "OK"))]
    pub(super) status: &'static str,
    /// The id of the payload.
    pub(super) payload: String,
    /// How many events it has.
    pub(super) events: u32,
    /// If the batch asks: which numbers of its producers have arrived, as ranges with both ends, as
    /// far as the server knows now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) arrived: Option<ArrivedNumbers>,
}

const ABOUT: &str = "Send an array of events, a single event, or `{\"sent_at\": …, \"events\": […]}`. \
    `200` with the status `OK` means that the bytes are on disk. An invalid event does not fail the \
    request: `GET /api/events?state=invalid` lists it. The event's `id` is the idempotency key, so \
    send an event again with the same `id` until you get `200`.\n\nThe body has at most 1 MiB as sent, 8 MiB \
    decompressed, and 1,000 events. `Content-Type` is `application/json`, `text/json`, \
    `application/…+json` or `text/plain`, and `Content-Encoding`, if there is one, is `gzip`, `br` or \
    `zstd`.";
const VALIDATE: Param = Param::new(
    "validate",
    Form::OneOf(&["1", "true", "0", "false"]),
    "With `1` or `true`, answers what would become of each event, and stores nothing",
)
.default("0");
const PROBLEMS: &[&str] = &[
    "key_missing",
    "key_unknown",
    "key_disabled",
    "key_wrong_kind",
    "origin_not_allowed",
    "parameter_invalid",
    "rate_limited",
    "content_type_unsupported",
    "content_encoding_unsupported",
    "shutting_down",
    "disk_low",
    "source_over_share",
    "not_writable",
    "body_not_decompressible",
    "body_not_json",
    "body_not_events",
    "body_too_large_decompressed",
    "too_many_events",
];
const EXAMPLE: &str = r#"[{"id": "order-1042-paid", "name": "order_paid", "user": {"id": "u7"},
    "properties": {"plan": "pro", "total": 25.5}}]"#;

/// Describes [`events`](super::events).
pub const EVENTS: Operation =
    Operation::new(Group::Intake, "sendEvents", "Send events with a write key")
        .about(ABOUT)
        .query(&[&[VALIDATE]])
        .body_example(EXAMPLE)
        .problems(PROBLEMS);

/// Describes [`logs`](super::logs).
pub const LOGS: Operation =
    Operation::new(Group::Intake, "sendLogs", "Send events with a secret key, from backends")
        .about(ABOUT)
        .query(&[&[VALIDATE]])
        .body_example(EXAMPLE)
        .problems(PROBLEMS);

/// Describes the preflight request of [`events`](super::events).
pub const PREFLIGHT_EVENTS: Operation =
    Operation::new(Group::Intake, "preflightEvents", "Ask what a page may send, as browsers do");
/// Describes the preflight request of [`logs`](super::logs).
pub const PREFLIGHT_LOGS: Operation =
    Operation::new(Group::Intake, "preflightLogs", "Ask what a page may send, as browsers do");

/// Who may send events, with which bodies, and what they are answered.
pub fn describe_events(shape: &mut Shape<'_>) {
    describe(shape, Guard::WriteKey);
}

/// The same for [`logs`](super::logs).
pub fn describe_logs(shape: &mut Shape<'_>) {
    describe(shape, Guard::SecretKey);
}

/// What a preflight request is answered.
pub fn describe_preflight(shape: &mut Shape<'_>) {
    shape.answer_empty(StatusCode::NO_CONTENT, "A page of any origin may send");
}

fn describe(shape: &mut Shape<'_>, guard: Guard) {
    shape.guard(guard);
    shape.body_like::<SentBody>();
    shape.answer_either::<AcceptedJson, ValidationJson<'static>>(
        "The events are on disk. With `validate`, what would become of them",
    );
}

/// What a body has, so that all of its events are stored. Others are accepted too.
struct SentBody;

impl JsonSchema for SentBody {
    fn schema_name() -> Cow<'static, str> {
        "SentEvents".into()
    }

    fn json_schema(schemas: &mut SchemaGenerator) -> Schema {
        let event = schemas.subschema_for::<SentEvent>();
        let events = json!({"type": "array", "items": event, "maxItems": EVENTS_MAX});
        json_schema!({"description": "An array of events, a single event, or a batch", "anyOf": [
            events,
            event,
            {
                "title": "batch",
                "type": "object",
                "properties": {
                    "sent_at": {
                        "description": "Now, by the clock that `ts` is from, written like `ts`. \
                            What is no time corrects nothing",
                    },
                    "events": events,
                    "ask_arrived": {
                        "description": "With `true`, the answer says which numbers of the \
                            batch's `producers` have arrived. Pages ask for what an earlier page \
                            sent when it was left",
                        "type": ["boolean", "null"],
                    },
                },
                "required": ["events"],
            },
        ]})
    }
}

/// An event, as clients send it.
struct SentEvent;

impl JsonSchema for SentEvent {
    fn schema_name() -> Cow<'static, str> {
        "SentEvent".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let id = json!({"type": ["string", "integer", "null"]});
        json_schema!({
            "description": "An event, as clients send it",
            "type": "object",
            "properties": {
                "name": {
                    "description": "What happened. The limit is in bytes of UTF-8",
                    "type": "string",
                    "minLength": 1,
                    "maxLength": NAME_BYTES_MAX,
                },
                "id": {
                    "description": "The idempotency key",
                    "type": ["string", "null"],
                    "minLength": 1,
                    "maxLength": ID_BYTES_MAX,
                },
                "ts": {
                    "description": "When it happened: milliseconds since 1970, or RFC 3339 text",
                    "anyOf": [
                        {"type": ["integer", "null"]},
                        {"type": "string", "format": "date-time"},
                    ],
                },
                "type": {
                    "description": "Decides which sinks receive it",
                    "enum": ["default", "critical", "monitor", null],
                },
                "user": {
                    "type": ["object", "null"],
                    "properties": {"id": id, "anonymous_id": id},
                },
                "session": {"type": ["string", "null"], "maxLength": SESSION_BYTES_MAX},
                "properties": {"description": "Up to 32 KiB of JSON", "type": ["object", "null"]},
                "context": {"description": "Up to 32 KiB of JSON", "type": ["object", "null"]},
                "monitor": {
                    "description": "An engineering metric",
                    "type": ["object", "null"],
                    "properties": {
                        "kind": {"enum": ["increment", "gauge", "timer"]},
                        "metric": {"type": "string", "minLength": 1},
                        "value": {"type": "number"},
                        "tags": {"type": "object"},
                    },
                    "required": ["kind", "metric"],
                },
            },
            "required": ["name"],
            // An object with these members is a batch.
            "not": {"anyOf": [{"required": ["events"]}, {"required": ["sent_at"]}]},
        })
    }
}

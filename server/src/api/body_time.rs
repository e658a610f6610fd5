//! A time in a request body.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::params::{TIME, rfc3339_ms};
use super::whole_number::whole;

/// Milliseconds since 1970, or RFC 3339 text.
#[derive(Debug, Deserialize)]
#[serde(try_from = "serde_json::Value")]
pub(super) struct BodyTime(pub(super) i64);

impl JsonSchema for BodyTime {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [
            {"type": "integer", "format": "int64"},
            {"type": "string", "format": "date-time"},
        ]})
    }
}

impl TryFrom<serde_json::Value> for BodyTime {
    type Error = String;

    fn try_from(value: serde_json::Value) -> Result<Self, Self::Error> {
        let ms = match &value {
            serde_json::Value::Number(ms) => whole(ms),
            serde_json::Value::String(text) => rfc3339_ms(text),
            _ => None,
        };
        ms.map(Self).ok_or_else(|| format!("{value} is not {TIME}"))
    }
}

//! What is kept of an event that cannot be stored, beside the reason: enough to find its sender and
//! to correct it. The whole event is in its payload.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::EventColumns;

/// The most bytes that are kept of its name, its type, and each id of its user.
const MEMBER_BYTES_MAX: usize = 200;
/// The most bytes that are kept of its JSON text.
const TEXT_BYTES_MAX: usize = 500;

/// What could be read of an event that cannot be stored. All of it is as the client sent it, cut to
/// a few hundred bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RefusedContent {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The user id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The anonymous id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anonymous_id: Option<String>,
    /// When it happened, by the client's clock, in milliseconds since 1970.
    #[serde(rename = "ts", skip_serializing_if = "Option::is_none")]
    pub ts_ms: Option<i64>,
    /// The beginning of its JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// How long its JSON text is.
    pub bytes: u64,
}

impl RefusedContent {
    /// What is kept of an event with this name, type, user id and anonymous id, this time, and this
    /// JSON text.
    pub fn new(
        [name, kind, user_id, anonymous_id]: [Option<Cow<'_, str>>; 4],
        ts_ms: Option<i64>,
        text: Option<&str>,
    ) -> Self {
        let member = |text: Option<Cow<'_, str>>| text.map(|text| cut(&text, MEMBER_BYTES_MAX));
        Self {
            name: member(name),
            kind: member(kind),
            user_id: member(user_id),
            anonymous_id: member(anonymous_id),
            ts_ms,
            text: text.map(|text| cut(text, TEXT_BYTES_MAX)),
            bytes: text.map_or(0, |text| text.len() as u64),
        }
    }

    /// What is kept of an event that can be read, and cannot be stored because of its number.
    pub fn of(columns: &EventColumns) -> Self {
        let EventColumns { kind, name, user_id, anonymous_id, .. } = columns;
        let texts =
            [Some(name.as_str()), Some(kind.name()), user_id.as_deref(), anonymous_id.as_deref()];
        Self::new(texts.map(|text| text.map(Cow::Borrowed)), columns.ts_ms, None)
    }
}

/// The first `bytes_max` bytes of a text, or a few fewer, so that no character is cut in two.
fn cut(text: &str, bytes_max: usize) -> String {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

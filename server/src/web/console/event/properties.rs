//! What an event holds, as tables and as JSON.

use std::borrow::Cow;
use std::fmt;

use lamplight_wire::json::valid_unicode;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::api::Trace;
use crate::web::console::shown::{self, Markup, foreign};

/// The most rows of a table.
const ROWS_MAX: usize = 500;
/// The most characters of a value in a table, and of a path to it.
const VALUE_CHARS_MAX: usize = 300;
/// How deep a table goes.
const DEPTH_MAX: usize = 24;
/// The most bytes of JSON that are shown.
const JSON_BYTES_MAX: usize = 64 * 1024;

/// What the tabs of properties and of enrichment show.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// What the client sent.
    pub(super) sent: Vec<Table>,
    /// What the server added.
    pub(super) added: Vec<Table>,
}

/// One object of an event.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) rows: Vec<PropertyRow>,
    /// Whether there are more rows than are shown.
    pub(super) is_cut: bool,
    pub(super) json: Markup,
    /// Whether the JSON is longer than what is shown.
    pub(super) is_json_cut: bool,
}

/// One value.
#[derive(Debug)]
pub(super) struct PropertyRow {
    pub(super) path: Markup,
    pub(super) kind: &'static str,
    pub(super) value: Markup,
}

impl Tables {
    pub(super) fn new(trace: &Trace) -> Self {
        let none = || None::<&str>;
        let (sent, added) = match trace {
            Trace::Stored { event, .. } => {
                let row = &event.row;
                (
                    [
                        row.properties_json.as_deref(),
                        row.context_json.as_deref(),
                        row.monitor_json.as_deref(),
                    ],
                    [row.enrichment_json.as_deref(), row.profile_json.as_deref()],
                )
            }
            Trace::Waiting(event) => {
                let columns = event.planned.columns();
                (
                    [
                        columns.and_then(|it| it.properties_json.as_deref()),
                        columns.and_then(|it| it.context_json.as_deref()),
                        columns.and_then(|it| it.monitor_json.as_deref()),
                    ],
                    [none(), none()],
                )
            }
            Trace::Refused { event, .. } => {
                let text = event.content.as_ref().and_then(|it| it.text.as_deref());
                return Self {
                    sent: text.map(|text| Table::new("event", text)).into_iter().collect(),
                    added: Vec::new(),
                };
            }
            Trace::Missing(_) => ([none(), none(), none()], [none(), none()]),
        };
        let tables = |names: &[&'static str], texts: &[Option<&str>]| {
            let pairs = names.iter().zip(texts);
            pairs.filter_map(|(name, text)| text.map(|text| Table::new(name, text))).collect()
        };
        Self {
            sent: tables(&["properties", "context", "monitor"], &sent),
            added: tables(&["enrichment", "profile"], &added),
        }
    }
}

impl Table {
    fn new(name: &'static str, text: &str) -> Self {
        let text = valid_unicode(text);
        let mut rows = Vec::new();
        if let Ok(Members(members)) = serde_json::from_str(&text) {
            for (key, value) in members {
                add(&mut rows, &key, value.get(), 1);
            }
        }
        let is_cut = rows.len() > ROWS_MAX;
        rows.truncate(ROWS_MAX);
        let mut end = text.len().min(JSON_BYTES_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let is_json_cut = end < text.len();
        Self { name, rows, is_cut, json: shown::json(&text[..end]), is_json_cut }
    }
}

/// Adds a value, or those in it.
fn add(rows: &mut Vec<PropertyRow>, path: &str, json: &str, depth: usize) {
    if rows.len() > ROWS_MAX {
        return;
    }
    let first = json.as_bytes().first().copied().unwrap_or_default();
    let kind = match first {
        b'{' => "object",
        b'[' => "array",
        b'"' => "text",
        b't' | b'f' => "true or false",
        b'n' => "null",
        _ => "number",
    };
    if depth < DEPTH_MAX {
        match first {
            b'{' => {
                if let Ok(Members(members)) = serde_json::from_str(json)
                    && !members.is_empty()
                {
                    for (key, value) in members {
                        add(rows, &format!("{path}.{key}"), value.get(), depth + 1);
                    }
                    return;
                }
            }
            b'[' => {
                if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(json)
                    && !items.is_empty()
                {
                    for (at, value) in items.into_iter().enumerate() {
                        add(rows, &format!("{path}[{at}]"), value.get(), depth + 1);
                    }
                    return;
                }
            }
            _ => {}
        }
    }
    let text: Cow<'_, str> = match serde_json::from_str::<String>(json) {
        Ok(text) if first == b'"' => text.into(),
        _ => json.into(),
    };
    let value = foreign(&text, VALUE_CHARS_MAX);
    rows.push(PropertyRow { path: foreign(path, VALUE_CHARS_MAX), kind, value });
}

/// The members of an object in their order, with those that are there twice.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(json: &str) -> Vec<(String, &'static str, String)> {
        let plain = |text: &Markup| text.0.replace("<bdi>", "").replace("</bdi>", "");
        let table = Table::new("properties", json);
        table.rows.iter().map(|row| (plain(&row.path), row.kind, plain(&row.value))).collect()
    }

    #[test]
    fn nested_values_have_their_paths_and_numbers_all_their_digits() {
        let row = |path: &str, kind, value: &str| (path.to_owned(), kind, value.to_owned());
        assert_eq!(
            rows(r#"{"a":{"b":[1.500,"x"],"c":{}},"a":null,"d":12345678901234567890}"#),
            [
                row("a.b[0]", "number", "1.500"),
                row("a.b[1]", "text", "x"),
                row("a.c", "object", "{}"),
                row("a", "null", "null"),
                row("d", "number", "12345678901234567890"),
            ]
        );
    }

    #[test]
    fn hostile_values_are_harmless_and_cut() {
        let shown = rows("{\"<b>\":\"\\u202e\\u0000<script>\",\"half\":\"\\ud800\"}");
        assert_eq!(shown[0].0, "&lt;b&gt;");
        assert_eq!(shown[0].2, "\\u{202e}\\u{0}&lt;script&gt;");
        assert_eq!(shown[1].2, "\u{fffd}");
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(40_000));
        assert_eq!(rows(&long)[0].2.chars().count(), VALUE_CHARS_MAX + 1);
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100), "]".repeat(100));
        assert_eq!(rows(&deep).len(), 1);
        let many = format!("{{\"a\":[{}1]}}", "1,".repeat(5_000));
        assert_eq!(rows(&many).len(), ROWS_MAX);
        assert_eq!(rows("[1]").len(), 0);
    }
}

//! When two JSON values are equal.

use std::borrow::Cow;
use std::fmt;

use lamplight_wire::json;
use lamplight_wire::limits::DEPTH_MAX;
use serde_json::value::RawValue;

use super::number;

/// A JSON value in the one spelling that all equal values share. Types stay apart: `true` and
/// `"true"` differ. Numbers are equal by their exact value, texts by their characters, whatever
/// their escapes, and objects by their members in any order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CanonicalJson(String);

impl CanonicalJson {
    /// The canonical form of a valid JSON text.
    pub fn of(json: &str) -> Self {
        let mut out = String::with_capacity(json.len());
        push(&mut out, json.trim_ascii(), DEPTH_MAX);
        Self(out)
    }

    /// The canonical form of a valid JSON text, copied only if it is spelled in another way.
    pub(super) fn text_of(json: &str) -> Cow<'_, str> {
        // Most values are texts without escapes, which are spelled in one way only.
        if json.starts_with('"') && !json.contains('\\') {
            return Cow::Borrowed(json);
        }
        Cow::Owned(Self::of(json).0)
    }

    /// A JSON string with this text.
    pub fn string(text: &str) -> Self {
        let mut out = String::with_capacity(text.len() + 2);
        push_string(&mut out, text);
        Self(out)
    }

    /// What a person wrote: JSON if it is JSON, otherwise text. `None` for `null`.
    pub fn written(text: &str) -> Option<Self> {
        let text = json::valid_unicode(text);
        match serde_json::from_str::<&RawValue>(&text) {
            Ok(json) if json.get() == "null" => None,
            Ok(json) => Some(Self::of(json.get())),
            Err(_) => Some(Self::string(&text)),
        }
    }

    /// Whether a valid JSON text has this value.
    pub fn is(&self, json: &str) -> bool {
        self.0.starts_with('"') == json.starts_with('"') && self.0 == Self::text_of(json)
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CanonicalJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Appends a value. What nests deeper than any event can is left as it is.
fn push(out: &mut String, json: &str, levels: usize) {
    match json.as_bytes().first() {
        Some(b'{') if levels > 0 => push_object(out, json, levels - 1),
        Some(b'[') if levels > 0 => push_array(out, json, levels - 1),
        Some(b'"') if json.contains('\\') => {
            push_string(out, &json::string(json).unwrap_or_default());
        }
        Some(b'-' | b'0'..=b'9') => number::push(out, json),
        _ => out.push_str(json),
    }
}

fn push_object(out: &mut String, json: &str, levels: usize) {
    let mut members = json::members(json).unwrap_or_default();
    members.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    out.push('{');
    for (index, (name, value)) in members.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        push_string(out, name);
        out.push(':');
        push(out, value.get(), levels);
    }
    out.push('}');
}

fn push_array(out: &mut String, json: &str, levels: usize) {
    let elements = json::elements(json).unwrap_or_default();
    out.push('[');
    for (index, value) in elements.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        push(out, value, levels);
    }
    out.push(']');
}

/// Escapes only what must be escaped, so that a string without escapes is its own canonical form.
fn push_string(out: &mut String, text: &str) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_values_have_one_spelling_and_types_stay_apart() {
        for (want, spellings) in [
            (r#""é\u0000/""#, &[r#""é\u0000/""#, r#""\u00e9\u0000\/""#, r#""\u00E9\u0000/""#][..]),
            ("true", &["true", " true "]),
            (r#""true""#, &[r#""true""#, r#""tr\u0075e""#]),
            ("[1,\"1\",null]", &["[1,\"1\",null]", " [ 1.0 , \"\\u0031\",null]"]),
            (r#"{"a":2,"b":[]}"#, &[r#"{"b":[],"a":2}"#, r#"{"a":1,"\u0061":2e0, "b": [ ]}"#]),
        ] {
            for spelling in spellings {
                assert_eq!(CanonicalJson::of(spelling).as_str(), want, "{spelling}");
                assert!(CanonicalJson::of(want).is(spelling), "{spelling}");
            }
        }
        assert!(!CanonicalJson::of("true").is("\"true\""));
        assert!(!CanonicalJson::of("\"1\"").is("1"));
    }

    #[test]
    fn what_a_person_writes_is_json_or_text() {
        for (text, want) in [
            ("pro", Some("\"pro\"")),
            ("25", Some("25")),
            ("2.50e1", Some("25")),
            ("\"25\"", Some("\"25\"")),
            ("true", Some("true")),
            ("null", None),
            ("\"null\"", Some("\"null\"")),
            ("", Some("\"\"")),
            ("007", Some("\"007\"")),
            ("{\"x\": [1]}", Some("{\"x\":[1]}")),
            (r#""cut \ud83d""#, Some("\"cut \u{fffd}\"")),
        ] {
            let written = CanonicalJson::written(text);
            assert_eq!(written.as_ref().map(CanonicalJson::as_str), want, "{text}");
        }
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert_eq!(CanonicalJson::written(&deep).unwrap().as_str(), deep);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic_and_only_once(text in r#"([\[\]{}",:0-9eE.\\u-]|null|true|é){0,30}"#) {
            if let Some(written) = CanonicalJson::written(&text) {
                prop_assert_eq!(&CanonicalJson::of(written.as_str()), &written);
                prop_assert_eq!(CanonicalJson::written(written.as_str()), Some(written));
            }
        }
    }
}

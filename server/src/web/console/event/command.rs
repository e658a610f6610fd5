//! A command that sends an event again.

use std::fmt::Write;

use http::HeaderMap;
use http::header::HOST;
use lamplight_wire::batch;

use super::subject::Subject;
use crate::formats::lamplight;
use crate::store::KeptPayload;

/// The longest event that a command can hold. The arguments of a command have limits.
const EVENT_BYTES_MAX: usize = 64 * 1024;

/// A command for a shell.
#[derive(Debug)]
pub(super) struct Command(pub(super) String);

impl Command {
    /// The command that sends the event of a payload again. `None` if it cannot be read, or is too
    /// long.
    pub(super) fn new(kept: &KeptPayload, subject: &Subject, headers: &HeaderMap) -> Option<Self> {
        let text = lamplight::text(kept.metadata.encoding, &kept.body).ok()?;
        let body = batch::Body::read(&text).ok()?;
        let event = body.events.get(subject.index as usize)?;
        if event.len() > EVENT_BYTES_MAX {
            return None;
        }
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
        let forwarded = headers.get("x-forwarded-proto").and_then(|it| it.to_str().ok());
        let scheme = if forwarded.is_some_and(|it| it.eq_ignore_ascii_case("https")) {
            "https"
        } else {
            "http"
        };
        Some(Self(format!(
            "curl {} \\\n  -H 'authorization: Bearer YOUR_WRITE_KEY' \\\n  -H 'content-type: application/json' \\\n  \
             --data-binary {}",
            quoted(&format!("{scheme}://{host}/v1/events")),
            quoted(&ascii(&format!("[{event}]")))
        )))
    }
}

/// Text as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The same JSON in ASCII. Only texts in it have other characters, so they can be escaped there.
/// What is white space between values becomes a space.
fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for char in json.chars() {
        match char {
            ' '..='~' => out.push(char),
            '\n' | '\r' | '\t' => out.push(' '),
            _ => {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn json_stays_the_same_in_ascii() {
        let json = "{\n\t\"a\": \"é🙂\u{202e}'\\n\"}";
        let plain = ascii(json);
        assert_eq!(plain, r#"{  "a": "\u00e9\ud83d\ude42\u202e'\n"}"#);
        let [one, other] =
            [json, &plain].map(|it| serde_json::from_str::<serde_json::Value>(it).unwrap());
        assert_eq!(one, other);
    }

    proptest! {
        #[test]
        fn a_shell_reads_the_same_bytes(text in "[^\u{0}]{0,60}") {
            let value = serde_json::json!([{"name": "a", "properties": {"x": text}}]).to_string();
            let word = quoted(&ascii(&value));
            let printed = std::process::Command::new("sh")
                .args(["-c", &format!("printf %s {word}")])
                .output()
                .unwrap();
            let printed: serde_json::Value = serde_json::from_slice(&printed.stdout).unwrap();
            prop_assert_eq!(printed, serde_json::from_str::<serde_json::Value>(&value).unwrap());
        }
    }
}

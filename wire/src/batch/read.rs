//! Reading a request body. Only its shape is checked; problems of a single event become its outcome
//! later.

use std::fmt;

use memchr::memchr2;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::ProducerNote;
use super::producer_notes::ProducerNotes;
use crate::time::SentAt;
use crate::{Producer, limits};

/// Why a body is not a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyError {
    /// The text is not JSON. Contains the parser's message, which quotes no values.
    NotJson(String),
    /// It is JSON, but not an array of events, an event, or a batch object.
    NotEvents(String),
    /// It holds more than [`limits::EVENTS_MAX`] events.
    TooMany,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson(why) => write!(f, "the body is not JSON: {why}"),
            Self::NotEvents(why) => write!(
                f,
                "the body is not an array of events, one event object, or a batch object: {why}"
            ),
            Self::TooMany => write!(f, "the body has more than {} events", limits::EVENTS_MAX),
        }
    }
}

impl std::error::Error for BodyError {}

/// A request body in any of the three forms, parsed as far as intake needs it.
#[derive(Debug, Clone, Default)]
pub struct Body<'a> {
    /// When it was sent, by the client's clock. One that is no time does not fail the request: only
    /// the correction of the client's clock is missing then.
    pub sent_at: SentAt,
    /// What it declares about producers.
    pub producers: Vec<(Producer, ProducerNote)>,
    /// The JSON text of each event, in order. Each is an object.
    pub events: Vec<&'a str>,
    /// Whether it asks which numbers of its producers have arrived.
    pub asks_arrived: bool,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    sent_at: Option<&'a RawValue>,
    #[serde(default)]
    producers: ProducerNotes,
    #[serde(borrow)]
    events: Option<Events<'a>>,
    name: Option<IgnoredAny>,
    #[serde(borrow)]
    ask_arrived: Option<&'a RawValue>,
}

impl<'a> Body<'a> {
    /// Reads a body in any of the three forms. The text has gone through
    /// [`crate::json::valid_unicode`]. It may begin with a byte order mark.
    ///
    /// # Errors
    /// [`BodyError`] when the body has none of the three forms or is over a limit.
    pub fn read(text: &'a str) -> Result<Self, BodyError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_ascii();
        check_depth(text)?;
        match text.as_bytes().first() {
            Some(b'[') => {
                let events: Events<'a> = serde_json::from_str(text).map_err(|e| explain(&e))?;
                Ok(Self { events: events.checked()?, ..Self::default() })
            }
            Some(b'{') => Self::read_object(text),
            Some(_) => match serde_json::from_str::<IgnoredAny>(text) {
                Ok(_) => Err(BodyError::NotEvents(
                    "it is a single value such as a number or a string".into(),
                )),
                Err(error) => Err(explain(&error)),
            },
            None => Err(BodyError::NotJson("it is empty".into())),
        }
    }

    fn read_object(text: &'a str) -> Result<Self, BodyError> {
        let envelope: Envelope<'a> = serde_json::from_str(text).map_err(|e| explain(&e))?;
        let Some(events) = envelope.events else {
            return if envelope.name.is_some() {
                Ok(Self { events: vec![text], ..Self::default() })
            } else {
                Err(BodyError::NotEvents("the object has neither `events` nor `name`".into()))
            };
        };
        let ProducerNotes(producers) = envelope.producers;
        let sent_at = envelope.sent_at.map_or(SentAt::Absent, |json| SentAt::read(json.get()));
        // Any other value asks nothing: events must not be refused for a question.
        let asks_arrived = envelope.ask_arrived.is_some_and(|json| json.get() == "true");
        Ok(Self { sent_at, producers, events: events.checked()?, asks_arrived })
    }
}

fn explain(error: &serde_json::Error) -> BodyError {
    match error.classify() {
        serde_json::error::Category::Data => BodyError::NotEvents(error.to_string()),
        _ => BodyError::NotJson(error.to_string()),
    }
}

/// Refuses nesting beyond the limit before any parser sees it. Strings are skipped. Whether the
/// text is JSON at all is left to the parser.
fn check_depth(text: &str) -> Result<(), BodyError> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            // Most of a body is strings, so they are skipped many bytes at a time.
            b'"' => at = string_end(bytes, at + 1),
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limits::DEPTH_MAX {
            return Err(BodyError::NotEvents(format!(
                "it nests deeper than {} levels at byte {at}",
                limits::DEPTH_MAX
            )));
        }
        at += 1;
    }
    Ok(())
}

/// The end of the string whose text begins at `at`: its closing quote, or the end of the body.
fn string_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found;
        if bytes.get(at) == Some(&b'"') {
            return at;
        }
        // An escaped character does not end the string.
        at += 2;
    }
    bytes.len()
}

/// The elements of an array, at most one more than the limit, so that a body with a million tiny
/// elements costs little.
#[derive(Debug, Default)]
struct Events<'a>(Vec<&'a RawValue>);

impl<'a> Events<'a> {
    fn checked(self) -> Result<Vec<&'a str>, BodyError> {
        if self.0.len() > limits::EVENTS_MAX {
            return Err(BodyError::TooMany);
        }
        let texts: Vec<&'a str> = self.0.into_iter().map(RawValue::get).collect();
        match texts.iter().position(|text| !text.starts_with('{')) {
            Some(index) => Err(BodyError::NotEvents(format!("event {index} is not an object"))),
            None => Ok(texts),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Events<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(EventsVisitor)
    }
}

/// Most requests have no more events than this, so their list never has to grow.
const USUAL_EVENTS: usize = 16;

struct EventsVisitor;

impl<'de> Visitor<'de> for EventsVisitor {
    type Value = Events<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut events = Vec::with_capacity(USUAL_EVENTS);
        while let Some(event) = elements.next_element::<&'de RawValue>()? {
            events.push(event);
            if events.len() > limits::EVENTS_MAX {
                // Over the limit: keep reading without storing, so that broken JSON is still
                // reported as such.
                while elements.next_element::<IgnoredAny>()?.is_some() {}
                break;
            }
        }
        Ok(Events(events))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same, one byte at a time.
    fn depth(text: &str) -> usize {
        let (mut depth, mut deepest, mut in_string, mut escaped) = (0usize, 0, false, false);
        for byte in text.bytes() {
            match (in_string, byte) {
                (true, _) if escaped => escaped = false,
                (true, b'\\') => escaped = true,
                (_, b'"') => in_string = !in_string,
                (false, b'[' | b'{') => depth += 1,
                (false, b']' | b'}') => depth = depth.saturating_sub(1),
                _ => {}
            }
            deepest = deepest.max(depth);
        }
        deepest
    }

    proptest! {
        #[test]
        fn nesting_counts_only_outside_strings(
            text in r#"(\[|\{|\[\[\[|"|\\|\\"|"a\[b\\"c"|\]|\}|é| ){0,120}"#,
        ) {
            let is_too_deep = depth(&text) > limits::DEPTH_MAX;
            prop_assert_eq!(check_depth(&text).is_err(), is_too_deep);
        }
    }

    #[test]
    fn the_nesting_limit_is_exact() {
        for (deeper, is_too_deep) in [(0, false), (1, true)] {
            let text = "[".repeat(limits::DEPTH_MAX + deeper);
            assert_eq!(check_depth(&text).is_err(), is_too_deep);
            assert_eq!(check_depth(&format!("[\"{text}\\\"{text}\"]")), Ok(()));
        }
    }
}

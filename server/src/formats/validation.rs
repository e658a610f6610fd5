//! What would become of the events of a body, without storing any.
//!
//! Reads the body with the functions that intake and the process stage use, so the answer is what
//! they would do.

use std::collections::HashSet;

use lamplight_wire::batch::Body;
use lamplight_wire::event::{Difference, Differences, Event, EventIdentity};
use lamplight_wire::json;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use super::lamplight::FormatError;
use crate::store::Outcome;

/// The answer about a whole body.
#[derive(Debug)]
pub struct Validation {
    /// Events in the body.
    pub events: u32,
    /// The answer in JSON.
    pub json: Vec<u8>,
}

/// What would become of the events of a body.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Validation")]
pub struct ValidationJson<'a> {
    /// Never `OK`, so that no client takes the events for stored.
    #[schemars(extend("const" = "validated"))]
    status: &'static str,
    stored: usize,
    duplicates: usize,
    invalid: usize,
    events: Vec<EventJson<'a>>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ValidatedEvent")]
struct EventJson<'a> {
    index: usize,
    /// The id that the client gave it, or `<producer>-<seq>`.
    id: Option<String>,
    name: Option<&'a str>,
    r#type: Option<&'static str>,
    #[schemars(extend("enum" = ["stored", "duplicate", "invalid"]))]
    state: &'static str,
    reason: Option<&'static str>,
    detail: Option<&'a str>,
    /// Members that are stored differently from how they were sent.
    changed: Vec<ChangeJson<'a>>,
    /// Members that are not stored.
    ignored: &'a [std::borrow::Cow<'a, str>],
    /// Whether half of a surrogate pair is stored as U+FFFD.
    replaced: bool,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ChangedMember")]
struct ChangeJson<'a> {
    member: &'static str,
    #[schemars(with = "serde_json::Value")]
    sent: Option<&'a RawValue>,
    #[schemars(with = "serde_json::Value")]
    stored: Option<&'a RawValue>,
}

/// Says what would become of each event of the text of a body, if none of them had arrived before.
///
/// # Errors
/// [`FormatError`] when the body would be refused.
pub fn validate(raw: &str) -> Result<Validation, FormatError> {
    let text = json::valid_unicode(raw);
    let events = Body::read(&text)?.events;
    let read: Vec<_> = events.iter().map(|text| read(text)).collect();
    let mut seen = HashSet::new();
    let states: Vec<Outcome> = read.iter().map(|event| event.outcome(&mut seen)).collect();
    let count = |wanted| states.iter().filter(|state| **state == wanted).count();
    let answers = read.iter().zip(&states).zip(&events).enumerate();
    let answer = ValidationJson {
        status: "validated",
        stored: count(Outcome::Stored),
        duplicates: count(Outcome::Duplicate),
        invalid: count(Outcome::Invalid),
        events: answers
            .map(|(index, ((event, state), text_of_event))| {
                // Repairing changes no offset.
                let at = text_of_event.as_ptr().addr() - text.as_ptr().addr();
                let replaced = raw.get(at..at + text_of_event.len()) != Some(*text_of_event);
                event.json(index, *state, replaced)
            })
            .collect(),
    };
    Ok(Validation {
        events: u32::try_from(events.len()).unwrap_or(u32::MAX),
        json: serde_json::to_vec(&answer).unwrap_or_default(),
    })
}

/// An event, as far as it can be read.
struct ReadEvent<'a> {
    identity: EventIdentity<'a>,
    event: Result<Event<'a>, lamplight_wire::event::Invalid>,
    differences: Differences<'a>,
}

fn read(text: &str) -> ReadEvent<'_> {
    match Event::read(text) {
        Ok(event) => ReadEvent {
            identity: event.identity.clone(),
            differences: Differences::new(&event, text),
            event: Ok(event),
        },
        Err(invalid) => ReadEvent {
            identity: EventIdentity::of_refused(text),
            differences: Differences::default(),
            event: Err(invalid),
        },
    }
}

impl<'a> ReadEvent<'a> {
    /// How the event would end, after the events with the identities in `seen`.
    fn outcome(&self, seen: &mut HashSet<EventIdentity<'a>>) -> Outcome {
        let is_first = match &self.identity {
            EventIdentity::Anonymous => true,
            // An invalid event does not use its id up.
            EventIdentity::ClientId(_) if self.event.is_err() => !seen.contains(&self.identity),
            _ => seen.insert(self.identity.clone()),
        };
        match &self.event {
            _ if !is_first => Outcome::Duplicate,
            Ok(_) => Outcome::Stored,
            Err(_) => Outcome::Invalid,
        }
    }

    fn json(&self, index: usize, state: Outcome, replaced: bool) -> EventJson<'_> {
        let event = self.event.as_ref().ok();
        let invalid = self.event.as_ref().err().filter(|_| state == Outcome::Invalid);
        EventJson {
            index,
            id: match &self.identity {
                EventIdentity::Numbered(producer, seq) => Some(format!("{producer}-{seq}")),
                EventIdentity::ClientId(id) => Some(id.to_string()),
                EventIdentity::Anonymous => None,
            },
            name: event.map(|event| event.name.as_ref()),
            r#type: event.map(|event| event.kind.name()),
            state: state.name(),
            reason: invalid.map(|invalid| invalid.reason.code()),
            detail: invalid.map(|invalid| invalid.detail.as_str()),
            changed: self.differences.changed.iter().map(change).collect(),
            ignored: &self.differences.ignored,
            replaced,
        }
    }
}

fn change<'a>(difference: &'a Difference<'_>) -> ChangeJson<'a> {
    let raw = |json: &'a str| serde_json::from_str(json).ok();
    ChangeJson {
        member: difference.member,
        sent: raw(difference.sent_json),
        stored: difference.stored_json.as_deref().and_then(raw),
    }
}

//! An event that cannot be stored: what identifies it, and what a person needs to find its sender
//! and to correct it.

use std::borrow::Cow;

use lamplight_wire::event::Invalid;
use lamplight_wire::time::ClientTime;
use lamplight_wire::{Producer, limits};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::store::{EventIdentity, PlannedOutcome, RefusedContent};

/// The members that are shown. Each is read on its own, because any of them may be what is wrong.
#[derive(Default, Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    producer: Option<&'a RawValue>,
    #[serde(borrow)]
    seq: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    user: Option<&'a RawValue>,
    #[serde(borrow)]
    ts: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct User<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    anonymous_id: Option<&'a RawValue>,
}

/// What an event becomes that cannot be stored.
pub(super) fn refuse(text: &str, invalid: Invalid) -> (EventIdentity, PlannedOutcome) {
    let members: Members<'_> = serde_json::from_str(text).unwrap_or_default();
    let Invalid { reason, detail } = invalid;
    let content = Box::new(content(text, &members));
    (identity(&members), PlannedOutcome::Refuse { reason, detail, content })
}

/// The identity of an event that cannot be stored. Its sequence number arrived, so it is no hole,
/// and a repetition is a duplicate.
fn identity(members: &Members<'_>) -> EventIdentity {
    let producer: Option<Producer> = members
        .producer
        .and_then(|json| serde_json::from_str::<Cow<'_, str>>(json.get()).ok())
        .and_then(|name| Producer::parse(&name));
    let seq = members
        .seq
        .and_then(|json| serde_json::from_str::<u64>(json.get()).ok())
        .filter(|seq| (1..=limits::SEQ_MAX).contains(seq));
    let name = members
        .id
        .and_then(|json| serde_json::from_str::<String>(json.get()).ok())
        .filter(|name| (1..=limits::ID_BYTES_MAX).contains(&name.len()));
    match (members.producer.is_some() || members.seq.is_some(), producer, seq, name) {
        (_, Some(producer), Some(seq), _) => EventIdentity::Numbered(producer, seq),
        (false, _, _, Some(name)) => EventIdentity::ClientId(name),
        _ => EventIdentity::Anonymous,
    }
}

fn content(text: &str, members: &Members<'_>) -> RefusedContent {
    let user: User<'_> =
        members.user.and_then(|json| serde_json::from_str(json.get()).ok()).unwrap_or_default();
    let ts = members.ts.and_then(|json| ClientTime::read(json.get()));
    RefusedContent::new(
        [members.name, members.kind, user.id, user.anonymous_id].map(|json| json.map(as_text)),
        ts.map(|ts| ts.ms),
        Some(text),
    )
}

/// Text as it is, anything else as its JSON text.
fn as_text(json: &RawValue) -> Cow<'_, str> {
    serde_json::from_str::<String>(json.get()).map_or(Cow::Borrowed(json.get()), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lamplight_wire::event::Event;
    use proptest::prelude::*;

    const P: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

    fn refused(text: &str) -> (EventIdentity, RefusedContent) {
        match refuse(text, Event::read(text).unwrap_err()) {
            (identity, PlannedOutcome::Refuse { content, .. }) => (identity, *content),
            (_, PlannedOutcome::Store(_)) => unreachable!(),
        }
    }

    #[test]
    fn an_event_that_cannot_be_stored_keeps_its_number_or_its_id() {
        let (identity, _) = refused(&format!(r#"{{"producer":"{P}","seq":3,"properties":{{}}}}"#));
        assert_eq!(identity, EventIdentity::Numbered(Producer::parse(P).unwrap(), 3));
        let identity = |text| refused(text).0;
        assert_eq!(identity(r#"{"id":"x","ts":"no"}"#), EventIdentity::ClientId("x".into()));
        assert_eq!(identity(r#"{"name":"a","producer":"no","seq":1}"#), EventIdentity::Anonymous);
        assert_eq!(identity(r#"{"name":7}"#), EventIdentity::Anonymous);
    }

    #[test]
    fn whatever_can_be_read_of_it_is_kept() {
        let text = r#"{"name":"paid","type":"trace","ts":1790000000,"user":{"id":7,"anonymous_id":"a\u00e9"}}"#;
        let (_, content) = refused(text);
        assert_eq!(
            (content.name.as_deref(), content.kind.as_deref()),
            (Some("paid"), Some("trace"))
        );
        assert_eq!(content.user_id.as_deref(), Some("7"));
        assert_eq!(content.anonymous_id.as_deref(), Some("a\u{e9}"));
        assert_eq!(content.ts_ms, Some(1_790_000_000_000));
        assert_eq!((content.text.as_deref(), content.bytes), (Some(text), text.len() as u64));
        let (_, content) = refused(r#"{"name":[1],"ts":"no","user":"ann"}"#);
        assert_eq!((content.name.as_deref(), content.ts_ms), (Some("[1]"), None));
        assert_eq!(content.user_id, None);
        let (_, content) = refused(r#"{"name":"a","name":"b"}"#);
        assert_eq!(content.name, None, "two names");
        assert!(content.text.unwrap().contains("\"b\""));
    }

    proptest! {
        #[test]
        fn what_is_kept_is_small_whatever_the_event_is(
            name in ".{0,600}", user in "(é|\"|a){0,900}", tail in "[a-z]{0,2000}",
        ) {
            let quoted = |text: &str| serde_json::to_string(text).unwrap();
            let text = format!(
                r#"{{"name":{0},"type":{0},"user":{{"id":{1},"anonymous_id":{1}}},"ts":[],"x":"{tail}"}}"#,
                quoted(&name), quoted(&user),
            );
            let (_, content) = refused(&text);
            prop_assert_eq!(content.bytes, text.len() as u64);
            prop_assert!(text.starts_with(content.text.as_deref().unwrap()));
            prop_assert!(name.starts_with(content.name.as_deref().unwrap()));
            let json = serde_json::to_string(&content).unwrap();
            prop_assert!(json.len() < 4_000, "{} bytes", json.len());
            prop_assert_eq!(serde_json::from_str::<RefusedContent>(&json).unwrap(), content);
        }
    }
}

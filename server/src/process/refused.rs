//! An event that cannot be stored: what identifies it, and what a person needs to find its sender
//! and to correct it.

use std::borrow::Cow;

use lamplight_wire::event::{self, Invalid};
use lamplight_wire::json;
use lamplight_wire::time::ClientTime;

use super::parse::identity;
use crate::store::{EventIdentity, PlannedOutcome, RefusedContent};

/// The members that are shown. Each is read on its own, because any of them may be what is wrong.
const MEMBERS: [&str; 4] = ["name", "type", "user", "ts"];

/// What an event becomes that cannot be stored.
pub(super) fn refuse(text: &str, invalid: Invalid) -> (EventIdentity, PlannedOutcome) {
    let Invalid { reason, detail } = invalid;
    let content = Box::new(content(text));
    let identity = identity(event::EventIdentity::of_refused(text));
    (identity, PlannedOutcome::Refuse { reason, detail, content })
}

fn content(text: &str) -> RefusedContent {
    let [name, kind, user, ts] = json::fields(text, MEMBERS).unwrap_or_default();
    let [user_id, anonymous_id] =
        user.and_then(|user| json::fields(user, ["id", "anonymous_id"]).ok()).unwrap_or_default();
    RefusedContent::new(
        [name, kind, user_id, anonymous_id].map(|json| json.map(as_text)),
        ts.and_then(ClientTime::read).map(|ts| ts.ms),
        Some(text),
    )
}

/// Text as it is, anything else as its JSON text.
fn as_text(json: &str) -> Cow<'_, str> {
    json::string(json).unwrap_or(Cow::Borrowed(json))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lamplight_wire::Producer;
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
        let (_, content) = refused(r#"{"name":"a","name":"b","ts":"no"}"#);
        assert_eq!(content.name.as_deref(), Some("b"), "of two members the last one counts");
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

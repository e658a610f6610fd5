//! Users: ids as text or integers, and texts that stand for no user.

use lamplight_wire::event::Event;
use lamplight_wire::reason::InvalidReason;
use lamplight_wire::user::{PLACEHOLDERS, User};

fn user(members: &str) -> Result<User, InvalidReason> {
    let text = format!(r#"{{"name":"a","user":{{{members}}}}}"#);
    Event::read(&text).map(|event| event.user).map_err(|invalid| invalid.reason)
}

#[test]
fn ids_of_users_are_text_or_integers() {
    for (json, want) in [
        (r#""u1""#, Some("u1")),
        (r#"" ann ""#, Some(" ann ")),
        (r#""caf\u00e9""#, Some("caf\u{e9}")),
        ("42", Some("42")),
        ("-7", Some("-7")),
        ("123456789012345678901234567890", Some("123456789012345678901234567890")),
        ("null", None),
    ] {
        let read = user(&format!(r#""id":{json}"#)).unwrap();
        assert_eq!((read.id.as_deref(), read.anonymous_id), (want, None), "{json}");
        let read = user(&format!(r#""anonymous_id":{json}"#)).unwrap();
        assert_eq!((read.id, read.anonymous_id.as_deref()), (None, want), "{json}");
        assert_eq!((read.placeholders.id, read.placeholders.anonymous_id), (None, None));
    }
    for json in ["1.5", "1e3", "-0.0", "true", "[1]", "{}"] {
        for field in ["id", "anonymous_id"] {
            let text = format!(r#"{{"name":"a","user":{{"{field}":{json}}}}}"#);
            let invalid = Event::read(&text).unwrap_err();
            assert_eq!(invalid.reason, InvalidReason::Malformed, "{field} {json}");
            let want =
                format!("`user.{field}` is neither text nor an integer: send one of the two");
            assert_eq!(invalid.detail, want);
        }
    }
}

#[test]
fn a_placeholder_is_no_user_and_the_other_id_counts() {
    let integers = ["0", "-1"].map(|json| (json.to_owned(), json));
    let texts = PLACEHOLDERS.map(|text| (serde_json::to_string(text).unwrap(), text));
    let spaced = PLACEHOLDERS.map(|text| (format!(r#"" {text}\t\u00a0""#), text));
    for (json, text) in integers.into_iter().chain(texts).chain(spaced) {
        let read = user(&format!(r#""id":{json},"anonymous_id":"a1""#)).unwrap();
        assert_eq!((read.id, read.anonymous_id.as_deref()), (None, Some("a1")), "{json}");
        assert_eq!(read.placeholders.id, Some(text), "{json}");
        assert_eq!(read.placeholders.anonymous_id, None);
        let read = user(&format!(r#""id":"ann","anonymous_id":{json}"#)).unwrap();
        assert_eq!((read.id.as_deref(), read.anonymous_id), (Some("ann"), None), "{json}");
        assert_eq!(read.placeholders.anonymous_id, Some(text), "{json}");
    }
}

#[test]
fn an_id_that_only_resembles_a_placeholder_is_an_id() {
    for text in
        ["Null", "none", "nan", "00", "10", "-10", "user-0", "undefined1", "Anonymous7", "a"]
    {
        let read = user(&format!(r#""id":"{text}""#)).unwrap();
        assert_eq!(read.id.as_deref(), Some(text));
        assert_eq!(read.placeholders.id, None, "{text}");
    }
}

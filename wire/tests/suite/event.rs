//! Events: every limit at, below and above it, and events that are read as written.

use lamplight_wire::event::{Event, EventIdentity, EventParts, Kind};
use lamplight_wire::reason::InvalidReason;
use lamplight_wire::{Producer, json, limits};
use proptest::prelude::*;

const P: &str = "014D2PF2DBSQQZXQ5TK1V58CGG";

/// An event with this name and these members.
fn with(members_json: &str) -> String {
    format!(r#"{{"name":"a",{members_json}}}"#)
}

fn reason(json: &str) -> Result<(), InvalidReason> {
    Event::read(json).map(|_| ()).map_err(|invalid| invalid.reason)
}

fn detail(json: &str) -> String {
    Event::read(json).unwrap_err().detail
}

#[test]
fn a_name_has_one_to_two_hundred_bytes() {
    let name = |name: &str| format!(r#"{{"name":"{name}"}}"#);
    for bytes in [1, 2, limits::NAME_BYTES_MAX - 1, limits::NAME_BYTES_MAX] {
        let json = name(&"n".repeat(bytes));
        assert_eq!(Event::read(&json).unwrap().name, "n".repeat(bytes));
    }
    for bytes in [limits::NAME_BYTES_MAX + 1, limits::NAME_BYTES_MAX + 2] {
        let json = name(&"n".repeat(bytes));
        assert_eq!(reason(&json), Err(InvalidReason::NameTooLong));
        let want = format!("`name` has {bytes} bytes; at most 200 are accepted: shorten it");
        assert_eq!(detail(&json), want);
    }
    assert_eq!(reason(&name(&"\u{e9}".repeat(100))), Ok(()));
    assert_eq!(reason(&name(&"\u{e9}".repeat(101))), Err(InvalidReason::NameTooLong));
    assert_eq!(reason(&name("")), Err(InvalidReason::NameMissing));
    assert_eq!(detail(&name("")), "`name` is empty: give it 1 to 200 bytes");
    assert_eq!(detail("{}"), "`name` is missing: give it 1 to 200 bytes");
}

#[test]
fn properties_have_at_most_32_kib_of_json() {
    let properties = |bytes: usize| {
        let text = "x".repeat(bytes - r#"{"a":""}"#.len());
        with(&format!(r#""properties":{{"a":"{text}"}}"#))
    };
    for bytes in [limits::PROPERTIES_BYTES_MAX - 1, limits::PROPERTIES_BYTES_MAX] {
        let json = properties(bytes);
        assert_eq!(Event::read(&json).unwrap().properties_json.map(str::len), Some(bytes));
    }
    for bytes in [limits::PROPERTIES_BYTES_MAX + 1, limits::PROPERTIES_BYTES_MAX + 2] {
        assert_eq!(reason(&properties(bytes)), Err(InvalidReason::PropertiesTooLarge));
        assert!(detail(&properties(bytes)).starts_with(&format!("`properties` has {bytes} bytes")));
    }
    // Text of any size is not an object, which is the more helpful thing to say.
    let text = format!(r#""properties":"{}""#, "x".repeat(limits::PROPERTIES_BYTES_MAX));
    assert_eq!(reason(&with(&text)), Err(InvalidReason::PropertiesInvalid));
}

#[test]
fn a_clients_own_id_has_one_to_sixty_four_bytes() {
    let id = |bytes: usize| with(&format!(r#""id":"{}""#, "i".repeat(bytes)));
    for bytes in [1, 2, limits::ID_BYTES_MAX - 1, limits::ID_BYTES_MAX] {
        let json = id(bytes);
        let want = EventIdentity::ClientId("i".repeat(bytes).into());
        assert_eq!(Event::read(&json).unwrap().identity, want);
    }
    for bytes in [0, limits::ID_BYTES_MAX + 1, limits::ID_BYTES_MAX + 2] {
        assert_eq!(reason(&id(bytes)), Err(InvalidReason::IdInvalid));
        assert_eq!(detail(&id(bytes)), format!("`id` has {bytes} bytes; 1 to 64 are accepted"));
    }
}

#[test]
fn a_number_is_from_one_to_the_largest_and_has_a_producer() {
    let seq = |seq: u64| with(&format!(r#""producer":"{P}","seq":{seq},"id":"i""#));
    for number in [1, 2, limits::SEQ_MAX - 1, limits::SEQ_MAX] {
        let want = EventIdentity::Numbered(Producer::parse(P).unwrap(), number);
        assert_eq!(Event::read(&seq(number)).unwrap().identity, want, "the id does not count");
    }
    for number in [0, limits::SEQ_MAX + 1, u64::MAX] {
        assert_eq!(reason(&seq(number)), Err(InvalidReason::ProducerInvalid), "{number}");
    }
    // Half of an identity is never replaced by the `id`.
    for half in [format!(r#""producer":"{P}","id":"i""#), r#""seq":1,"id":"i""#.into()] {
        assert_eq!(reason(&with(&half)), Err(InvalidReason::ProducerInvalid), "{half}");
    }
    assert_eq!(reason(&with(r#""producer":"p","seq":1"#)), Err(InvalidReason::ProducerInvalid));
    for text in ["-1", "1.5", "18446744073709551616", "\"1\""] {
        let json = with(&format!(r#""producer":"{P}","seq":{text}"#));
        assert_eq!(reason(&json), Err(InvalidReason::Malformed), "{text}");
    }
}

#[test]
fn a_monitor_object_makes_the_default_type_a_monitor_event() {
    let monitor = r#""monitor":{"kind":"increment"}"#;
    for (kind, alone, beside_a_monitor) in [
        ("null", Kind::Default, Kind::Monitor),
        (r#""default""#, Kind::Default, Kind::Monitor),
        (r#""critical""#, Kind::Critical, Kind::Critical),
        (r#""monitor""#, Kind::Monitor, Kind::Monitor),
        (r#""datadog""#, Kind::Monitor, Kind::Monitor),
    ] {
        let read = |members: &str| Event::read(&with(members)).unwrap().kind;
        assert_eq!(read(&format!(r#""type":{kind}"#)), alone, "{kind}");
        assert_eq!(read(&format!(r#""type":{kind},{monitor}"#)), beside_a_monitor, "{kind}");
    }
    let long = with(&format!(r#""type":"{}""#, "t".repeat(60)));
    assert_eq!(reason(&long), Err(InvalidReason::TypeUnknown));
    assert!(detail(&long).starts_with(&format!("`type` {:?} is not one of", "t".repeat(40))));
}

#[test]
fn objects_are_kept_exactly_as_received() {
    let (properties, context) = (r#"{ "a" :[1, 2.50]}"#, r#"{"page":"\u00e9" }"#);
    let monitor = r#"{"kind":"gauge", "value": 2.50,"build":"x"}"#;
    let json = with(&format!(
        r#""properties": {properties} ,"context":{context},"monitor":{monitor},"session":"s1""#
    ));
    let event = Event::read(&json).unwrap();
    assert_eq!(event.properties_json, Some(properties));
    assert_eq!(event.context_json, Some(context));
    assert_eq!(event.monitor.unwrap().1, monitor);
    assert_eq!(event.session.as_deref(), Some("s1"));
    let empty = Event::read(r#"{"name":"a"}"#).unwrap();
    assert!(empty.properties_json.is_none() && empty.context_json.is_none());
    assert!(empty.monitor.is_none() && empty.session.is_none());
    for not_an_object in ["[1]", "1", "\"{}\"", "false"] {
        let json = |field: &str| with(&format!(r#""{field}":{not_an_object}"#));
        assert_eq!(reason(&json("properties")), Err(InvalidReason::PropertiesInvalid));
        assert_eq!(reason(&json("context")), Err(InvalidReason::Malformed));
    }
}

/// A text as it stands between the quotes of a JSON string.
fn inside(text: &str) -> String {
    let mut quoted = String::new();
    json::push_string(&mut quoted, text);
    quoted[1..quoted.len() - 1].to_owned()
}

proptest! {
    #[test]
    fn an_event_is_read_as_it_was_written(
        name in ".{1,50}",
        ts in prop_oneof![0_u64..100_000_000, 10_000_000_000_u64..100_000_000_000_000],
        bits: u128,
        seq in 1..=limits::SEQ_MAX,
        kind in prop_oneof![Just(("", Kind::Default)), Just(("critical", Kind::Critical))],
        session in prop::option::of(".{1,20}"),
        user in prop::option::of(".*[b-d]{3}"),
        properties in prop::option::of(".*"),
        context in prop::option::of(".*"),
    ) {
        let object = |text: &Option<String>| {
            text.as_ref().map(|text| format!(r#"{{"id":"{}"}}"#, inside(text))).unwrap_or_default()
        };
        let (user_json, properties_json, context_json) = (object(&user), object(&properties), object(&context));
        let mut text = String::new();
        let parts = EventParts {
            name: &inside(&name),
            ts,
            producer: Producer::from_bits(bits),
            seq,
            properties_json: &properties_json,
            kind: kind.0,
            user_json: &user_json,
            session: &inside(session.as_deref().unwrap_or_default()),
            context_json: &context_json,
            monitor_json: "",
        };
        parts.push_to(&mut text);
        prop_assert!(text.is_ascii());
        let event = Event::read(&text).unwrap();
        prop_assert_eq!(&event.name, &name);
        prop_assert_eq!(event.ts.map(|ts| ts.ms), i64::try_from(ts).ok());
        prop_assert_eq!(event.identity, EventIdentity::Numbered(Producer::from_bits(bits), seq));
        prop_assert_eq!(event.kind, kind.1);
        prop_assert_eq!(event.session.as_deref(), session.as_deref());
        prop_assert_eq!(event.user.id, user);
        prop_assert_eq!(event.properties_json.unwrap_or_default(), properties_json);
        prop_assert_eq!(event.context_json.unwrap_or_default(), context_json);
    }
}

/// An event whose `field` is this JSON.
fn with_field(field: &str, json: &str) -> String {
    match field.split_once('.') {
        Some((object, member)) => with(&format!(r#""{object}":{{"{member}":{json}}}"#)),
        None => with(&format!(r#""{field}":{json}"#)),
    }
}

fn object_of(bytes: usize, rest: &str) -> String {
    format!(r#"{{{rest}"x":"{}"}}"#, "x".repeat(bytes - rest.len() - 8))
}

/// Makes JSON of this many bytes.
type JsonOfSize<'a> = &'a dyn Fn(usize) -> String;

#[test]
fn every_member_has_a_limit_that_is_named_in_what_is_refused() {
    let text = |bytes: usize| format!(r#""{}""#, "n".repeat(bytes));
    let context = |bytes| object_of(bytes, "");
    let monitor = |bytes| object_of(bytes, r#""kind":"increment","#);
    let digits = |bytes| "7".repeat(bytes);
    let cases: [(&str, usize, JsonOfSize<'_>); 7] = [
        ("session", limits::SESSION_BYTES_MAX, &text),
        ("user.id", limits::USER_ID_UNITS_MAX, &text),
        ("user.anonymous_id", limits::USER_ID_UNITS_MAX, &text),
        ("user.id", limits::USER_ID_UNITS_MAX, &digits),
        ("context", limits::CONTEXT_BYTES_MAX, &context),
        ("monitor", limits::MONITOR_BYTES_MAX, &monitor),
        ("properties", limits::PROPERTIES_BYTES_MAX, &context),
    ];
    for (field, most, json) in cases {
        assert_eq!(reason(&with_field(field, &json(most))), Ok(()), "{field}");
        for over in [most + 1, 7 * most + 9, 900_000] {
            let event = with_field(field, &json(over));
            let invalid = Event::read(&event).unwrap_err();
            let want = match field {
                "properties" => InvalidReason::PropertiesTooLarge,
                _ => InvalidReason::FieldTooLarge,
            };
            assert_eq!(invalid.reason, want, "{field} {over}");
            assert!(invalid.detail.contains(&format!("`{field}`")), "{}", invalid.detail);
            assert!(invalid.detail.contains(&most.to_string()), "{}", invalid.detail);
        }
    }
}

/// What is stored of an event, in bytes.
fn stored_bytes(event: &Event<'_>) -> usize {
    let ids = [&event.user.id, &event.user.anonymous_id];
    let ids: usize = ids.into_iter().flatten().map(String::len).sum();
    let texts = [event.properties_json, event.context_json, event.monitor.as_ref().map(|it| it.1)];
    let texts: usize = texts.into_iter().flatten().map(str::len).sum();
    let identity = match &event.identity {
        EventIdentity::ClientId(id) => id.len(),
        EventIdentity::Numbered(..) | EventIdentity::Anonymous => 0,
    };
    let session = event.session.as_deref().map_or(0, str::len);
    event.name.len() + ids + texts + identity + session
}

proptest! {
    #[test]
    fn no_event_that_is_stored_is_larger_than_its_members_may_be(
        bytes in prop::collection::vec(
            prop_oneof![1_usize..300, 900_usize..1_100, 8_100_usize..8_300, 32_700_usize..40_000],
            7,
        ),
        has in prop::collection::vec(any::<bool>(), 7),
    ) {
        let fields = ["name", "id", "session", "user", "context", "monitor", "properties"];
        let member = |(at, field): (usize, &&str)| {
            let text = "n".repeat(bytes[at]);
            match *field {
                "user" => format!(r#""user":{{"id":"{text}","anonymous_id":"{text}"}}"#),
                "monitor" => format!(r#""monitor":{{"kind":"increment","tags":{{"t":"{text}"}}}}"#),
                "context" | "properties" => format!(r#""{field}":{{"x":"{text}"}}"#),
                field => format!(r#""{field}":"{text}""#),
            }
        };
        let members: Vec<String> =
            fields.iter().enumerate().filter(|(at, _)| has[*at]).map(member).collect();
        let most = limits::NAME_BYTES_MAX + limits::ID_BYTES_MAX + limits::SESSION_BYTES_MAX
            + 6 * limits::USER_ID_UNITS_MAX + limits::CONTEXT_BYTES_MAX
            + limits::MONITOR_BYTES_MAX + limits::PROPERTIES_BYTES_MAX;
        if let Ok(event) = Event::read(&format!("{{{}}}", members.join(","))) {
            prop_assert!(stored_bytes(&event) <= most);
        }
    }
}

#[test]
fn ids_are_counted_as_a_page_counts_them() {
    let most = limits::USER_ID_UNITS_MAX;
    for letter in ["n", "\u{e9}", "\u{65e5}"] {
        let id = |units: usize| with(&format!(r#""user":{{"id":"{}"}}"#, letter.repeat(units)));
        assert_eq!(reason(&id(most)), Ok(()));
        assert_eq!(reason(&id(most + 1)), Err(InvalidReason::FieldTooLarge));
    }
    let emoji = |count: usize| with(&format!(r#""user":{{"id":"{}"}}"#, "\u{1f600}".repeat(count)));
    assert_eq!(reason(&emoji(most / 2)), Ok(()));
    assert_eq!(reason(&emoji(most / 2 + 1)), Err(InvalidReason::FieldTooLarge));
    let escaped = with(&format!(r#""user":{{"id":"{}"}}"#, r"\u65e5".repeat(most)));
    assert_eq!(reason(&escaped), Ok(()));
}

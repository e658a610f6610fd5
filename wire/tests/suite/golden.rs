//! This crate, compared with the golden files of `tests/wire/`.

use std::path::Path;

use lamplight_wire::batch::{Body, BodyError, ProducerNote, push_batch};
use lamplight_wire::event::{Event, EventIdentity, EventParts};
use lamplight_wire::reason::{DropReason, InvalidReason};
use lamplight_wire::{Producer, Ranges, json, limits};
use serde_json::Value;

fn golden(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/wire").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn limits_match_the_golden_file() {
    let want = golden("limits.json");
    let have = serde_json::json!({
        "NAME_BYTES_MAX": limits::NAME_BYTES_MAX,
        "ID_BYTES_MAX": limits::ID_BYTES_MAX,
        "USER_ID_UNITS_MAX": limits::USER_ID_UNITS_MAX,
        "SESSION_BYTES_MAX": limits::SESSION_BYTES_MAX,
        "CONTEXT_BYTES_MAX": limits::CONTEXT_BYTES_MAX,
        "MONITOR_BYTES_MAX": limits::MONITOR_BYTES_MAX,
        "PROPERTIES_BYTES_MAX": limits::PROPERTIES_BYTES_MAX,
        "BODY_BYTES_MAX": limits::BODY_BYTES_MAX,
        "UNPACKED_BYTES_MAX": limits::UNPACKED_BYTES_MAX,
        "EVENTS_MAX": limits::EVENTS_MAX,
        "DEPTH_MAX": limits::DEPTH_MAX,
        "SEQ_MAX": limits::SEQ_MAX,
        "PRODUCERS_MAX": limits::PRODUCERS_MAX,
        "RANGES_MAX": limits::RANGES_MAX,
        "REASONS_MAX": limits::REASONS_MAX,
        "REASON_BYTES_MAX": limits::REASON_BYTES_MAX,
        "KEEPALIVE_BYTES_MAX": limits::KEEPALIVE_BYTES_MAX,
    });
    assert_eq!(have, want);
}

#[test]
fn reason_codes_match_the_golden_file() {
    let want = golden("reasons.json");
    let drop: Vec<&str> = DropReason::ALL.iter().map(|reason| reason.code()).collect();
    let invalid: Vec<&str> = InvalidReason::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(serde_json::json!({ "drop": drop, "invalid": invalid }), want);
    for reason in DropReason::ALL {
        assert_eq!(DropReason::from_code(reason.code()), Some(reason));
    }
}

#[test]
fn producer_names_match_the_golden_file() {
    let golden = golden("producers.json");
    for case in golden["spelled"].as_array().unwrap() {
        let producer = Producer::from_bits(u128::from_str_radix(text(&case["bits"]), 16).unwrap());
        assert_eq!(producer.to_string(), text(&case["name"]));
        assert_eq!(Producer::parse(text(&case["name"])), Some(producer));
    }
    for name in golden["refused"].as_array().unwrap() {
        assert_eq!(Producer::parse(text(name)), None, "{name}");
    }
}

/// The event of a case: as JSON, or as text for what few writers of JSON write.
fn event_text(case: &Value) -> String {
    let written = case["event"].to_string();
    json::valid_unicode(case["text"].as_str().unwrap_or(&written)).into_owned()
}

#[test]
fn events_read_as_the_golden_file_says() {
    for case in golden("events.json").as_array().unwrap() {
        let (title, want) = (text(&case["case"]), &case["want"]);
        let json = event_text(case);
        let event = match Event::read(&json) {
            Err(invalid) => {
                assert_eq!(
                    invalid.reason.code(),
                    want["invalid"].as_str().unwrap_or("valid"),
                    "{title}"
                );
                assert!(!invalid.detail.is_empty(), "{title}");
                continue;
            }
            Ok(event) => event,
        };
        assert_eq!(event.kind.name(), want["kind"].as_str().unwrap_or("invalid"), "{title}");
        let identity = match &event.identity {
            EventIdentity::Numbered(producer, seq) => format!("{producer}-{seq}"),
            EventIdentity::ClientId(id) => id.to_string(),
            EventIdentity::Anonymous => "anonymous".to_owned(),
        };
        assert_eq!(identity, text(&want["identity"]), "{title}");
        assert_eq!(event.user.id.as_deref(), want["user"].as_str(), "{title}");
        if let Some(ts_ms) = want["ts_ms"].as_i64() {
            assert_eq!(event.ts.map(|ts| ts.ms), Some(ts_ms), "{title}");
        }
        if let Some(name) = want["name"].as_str() {
            assert_eq!(event.name, name, "{title}");
        }
        if let Some(value) = want["value"].as_f64() {
            assert!((event.monitor.unwrap().0.value - value).abs() < 1e-9, "{title}");
        }
    }
}

/// The body of a case: literal, or repeated pieces.
fn body_text(case: &Value) -> String {
    if let Some(body) = case["body"].as_str() {
        return body.to_owned();
    }
    case["body_repeat"]
        .as_array()
        .unwrap()
        .chunks(2)
        .map(|piece| text(&piece[0]).repeat(usize::try_from(piece[1].as_u64().unwrap()).unwrap()))
        .collect()
}

#[test]
fn bodies_read_as_the_golden_file_says() {
    for case in golden("bodies.json").as_array().unwrap() {
        let (title, want) = (text(&case["case"]), &case["want"]);
        let body_text = body_text(case);
        let code = match Body::read(&json::valid_unicode(&body_text)) {
            Ok(body) => {
                assert_eq!(Some(body.events.len() as u64), want["events"].as_u64(), "{title}");
                assert_eq!(body.sent_at.ms(), want["sent_at"].as_i64(), "{title}");
                assert_eq!(
                    body.producers.len() as u64,
                    want["producers"].as_u64().unwrap_or(0),
                    "{title}"
                );
                let asks = want["asks_arrived"].as_bool().unwrap_or(false);
                assert_eq!(body.asks_arrived, asks, "{title}");
                continue;
            }
            Err(BodyError::NotJson(_)) => "body_not_json",
            Err(BodyError::NotEvents(_)) => "body_not_events",
            Err(BodyError::TooMany) => "too_many_events",
        };
        assert_eq!(Some(code), want["code"].as_str(), "{title}");
    }
}

/// A JSON text with everything outside ASCII escaped, as the SDK gets it.
fn ascii(json: &str) -> String {
    let escaped = |unit: u16| match u8::try_from(unit) {
        Ok(byte) if byte.is_ascii() => char::from(byte).to_string(),
        _ => format!("\\u{unit:04x}"),
    };
    json.encode_utf16().map(escaped).collect()
}

/// A text escaped as inside a JSON string.
fn inside(text: &str) -> String {
    let quoted = ascii(&serde_json::to_string(text).unwrap());
    quoted[1..quoted.len() - 1].to_owned()
}

#[test]
fn a_batch_is_written_as_in_the_golden_file_and_round_trips() {
    let golden = golden("batch.json");
    let events: Vec<String> = golden["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| {
            let mut out = String::new();
            EventParts {
                name: &inside(text(&event["name"])),
                ts: event["ts"].as_u64().unwrap(),
                producer: Producer::parse(text(&event["producer"])).unwrap(),
                seq: event["seq"].as_u64().unwrap(),
                properties_json: &ascii(text(&event["properties_json"])),
                kind: &inside(text(&event["kind"])),
                user_json: &ascii(text(&event["user_json"])),
                session: text(&event["session"]),
                context_json: &ascii(text(&event["context_json"])),
                monitor_json: &ascii(text(&event["monitor_json"])),
            }
            .push_to(&mut out);
            out
        })
        .collect();
    let producers: Vec<(Producer, ProducerNote)> = golden["producers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|note| {
            let dropped = note["dropped"].as_array().unwrap().iter().map(|entry| {
                let ranges: Vec<(u64, u64)> = serde_json::from_value(entry[1].clone()).unwrap();
                (text(&entry[0]).to_owned(), ranges.into_iter().collect::<Ranges>())
            });
            (
                Producer::parse(text(&note["producer"])).unwrap(),
                ProducerNote { next: note["next"].as_u64().unwrap(), dropped: dropped.collect() },
            )
        })
        .collect();

    let mut out = String::new();
    let sent_at_ms = golden["sent_at_ms"].as_u64().unwrap();
    push_batch(&mut out, sent_at_ms, &producers, events.iter().map(String::as_str));
    assert_eq!(out, text(&golden["text"]));

    let body = Body::read(&out).unwrap();
    assert_eq!(body.sent_at.ms(), Some(i64::try_from(sent_at_ms).unwrap()));
    assert_eq!(body.events, events);
    let mut read = body.producers;
    read.sort_by_key(|(producer, _)| std::cmp::Reverse(*producer));
    assert_eq!(read, producers);
    let first = Event::read(body.events[0]).unwrap();
    assert_eq!(first.name, text(&golden["events"][0]["name"]));
}

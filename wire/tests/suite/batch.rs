//! Request bodies: every limit at, below and above it, and batches that are read as written.

use std::collections::BTreeMap;

use lamplight_wire::batch::{Body, BodyError, ProducerNote, push_batch};
use lamplight_wire::{Producer, Ranges, limits};
use proptest::prelude::*;

const P: &str = "014D2PF2DBSQQZXQ5TK1V58CGG";

/// The number of events, or the problem's code in the server's answer.
fn events(body: &str) -> Result<usize, &'static str> {
    match Body::read(body) {
        Ok(body) => Ok(body.events.len()),
        Err(BodyError::NotJson(_)) => Err("body_not_json"),
        Err(BodyError::NotEvents(_)) => Err("body_not_events"),
        Err(BodyError::TooMany) => Err("too_many_events"),
    }
}

/// What a batch without events declares, or what is wrong with it.
fn notes(producers_json: &str) -> Result<Vec<(Producer, ProducerNote)>, String> {
    let body = format!(r#"{{"producers":{{{producers_json}}},"events":[]}}"#);
    Body::read(&body).map(|body| body.producers).map_err(|error| error.to_string())
}

/// What the batch declares dropped for one producer.
fn dropped(dropped_json: &str) -> Result<Vec<(String, Ranges)>, String> {
    let mut notes = notes(&format!(r#""{P}":{{"next":1,"dropped":{{{dropped_json}}}}}"#))?;
    assert_eq!(notes.len(), 1);
    Ok(notes.remove(0).1.dropped)
}

/// `count` members or elements, separated by commas.
fn list(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(",")
}

#[test]
fn the_limit_of_events_is_exact_in_an_array_and_in_a_batch() {
    let array = |count| format!("[{}]", list(count, |_| r#"{"name":"a"}"#.into()));
    let batch = |count| format!(r#"{{"events":{}}}"#, array(count));
    for count in [0, 1, limits::EVENTS_MAX - 1, limits::EVENTS_MAX] {
        assert_eq!(events(&array(count)), Ok(count));
        assert_eq!(events(&batch(count)), Ok(count));
    }
    for count in [limits::EVENTS_MAX + 1, limits::EVENTS_MAX + 2, 3 * limits::EVENTS_MAX] {
        assert_eq!(events(&array(count)), Err("too_many_events"), "{count}");
        assert_eq!(events(&batch(count)), Err("too_many_events"), "{count}");
    }
}

#[test]
fn broken_json_after_the_limit_of_events_is_still_reported_as_such() {
    let many = list(limits::EVENTS_MAX + 5, |_| "{}".into());
    assert_eq!(events(&format!("[{many}")), Err("body_not_json"));
    assert_eq!(events(&format!("[{many},oops]")), Err("body_not_json"));
}

#[test]
fn the_texts_of_events_are_as_received() {
    let text = " [ {\"name\" : \"\\u00e9\"} ,\n{\"b\":[1, 2]} ] ";
    assert_eq!(Body::read(text).unwrap().events, ["{\"name\" : \"\\u00e9\"}", "{\"b\":[1, 2]}"]);
    let single = Body::read("\t{\"name\": null, \"x\": 1}\n");
    assert!(matches!(single, Err(BodyError::NotEvents(_))), "a name of null is no name");
    assert_eq!(Body::read("\t{\"name\": 1}\n").unwrap().events, ["{\"name\": 1}"]);
}

#[test]
fn the_limit_of_nesting_is_exact_for_arrays_and_objects() {
    // One event's own braces are a level too.
    let arrays = |levels: usize| {
        let inside = levels - 1;
        format!(r#"{{"name":"a","x":{}{}}}"#, "[".repeat(inside), "]".repeat(inside))
    };
    let objects = |levels: usize| {
        let inside = levels - 1;
        format!(r#"{{"name":"a","x":{}1{}}}"#, r#"{"x":"#.repeat(inside), "}".repeat(inside))
    };
    for levels in [2, limits::DEPTH_MAX - 1, limits::DEPTH_MAX] {
        assert_eq!(events(&arrays(levels)), Ok(1), "{levels} levels");
        assert_eq!(events(&objects(levels)), Ok(1), "{levels} levels");
    }
    assert_eq!(events(&arrays(limits::DEPTH_MAX + 1)), Err("body_not_events"));
    assert_eq!(events(&objects(limits::DEPTH_MAX + 1)), Err("body_not_events"));
}

#[test]
fn strings_neither_nest_nor_hide_the_nesting_that_follows() {
    let brackets = "[".repeat(2 * limits::DEPTH_MAX);
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    // Strings that end after an escape, an escaped quote, or nothing at all.
    for string in [
        String::new(),
        brackets.clone(),
        format!(r#"{brackets}\""#),
        format!(r#"\"{brackets}"#),
        format!(r"{brackets}\\"),
        format!(r#"a\"b\"{brackets}\"c\\\\\""#),
    ] {
        let body = |levels| format!(r#"[{{"name":"{string}"}},{{"x":{}}}]"#, deep(levels));
        // The array and the event are two levels.
        assert_eq!(events(&body(limits::DEPTH_MAX - 2)), Ok(2), "after {string:?}");
        assert_eq!(
            events(&body(limits::DEPTH_MAX - 1)),
            Err("body_not_events"),
            "after {string:?}"
        );
    }
    // A string that never ends hides nothing that could be read.
    assert_eq!(events(r#"["a"#), Err("body_not_json"));
    assert_eq!(events(r#"["a\"#), Err("body_not_json"));
    assert_eq!(events(r#"["a\""#), Err("body_not_json"));
}

#[test]
fn the_place_of_too_deep_nesting_is_named() {
    let body = format!(r#"["a",{}"#, "[".repeat(limits::DEPTH_MAX));
    let error = Body::read(&body).unwrap_err().to_string();
    let place = body.len() - 1;
    assert!(error.ends_with(&format!("it nests deeper than 64 levels at byte {place}")), "{error}");
}

#[test]
fn the_limit_of_producers_is_exact_and_repeated_names_count_once() {
    let named = |bits: usize| format!(r#""{}":{{"next":2}}"#, Producer::from_bits(bits as u128));
    for count in [0, 1, limits::PRODUCERS_MAX - 1, limits::PRODUCERS_MAX] {
        assert_eq!(notes(&list(count, named)).unwrap().len(), count);
    }
    let error = notes(&list(limits::PRODUCERS_MAX + 1, named)).unwrap_err();
    assert!(
        error.contains("invalid length 101, expected an object of at most 100 producers"),
        "{error}"
    );

    let repeated = format!(
        "{},{}",
        list(limits::PRODUCERS_MAX, named),
        r#""00000000000000000000000000":{"next":7}"#
    );
    let notes = notes(&repeated).unwrap();
    assert_eq!(notes.len(), limits::PRODUCERS_MAX);
    assert_eq!(notes[0].1.next, 7, "the last value of a repeated name counts");
}

#[test]
fn the_next_number_is_at_most_one_above_the_largest() {
    let next =
        |next: u64| notes(&format!(r#""{P}":{{"next":{next}}}"#)).map(|notes| notes[0].1.next);
    for value in [0, 1, limits::SEQ_MAX, limits::SEQ_MAX + 1] {
        assert_eq!(next(value), Ok(value));
    }
    let error = next(limits::SEQ_MAX + 2).unwrap_err();
    assert!(error.contains("`next` is 4294967297; at most 4294967296 is accepted"), "{error}");
    assert!(next(u64::MAX).is_err());
    assert_eq!(notes(&format!(r#""{P}":{{}}"#)).unwrap()[0].1, ProducerNote::default());
}

#[test]
fn the_limit_of_reasons_is_exact_and_repeated_reasons_count_once() {
    let reason = |index: usize| format!(r#""reason_{index:02}":[[1,1]]"#);
    for count in [0, 1, 2, limits::REASONS_MAX - 1, limits::REASONS_MAX] {
        assert_eq!(dropped(&list(count, reason)).unwrap().len(), count);
    }
    let error = dropped(&list(limits::REASONS_MAX + 1, reason)).unwrap_err();
    assert!(
        error.contains("invalid length 65, expected an object of at most 64 reasons"),
        "{error}"
    );

    let repeated = format!("{},{}", list(limits::REASONS_MAX, reason), r#""reason_00":[[7,8]]"#);
    let dropped = dropped(&repeated).unwrap();
    assert_eq!(dropped.len(), limits::REASONS_MAX);
    assert_eq!(dropped[0].1.as_slice(), [(7, 8)], "the last value of a repeated reason counts");
}

#[test]
fn a_reason_has_one_to_thirty_two_bytes() {
    let reason = |code: &str| dropped(&format!(r#""{code}":[]"#)).map(|dropped| dropped.len());
    for bytes in [1, 2, limits::REASON_BYTES_MAX - 1, limits::REASON_BYTES_MAX] {
        assert_eq!(reason(&"r".repeat(bytes)), Ok(1), "{bytes} bytes");
    }
    for code in [String::new(), "r".repeat(limits::REASON_BYTES_MAX + 1), "\u{e9}".repeat(17)] {
        let error = reason(&code).unwrap_err();
        let want = format!("a drop reason has {} bytes; 1 to 32 are accepted", code.len());
        assert!(error.contains(&want), "{error}");
    }
}

#[test]
fn the_limit_of_ranges_is_exact_for_each_reason() {
    let ranges = |count: usize| {
        let pairs = list(count, |index| format!("[{0},{0}]", 2 * index + 1));
        format!(r#""quota":[{pairs}],"rejected":[[2,2]]"#)
    };
    for count in [0, 1, limits::RANGES_MAX - 1, limits::RANGES_MAX] {
        let dropped = dropped(&ranges(count)).unwrap();
        assert_eq!(dropped[0].1.as_slice().len(), count);
        assert_eq!(dropped[1].1.as_slice(), [(2, 2)]);
    }
    let error = dropped(&ranges(limits::RANGES_MAX + 1)).unwrap_err();
    assert!(
        error.contains("invalid length 1001, expected an array of at most 1000 ranges [from, to]"),
        "{error}"
    );
}

#[test]
fn a_dropped_range_runs_forwards_from_one_to_the_largest_number() {
    let max = limits::SEQ_MAX;
    for (from, to) in [(1, 1), (1, 2), (2, 3), (1, max), (max, max), (max - 1, max)] {
        let dropped = dropped(&format!(r#""quota":[[{from},{to}]]"#)).unwrap();
        assert_eq!(dropped[0].1.as_slice(), [(from, to)]);
    }
    for (from, to) in
        [(0, 0), (0, 1), (2, 1), (max, max - 1), (max, max + 1), (1, max + 1), (max + 1, max + 1)]
    {
        // The first range that is wrong is named, wherever it stands.
        let error = dropped(&format!(r#""quota":[[5,6],[{from},{to}],[0,0]]"#)).unwrap_err();
        let want = format!("[{from}, {to}] is not a range with 1 <= from <= to <= 4294967295");
        assert!(error.contains(&want), "{error}");
    }
    assert!(dropped(r#""quota":[[1]]"#).is_err());
    assert!(dropped(r#""quota":[[1,2,3]]"#).is_err());
    assert!(dropped(r#""quota":{"1":2}"#).unwrap_err().contains("an array of at most 1000 ranges"));
}

#[test]
fn dropped_ranges_that_overlap_or_touch_are_read_as_one() {
    let dropped = dropped(r#""quota":[[7,9],[1,2],[3,4],[8,12]],"rejected":[]"#).unwrap();
    let want = [("quota", vec![(1, 4), (7, 12)]), ("rejected", vec![])];
    for ((reason, ranges), (want_reason, want)) in dropped.iter().zip(&want) {
        assert_eq!((reason.as_str(), ranges.as_slice()), (*want_reason, want.as_slice()));
    }
    assert_eq!(dropped.len(), want.len());
}

#[test]
fn messages_say_what_was_wrong_with_the_body() {
    let message = |body: &str| Body::read(body).unwrap_err().to_string();
    let not_events = "the body is not an array of events, one event object, or a batch object: ";
    assert_eq!(message(" "), "the body is not JSON: it is empty");
    assert!(message("[1").starts_with("the body is not JSON: "));
    assert_eq!(
        message("7"),
        format!("{not_events}it is a single value such as a number or a string")
    );
    assert_eq!(message("{}"), format!("{not_events}the object has neither `events` nor `name`"));
    assert_eq!(message("[{},7]"), format!("{not_events}event 1 is not an object"));
    assert!(message(r#"{"events":5}"#).contains("expected an array of events"));
    assert!(
        message(r#"{"producers":5,"events":[]}"#)
            .contains("expected an object of at most 100 producers")
    );
    let many = format!("[{}]", list(limits::EVENTS_MAX + 1, |_| "{}".into()));
    assert_eq!(message(&many), "the body has more than 1000 events");
}

fn producer_notes() -> impl Strategy<Value = BTreeMap<Producer, ProducerNote>> {
    let pairs = prop::collection::vec((1u64..200, 0u64..9), 0..6);
    let ranges =
        pairs.prop_map(|pairs| pairs.iter().map(|(from, len)| (*from, from + len)).collect());
    let dropped = prop::collection::btree_map("[a-z_]{1,32}", ranges, 0..4);
    let note = (0..=limits::SEQ_MAX + 1, dropped)
        .prop_map(|(next, dropped)| ProducerNote { next, dropped: dropped.into_iter().collect() });
    prop::collection::btree_map(any::<u128>().prop_map(Producer::from_bits), note, 0..4)
}

proptest! {
    #[test]
    fn a_batch_is_read_as_it_was_written(
        sent_at_ms in 10_000_000_000_u64..100_000_000_000_000,
        notes in producer_notes(),
        texts in prop::collection::vec(".*", 0..5),
    ) {
        let notes: Vec<_> = notes.into_iter().collect();
        let events: Vec<String> =
            texts.iter().map(|text| serde_json::json!({ "name": text }).to_string()).collect();
        let mut out = String::new();
        push_batch(&mut out, sent_at_ms, &notes, events.iter().map(String::as_str));
        let body = Body::read(&out).unwrap();
        prop_assert_eq!(body.sent_at.ms(), i64::try_from(sent_at_ms).ok());
        prop_assert_eq!(body.producers, notes);
        prop_assert_eq!(body.events, events);
    }
}

//! Random and hostile events as input of the encoders.

use lamplight_server::sinks::datadog::encode::Style;
use lamplight_server::sinks::datadog::{Timers, pack};
use lamplight_server::sinks::{file, mixpanel, webhook};
use lamplight_server::store::EventRow;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::sinks::datadog::parse;
use crate::sinks::rig::row;

/// Any JSON value, with names that some sinks interpret.
fn value() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        ".{0,8}",
        Just("time".to_owned()),
        Just("$insert_id".to_owned()),
        Just("distinct_id".to_owned()),
        Just("token".to_owned()),
        Just("utm".to_owned()),
        Just("page".to_owned()),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn object() -> impl Strategy<Value = Value> {
    prop::collection::btree_map(".{0,8}", value(), 0..6)
        .prop_map(|map| Value::Object(map.into_iter().collect()))
}

prop_compose! {
    fn any_row()(
        name in ".{1,30}",
        user in proptest::option::of(".{0,20}"),
        device in proptest::option::of(".{0,20}"),
        properties in proptest::option::of(value()),
        context in proptest::option::of(object()),
        time_ms: i64,
    ) -> EventRow {
        let text = |value: Option<Value>| value.filter(Value::is_object).map(|value| value.to_string());
        EventRow {
            name,
            user_id: user,
            anonymous_id: device,
            properties_json: text(properties),
            context_json: text(context),
            time_ms,
            ..row()
        }
    }
}

proptest! {
    #[test]
    fn mixpanel_gets_its_own_members_whatever_the_page_sent(row in any_row()) {
        let text = mixpanel::encode::event(&row).unwrap();
        let event: Value = serde_json::from_str(&text).unwrap();
        let got = &event["properties"];
        prop_assert_eq!(event["event"].as_str(), Some(row.name.as_str()));
        prop_assert_eq!(got["time"].as_i64(), Some(row.time_ms));
        let id = row.id.to_string();
        prop_assert_eq!(got["$insert_id"].as_str(), Some(id.as_str()));
        let user = row.user_id.as_deref().or(row.anonymous_id.as_deref()).unwrap_or_default();
        prop_assert_eq!(got["distinct_id"].as_str(), Some(user));
        prop_assert!(got.get("token").is_none());
        let sent: Value = serde_json::from_str(row.properties_json.as_deref().unwrap_or("{}")).unwrap();
        for (name, value) in sent.as_object().unwrap() {
            if !["time", "$insert_id", "distinct_id", "token", "$user_id", "$device_id"].contains(&name.as_str()) {
                prop_assert_eq!(&got[name], value);
            }
        }
    }

    #[test]
    fn a_member_stands_once_so_that_no_reader_sees_another_one(row in any_row()) {
        let text = mixpanel::encode::event(&row).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        let count = value["properties"].as_object().unwrap().len();
        // Without its repeated members the text would be shorter by at least one name.
        let commas = top_level_members(&text);
        prop_assert_eq!(commas, count);
    }

    #[test]
    fn a_metric_is_one_line_that_an_agent_reads(
        name in ".{1,250}",
        metric in proptest::option::of(".{0,250}"),
        prefix in ".{0,10}",
        tags in prop::collection::btree_map(".{0,30}", value(), 0..8),
        own in prop::collection::vec(".{0,250}", 0..4),
        number: f64,
        kind in prop_oneof![Just("increment"), Just("gauge"), Just("timer")],
        rate in 0.0001f64..1.0,
        age_ms in -5_000i64..50_000,
    ) {
        let monitor = json!({"kind": kind, "metric": metric, "value": number, "rate": rate, "tags": tags});
        let row = EventRow { name, monitor_json: Some(monitor.to_string()), ..row() };
        let style = Style::new(&prefix, &own, Timers::Timer);
        if let Ok(line) = style.line(&row, row.time_ms + age_ms) {
            let read = parse(&line);
            prop_assert_eq!(read.time_s.is_some(), age_ms > 10_000);
        }
    }

    #[test]
    fn packing_keeps_every_line_once_in_order_within_the_limit(
        lengths in prop::collection::vec(1usize..120, 0..80),
    ) {
        let lines = lengths.iter().enumerate().map(|(at, length)| (at, "x".repeat(*length)));
        let (datagrams, too_long) = pack(lines, 100);
        let mut places: Vec<usize> = datagrams.iter().flat_map(|it| it.events.clone()).collect();
        prop_assert!(places.is_sorted());
        places.extend(&too_long);
        places.sort_unstable();
        prop_assert_eq!(places, (0..lengths.len()).collect::<Vec<_>>());
        for datagram in datagrams {
            prop_assert!(datagram.text.len() <= 100);
            prop_assert_eq!(datagram.text.split('\n').count(), datagram.events.len());
        }
        prop_assert!(too_long.iter().all(|at| lengths[*at] > 100));
    }

    #[test]
    fn an_event_is_one_line_of_a_file_and_valid_in_a_webhook(rows in prop::collection::vec(any_row(), 1..4)) {
        let text = file::encode::lines(&rows);
        prop_assert_eq!(text.split_terminator('\n').count(), rows.len());
        prop_assert!(text.split_terminator('\n').all(|line| serde_json::from_str::<Value>(line).is_ok()));
        let body: Value = serde_json::from_str(&webhook::encode::body(&rows)).unwrap();
        prop_assert_eq!(body["events"].as_array().unwrap().len(), rows.len());
        prop_assert_eq!(body["events"][0]["name"].as_str(), Some(rows[0].name.as_str()));
    }

    #[test]
    fn no_text_makes_an_encoder_panic(text in ".*", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let other = String::from_utf8_lossy(&bytes).into_owned();
        let row = EventRow {
            properties_json: Some(text.clone()),
            context_json: Some(other.clone()),
            monitor_json: Some(text),
            name: other,
            ..row()
        };
        let _ = mixpanel::encode::event(&row);
        let _ = mixpanel::profile::ProfileUpdate::of(&row).map(|it| it.map(|it| it.texts("t")));
        let _ = Style::default().line(&row, 0);
        let _ = file::encode::lines(std::slice::from_ref(&row));
    }
}

/// How many members `properties` has in the text, including repeated ones.
fn top_level_members(text: &str) -> usize {
    let inner =
        &text[text.find("\"properties\":").unwrap() + "\"properties\":".len()..text.len() - 1];
    let (mut depth, mut count, mut in_string, mut escaped) = (0, 0, false, false);
    for letter in inner.chars() {
        match (in_string, escaped, letter) {
            (true, true, _) => escaped = false,
            (true, false, '\\') => escaped = true,
            (_, _, '"') => in_string = !in_string,
            (false, _, '{' | '[') => depth += 1,
            (false, _, '}' | ']') => depth -= 1,
            (false, _, ':') if depth == 1 => count += 1,
            _ => {}
        }
    }
    count
}

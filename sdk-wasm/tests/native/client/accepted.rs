//! Whatever a page tracks: if the client stores it, the server's reader accepts it.

use std::fmt::Write;

use lamplight_sdk::client::{FirstClient, FullClient, NewEvent, TrackOutcome};
use lamplight_sdk::keys::StorageKeys;
use lamplight_sdk::options::Options;
use lamplight_wire::batch::Body;
use lamplight_wire::event::{Event, EventIdentity};
use lamplight_wire::{json, limits};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::page::{Page, PageClient, PagePorts, ok, site};

/// The levels of a body around a value in an event: batch, events and event.
const BODY_LEVELS: usize = 3;

/// An event as the package's TypeScript passes it: `npm/src/event_parts.ts` checks every field.
#[derive(Debug, Clone)]
struct Given {
    name: String,
    ts_ms: Option<u64>,
    kind: &'static str,
    properties: Option<Value>,
    user: Option<Value>,
    monitor: Option<Value>,
    context: Option<Value>,
    id: Option<String>,
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "\\PC{0,80}",
        "[\u{0}-\u{20}\"\\\\\u{7f}-\u{ffff}]{0,80}",
        // Around the limits of names and objects.
        (190usize..210).prop_map(|bytes| "n".repeat(bytes)),
        (60usize..70).prop_map(|letters| "日".repeat(letters)),
        (8_100usize..8_200).prop_map(|bytes| "r".repeat(bytes)),
        (32_700usize..32_800).prop_map(|bytes| "p".repeat(bytes)),
    ]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        texts().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(texts(), inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// An object, up to the deepest nesting that the package passes.
fn objects() -> impl Strategy<Value = Value> {
    let shallow = values().prop_map(|value| json!({ "value": value }));
    let deep = (0..=limits::DEPTH_MAX - BODY_LEVELS).prop_map(|levels| {
        (1..levels).fold(json!({}), |inner, level| {
            if level % 2 == 0 {
                json!({ "inner": inner })
            } else {
                json!({ "inner": [] , "next": inner })
            }
        })
    });
    prop_oneof![4 => shallow, 1 => deep]
}

fn monitors() -> impl Strategy<Value = Value> {
    let value = any::<f64>().prop_filter("the package refuses others", |value| value.is_finite());
    let rate = (1u32..=1_000).prop_map(|share| f64::from(share) / 1_000.0);
    let kind = prop::sample::select(vec!["increment", "gauge", "timer"]);
    (kind, prop::option::of(texts()), value, rate, values()).prop_map(
        |(kind, metric, value, rate, tags)| {
            json!({ "rate": rate, "kind": kind, "metric": metric, "value": value, "tags": tags })
        },
    )
}

/// Ids of users. The package refuses longer ones.
fn user_ids() -> impl Strategy<Value = String> {
    let large = prop::sample::select(vec!["n", "日", "\u{0}", "é"]);
    let large = large.prop_map(|letter| letter.repeat(limits::USER_ID_UNITS_MAX));
    let fits = |id: &String| id.encode_utf16().count() <= limits::USER_ID_UNITS_MAX;
    prop_oneof![4 => texts().prop_filter("the package refuses longer ones", fits), 1 => large]
}

fn events() -> impl Strategy<Value = Given> {
    let users = (prop::option::of(user_ids()), prop::option::of(user_ids()))
        .prop_map(|(id, anonymous_id)| json!({ "id": id, "anonymous_id": anonymous_id }));
    (
        texts(),
        // The years 1970 to 9999.
        prop::option::of(0u64..253_402_300_800_000),
        prop::sample::select(vec!["", "default", "critical", "monitor"]),
        prop::option::of(objects()),
        prop::option::of(users),
        prop::option::of(monitors()),
        prop::option::of(objects()),
        prop::option::of("\\PC{1,60}"),
    )
        .prop_map(|(name, ts_ms, kind, properties, user, monitor, context, id)| Given {
            name,
            ts_ms,
            kind,
            properties,
            user,
            monitor,
            context,
            id,
        })
}

/// JSON in ASCII, as the package writes it.
fn ascii(value: Option<&Value>) -> String {
    let json = value.map(Value::to_string).unwrap_or_default();
    let mut text = String::new();
    for letter in json.chars() {
        if letter.is_ascii() {
            text.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            write!(text, "\\u{unit:04x}").unwrap();
        }
    }
    text
}

/// A text as it appears inside a JSON string.
fn inside(text: &str) -> String {
    let mut quoted = String::new();
    json::push_string(&mut quoted, text);
    quoted[1..quoted.len() - 1].to_owned()
}

fn check<C: PageClient>(given: &[Given]) -> Result<(), TestCaseError> {
    let mut page = Page::<C>::open(&site(), Options::default());
    let mut numbers = Vec::new();
    for event in given {
        if let Some(id) = &event.id {
            page.client.identify(Some(&inside(id)));
        }
        // The package leaves out a larger one.
        let context = ascii(event.context.as_ref());
        let is_kept = context.len() <= limits::CONTEXT_BYTES_MAX;
        page.client.set_context(if is_kept { &context } else { "" });
        let [properties_json, user_json, monitor_json] =
            [&event.properties, &event.user, &event.monitor].map(|value| ascii(value.as_ref()));
        let tracked = page.client.track(&NewEvent {
            name: &inside(&event.name),
            name_bytes: if event.name.encode_utf16().count() > 66 { event.name.len() } else { 0 },
            ts_ms: event.ts_ms,
            properties_json: &properties_json,
            kind: event.kind,
            user_json: &user_json,
            monitor_json: &monitor_json,
        });
        prop_assert!(tracked.seq > 0);
        if tracked.outcome != TrackOutcome::TooLarge {
            numbers.push(tracked.seq);
        }
    }
    let producer = page.client.producer();
    let prefix = StorageKeys::new(&page.options.namespace).event_prefix(producer);
    for key in page.site.borrow().keys(&prefix) {
        let text = page.site.borrow().values[&key].clone();
        prop_assert!(text.is_ascii());
        prop_assert!(Event::read(&text).is_ok(), "{:?} for {text}", Event::read(&text));
    }
    page.server = Some(ok());
    page.flush();
    page.advance(10_000);
    let mut sent = Vec::new();
    for request in page.sent() {
        prop_assert!(request.body.len() <= limits::BODY_BYTES_MAX);
        let body = Body::read(&request.body);
        prop_assert!(body.is_ok(), "{body:?}");
        for text in body.unwrap().events {
            let event = Event::read(text).map_err(|why| TestCaseError::fail(why.detail))?;
            if let EventIdentity::Numbered(_, seq) = event.identity {
                sent.push(seq);
            }
        }
    }
    sent.sort_unstable();
    sent.dedup();
    prop_assert_eq!(sent, numbers);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn the_server_accepts_every_event_that_the_client_stores(
        given in prop::collection::vec(events(), 1..4)
    ) {
        check::<FirstClient<PagePorts>>(&given)?;
        check::<FullClient<PagePorts>>(&given)?;
    }
}

//! Tests of what is known about properties.

use proptest::prelude::*;

use super::*;
use crate::store::PropertyPath;

fn facts(texts: &[&str]) -> PropertyFacts {
    let mut facts = PropertyFacts::default();
    for (at_ms, text) in (1_i64..).zip(texts) {
        facts.look(Some(text), at_ms);
    }
    facts
}

#[test]
fn properties_have_types_examples_and_times() {
    let facts = facts(&[
        r#"{"plan":"pro","n":1,"at":{"x":{"y":{"z":1}}},"list":[{"a":1}]}"#,
        r#"{"plan":"pro","n":"two","gone":null}"#,
        r#"{"plan":"free"}"#,
    ]);
    assert_eq!(facts.sampled, 3);
    let paths: Vec<&str> = facts.properties.keys().map(String::as_str).collect();
    assert_eq!(paths, ["at", "at.x", "at.x.y", "gone", "list", "n", "plan"]);
    let plan = &facts.properties["plan"];
    assert_eq!((plan.types, plan.first_ms, plan.last_ms), ([3, 0, 0, 0, 0, 0], 1, 3));
    assert_eq!(plan.examples, [("pro".to_owned(), 1), ("free".to_owned(), 3)]);
    assert_eq!(facts.properties["n"].types, [1, 1, 0, 0, 0, 0]);
    assert_eq!(facts.properties["gone"].types, [0, 0, 0, 1, 0, 0]);
}

#[test]
fn only_what_is_not_known_is_new() {
    let mut facts = PropertyFacts::default();
    assert!(facts.look(Some(r#"{"a":1}"#), 1));
    assert!(!facts.look(Some(r#"{"a":1}"#), 2));
    assert!(facts.look(Some(r#"{"a":2}"#), 3), "an example");
    assert!(facts.look(Some(r#"{"a":null}"#), 4), "a type");
    assert!(facts.look(Some(r#"{"b":1}"#), 5), "a property");
    assert!(!facts.look(None, 6));
}

#[test]
fn a_path_is_written_as_filters_read_it() {
    for key in ["a.b", "", "\"\"", "\\", "plain", "é\u{202e}x", "\u{0}"] {
        let json = serde_json::json!({ key: { key: 7 } }).to_string();
        let facts = facts(&[&json]);
        let path = facts.properties.keys().max_by_key(|path| path.len()).unwrap();
        let found = PropertyPath::parse(path).unwrap().value(Some(&json));
        assert!(found.is_some(), "{key:?} is not found at {path}");
    }
}

#[test]
fn examples_of_removed_weeks_are_forgotten() {
    let week_ms = 7 * 24 * 3_600_000;
    let mut facts = PropertyFacts::default();
    facts.look(Some(r#"{"mail":"a@example.com"}"#), week_ms);
    facts.look(Some(r#"{"mail":"b@example.com"}"#), 3 * week_ms);
    assert_eq!(facts.oldest_week(), Some(Week::of_ms(week_ms)));
    facts.forget_before(Week::of_ms(3 * week_ms));
    assert_eq!(facts.properties["mail"].examples.len(), 1);
    assert_eq!(facts.properties["mail"].count(), 2);
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,200}".prop_map(Value::from),
        Just(Value::from("\u{202e}x\u{0}".repeat(6_000))),
    ];
    leaf.prop_recursive(6, 400, 60, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::hash_map("\\PC{0,300}", inner, 0..60)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_event_makes_the_facts_larger_than_their_limit(
        values in prop::collection::vec(values(), 1..20),
    ) {
        let mut facts = PropertyFacts::default();
        for value in &values {
            facts.look(Some(&serde_json::json!({ "v": value }).to_string()), 5);
            facts.look(Some(&value.to_string()), 5);
        }
        let mut twice = facts.clone();
        twice.then(&facts);
        prop_assert_eq!(twice.sampled, 2 * facts.sampled);
        for facts in [&facts, &twice] {
            prop_assert!(facts.properties.len() <= PATHS_MAX);
            prop_assert!(facts.bytes() <= FACTS_BYTES_MAX);
        }
        let text = serde_json::to_string(&facts).unwrap();
        prop_assert_eq!(serde_json::from_str::<PropertyFacts>(&text).unwrap(), facts);
    }
}

proptest! {
    #[test]
    fn facts_of_parts_add_up_to_those_of_the_whole(
        events in prop::collection::vec((0..3_u8, 0..9_i64, 0..9_i64), 0..30),
        parts in prop::collection::vec(0..30_usize, 0..3),
    ) {
        let texts: Vec<String> =
            events.iter().map(|(path, a, b)| format!(r#"{{"p{path}":{a},"q":{{"r":{b}}}}}"#)).collect();
        let (mut whole, mut added, mut part) = <(PropertyFacts, PropertyFacts, PropertyFacts)>::default();
        for (at_ms, text) in (1_i64..).zip(&texts) {
            whole.look(Some(text), at_ms);
            part.look(Some(text), at_ms);
            if parts.iter().any(|end| i64::try_from(*end).unwrap() == at_ms) {
                added.then(&std::mem::take(&mut part));
            }
        }
        added.then(&part);
        prop_assert_eq!(added, whole);
    }
}

#[test]
fn lone_surrogates_and_repeated_members_are_looked_at() {
    let facts = facts(&[r#"{"a":"\ud800","a":2}"#]);
    assert_eq!(facts.properties["a"].types, [0, 1, 0, 0, 0, 0]);
}

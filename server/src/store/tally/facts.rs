//! What is known about the properties of a name: where they are, which types they have, and a few
//! of their values.

use std::borrow::Cow;
use std::collections::BTreeMap;

use lamplight_wire::json;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::store::Week;

/// The most properties of one name.
pub const PATHS_MAX: usize = 200;
/// The most examples of one property.
pub const EXAMPLES_MAX: usize = 5;
/// About the most bytes that the facts of one name take.
pub const FACTS_BYTES_MAX: usize = 24 * 1024;
/// The most characters of an example.
const EXAMPLE_CHARS_MAX: usize = 64;
/// The most bytes of a path. Longer ones are left out.
const PATH_BYTES_MAX: usize = 200;
/// The most keys of a path.
const DEPTH_MAX: usize = 3;
/// What a property and an example take beside their texts, roughly, in bytes.
const PROPERTY_BYTES: usize = 80;
const EXAMPLE_BYTES: usize = 20;
/// How many events of a name are looked at first.
const SAMPLED_FIRST: u64 = 100;
/// After that, one in this many is.
const SAMPLED_EVERY: u64 = 64;

/// Whether the properties of an event are looked at: the first 100 events of a name are, and one
/// in 64 after that. `sampled` were so far, of the `passed` ones that this process has stored.
pub fn is_sampled(sampled: u64, passed: u64) -> bool {
    sampled < SAMPLED_FIRST || passed.is_multiple_of(SAMPLED_EVERY)
}

/// The type of a JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PropertyType {
    /// Text.
    String,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// `null`.
    Null,
    /// An object.
    Object,
    /// An array.
    Array,
}

impl PropertyType {
    /// Every type.
    pub const ALL: [Self; 6] =
        [Self::String, Self::Number, Self::Boolean, Self::Null, Self::Object, Self::Array];

    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Null => "null",
            Self::Object => "object",
            Self::Array => "array",
        }
    }

    const fn of(value: &Value) -> Self {
        match value {
            Value::String(_) => Self::String,
            Value::Number(_) => Self::Number,
            Value::Bool(_) => Self::Boolean,
            Value::Null => Self::Null,
            Value::Object(_) => Self::Object,
            Value::Array(_) => Self::Array,
        }
    }
}

/// What is known about one property.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PropertyFact {
    /// How often it had each type, in the order of [`PropertyType::ALL`].
    pub types: [u64; 6],
    /// Some of its values, each with when it was received.
    pub examples: Vec<(String, i64)>,
    /// When it was first received, in milliseconds since 1970.
    pub first_ms: i64,
    /// When it was last received.
    pub last_ms: i64,
}

impl PropertyFact {
    /// How many of the events that were looked at had it.
    pub fn count(&self) -> u64 {
        self.types.iter().sum()
    }
}

/// What is known about the properties of a name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PropertyFacts {
    /// How many events were looked at.
    pub sampled: u64,
    /// How often a property had no room: its path is too long, or there are too many.
    pub left_out: u64,
    /// By path, as filters of the API name it.
    pub properties: BTreeMap<String, PropertyFact>,
}

/// What a look at an event adds.
struct Look<'a> {
    facts: &'a mut PropertyFacts,
    bytes: usize,
    at_ms: i64,
    is_new: bool,
}

impl PropertyFacts {
    /// About how many bytes it takes.
    pub fn bytes(&self) -> usize {
        let example = |(text, _): &(String, i64)| text.len() + EXAMPLE_BYTES;
        let property = |(path, fact): (&String, &PropertyFact)| {
            path.len() + PROPERTY_BYTES + fact.examples.iter().map(example).sum::<usize>()
        };
        self.properties.iter().map(property).sum()
    }

    /// Adds the properties of an event that was received at `at_ms`. Returns whether anything of
    /// them was not known: a property, a type or an example.
    pub fn look(&mut self, properties_json: Option<&str>, at_ms: i64) -> bool {
        self.sampled += 1;
        let is_first = self.sampled == 1;
        let Some(text) = properties_json else { return is_first };
        let bytes = self.bytes();
        let mut look = Look { facts: self, bytes, at_ms, is_new: is_first };
        if let Ok(Value::Object(members)) = serde_json::from_str(&json::valid_unicode(text)) {
            for (key, value) in &members {
                look.property(&escaped(key), value, 1);
            }
        }
        look.is_new
    }

    /// The first week that an example was received in.
    pub fn oldest_week(&self) -> Option<Week> {
        let examples = self.properties.values().flat_map(|fact| &fact.examples);
        examples.map(|(_, at_ms)| Week::of_ms(*at_ms)).min()
    }

    /// Deletes examples that were received before `week`: retention has removed their events.
    pub fn forget_before(&mut self, week: Week) {
        for fact in self.properties.values_mut() {
            fact.examples.retain(|(_, at_ms)| Week::of_ms(*at_ms) >= week);
        }
    }
}

impl Look<'_> {
    fn property(&mut self, path: &str, value: &Value, depth: usize) {
        let is_known = self.facts.properties.contains_key(path);
        let needed = self.bytes + path.len() + PROPERTY_BYTES;
        let has_room = path.len() <= PATH_BYTES_MAX
            && self.facts.properties.len() < PATHS_MAX
            && needed <= FACTS_BYTES_MAX;
        if !is_known && !has_room {
            self.facts.left_out += 1;
            return;
        }
        if !is_known {
            self.bytes = needed;
        }
        let fact = self.facts.properties.entry(path.to_owned()).or_insert_with(|| PropertyFact {
            first_ms: self.at_ms,
            last_ms: self.at_ms,
            ..PropertyFact::default()
        });
        fact.first_ms = fact.first_ms.min(self.at_ms);
        fact.last_ms = fact.last_ms.max(self.at_ms);
        if let Some(count) = fact.types.get_mut(PropertyType::of(value) as usize) {
            self.is_new |= *count == 0;
            *count += 1;
        }
        if fact.examples.len() < EXAMPLES_MAX
            && let Some(example) = example(value)
            && !fact.examples.iter().any(|(known, _)| *known == example)
            && self.bytes + example.len() + EXAMPLE_BYTES <= FACTS_BYTES_MAX
        {
            self.bytes += example.len() + EXAMPLE_BYTES;
            fact.examples.push((example.into_owned(), self.at_ms));
            self.is_new = true;
        }
        if let Value::Object(members) = value
            && depth < DEPTH_MAX
        {
            for (key, value) in members {
                self.property(&format!("{path}.{}", escaped(key)), value, depth + 1);
            }
        }
    }
}

/// The beginning of a value as text. Objects and arrays are not shown.
fn example(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => {
            let end = text.char_indices().nth(EXAMPLE_CHARS_MAX).map_or(text.len(), |(at, _)| at);
            text.get(..end).map(Cow::Borrowed)
        }
        Value::Number(_) | Value::Bool(_) => {
            Some(Cow::Owned(value.to_string().chars().take(EXAMPLE_CHARS_MAX).collect()))
        }
        Value::Null | Value::Object(_) | Value::Array(_) => None,
    }
}

/// A key, as it is written in a path.
fn escaped(key: &str) -> Cow<'_, str> {
    match key {
        "" => Cow::Borrowed("\"\""),
        "\"\"" => Cow::Borrowed("\\\"\""),
        key if key.contains(['.', '\\']) => {
            let mut text = String::with_capacity(key.len() + 4);
            for letter in key.chars() {
                if matches!(letter, '.' | '\\') {
                    text.push('\\');
                }
                text.push(letter);
            }
            Cow::Owned(text)
        }
        key => Cow::Borrowed(key),
    }
}

#[cfg(test)]
mod tests {
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
            prop_assert!(facts.properties.len() <= PATHS_MAX);
            prop_assert!(facts.bytes() <= FACTS_BYTES_MAX);
            let text = serde_json::to_string(&facts).unwrap();
            prop_assert_eq!(serde_json::from_str::<PropertyFacts>(&text).unwrap(), facts);
        }
    }

    #[test]
    fn lone_surrogates_and_repeated_members_are_looked_at() {
        let facts = facts(&[r#"{"a":"\ud800","a":2}"#]);
        assert_eq!(facts.properties["a"].types, [0, 1, 0, 0, 0, 0]);
    }
}

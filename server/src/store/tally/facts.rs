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

    /// Adds what is known of events that were looked at later, elsewhere.
    pub fn then(&mut self, later: &Self) {
        self.sampled += later.sampled;
        self.left_out += later.left_out;
        let bytes = self.bytes();
        let mut look = Look { facts: self, bytes, at_ms: 0, is_new: false };
        for (path, fact) in &later.properties {
            look.merge(path, fact);
        }
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
    /// The fact of a property, if it is known or has room.
    fn fact(&mut self, path: &str, at_ms: i64) -> Option<&mut PropertyFact> {
        let is_known = self.facts.properties.contains_key(path);
        let needed = self.bytes + path.len() + PROPERTY_BYTES;
        let has_room = path.len() <= PATH_BYTES_MAX
            && self.facts.properties.len() < PATHS_MAX
            && needed <= FACTS_BYTES_MAX;
        if !is_known && !has_room {
            return None;
        }
        if !is_known {
            self.bytes = needed;
        }
        Some(self.facts.properties.entry(path.to_owned()).or_insert_with(|| PropertyFact {
            first_ms: at_ms,
            last_ms: at_ms,
            ..PropertyFact::default()
        }))
    }

    /// The bytes that an example takes, if it is new and has room.
    fn example_bytes(bytes: usize, fact: &PropertyFact, example: &str) -> Option<usize> {
        let needed = example.len() + EXAMPLE_BYTES;
        let is_wanted = fact.examples.len() < EXAMPLES_MAX
            && !fact.examples.iter().any(|(known, _)| known == example)
            && bytes + needed <= FACTS_BYTES_MAX;
        is_wanted.then_some(needed)
    }

    fn merge(&mut self, path: &str, later: &PropertyFact) {
        let Some(fact) = self.fact(path, later.first_ms) else {
            self.facts.left_out += later.count();
            return;
        };
        fact.first_ms = fact.first_ms.min(later.first_ms);
        fact.last_ms = fact.last_ms.max(later.last_ms);
        for (count, more) in fact.types.iter_mut().zip(later.types) {
            *count += more;
        }
        let mut bytes = self.bytes;
        let Some(fact) = self.facts.properties.get_mut(path) else { return };
        for (example, at_ms) in &later.examples {
            if let Some(needed) = Self::example_bytes(bytes, fact, example) {
                bytes += needed;
                fact.examples.push((example.clone(), *at_ms));
            }
        }
        self.bytes = bytes;
    }

    fn property(&mut self, path: &str, value: &Value, depth: usize) {
        let at_ms = self.at_ms;
        let Some(fact) = self.fact(path, at_ms) else {
            self.facts.left_out += 1;
            return;
        };
        fact.first_ms = fact.first_ms.min(at_ms);
        fact.last_ms = fact.last_ms.max(at_ms);
        let mut is_new = false;
        if let Some(count) = fact.types.get_mut(PropertyType::of(value) as usize) {
            is_new = *count == 0;
            *count += 1;
        }
        if let Some(example) = example(value)
            && let Some(fact) = self.facts.properties.get_mut(path)
            && let Some(needed) = Self::example_bytes(self.bytes, fact, &example)
        {
            self.bytes += needed;
            fact.examples.push((example.into_owned(), at_ms));
            is_new = true;
        }
        self.is_new |= is_new;
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
mod tests;

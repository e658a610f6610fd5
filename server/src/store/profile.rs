//! Profiles: what earlier events said about a user.
//!
//! Pure. An `identify` event's properties are the user's traits; its member `$experiments`, and
//! `$experiment` events with `experiment` and `variant`, say which variants the user sees.

use std::borrow::Cow;

use lamplight_wire::json;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::EventColumns;

/// The most traits, and the most experiments, of one profile.
const MEMBERS_MAX: usize = 256;
/// The largest profile, in bytes of JSON.
const BYTES_MAX: usize = 16 * 1024;

/// The bytes of both members' names and of the braces.
const FRAME_BYTES: usize = 32;

/// What an event says about its user.
#[derive(Debug, Clone, PartialEq)]
pub enum ProfileNote {
    /// These are traits, and, in `$experiments`, variants.
    Traits(Map<String, Value>),
    /// The user sees this variant of this experiment.
    Variant(String, String),
}

impl ProfileNote {
    /// What `event` says about its user, if anything.
    pub fn of(event: &EventColumns) -> Option<Self> {
        let json = event.properties_json.as_deref()?;
        match event.name.as_str() {
            "identify" | "$identify" => {
                // A value that cannot be held, such as 1e400, leaves out no other trait.
                let held = |(name, json): (Cow<'_, str>, &RawValue)| {
                    Some((name.into_owned(), serde_json::from_str(json.get()).ok()?))
                };
                let traits = json::members(json).ok()?.into_iter().filter_map(held);
                Some(Self::Traits(traits.collect()))
            }
            "$experiment" => {
                let found = json::fields(json, ["experiment", "variant"]).ok()?;
                let [experiment, variant] = found.map(|json| json.and_then(json::string));
                Some(Self::Variant(experiment?.into_owned(), variant?.into_owned()))
            }
            _ => None,
        }
    }
}

/// What is known about one user.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Traits, as last said.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub traits: Map<String, Value>,
    /// The variant of each experiment.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub experiments: Map<String, Value>,
}

impl Profile {
    /// Applies what an event said at `said_ms` to a profile whose newest value is from `known_ms`.
    /// Of two values the one said later counts, whichever arrives first. `null` removes a trait.
    /// What does not fit is left out.
    pub fn apply(&mut self, note: &ProfileNote, said_ms: i64, known_ms: i64) {
        let is_newer = said_ms >= known_ms;
        let mut room = Room { bytes: BYTES_MAX.saturating_sub(self.json().len() + FRAME_BYTES) };
        match note {
            ProfileNote::Variant(experiment, variant) => {
                let variant = Value::from(variant.as_str());
                room.put(&mut self.experiments, experiment, &variant, is_newer);
            }
            ProfileNote::Traits(traits) => {
                for (name, value) in traits {
                    match value {
                        Value::Object(variants) if name == "$experiments" => {
                            for (experiment, variant) in
                                variants.iter().filter(|(_, it)| it.is_string())
                            {
                                room.put(&mut self.experiments, experiment, variant, is_newer);
                            }
                        }
                        value => room.put(&mut self.traits, name, value, is_newer),
                    }
                }
            }
        }
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.traits.is_empty() && self.experiments.is_empty()
    }

    /// Its JSON text, as it is stored with an event.
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// How many bytes still fit into a profile.
struct Room {
    bytes: usize,
}

impl Room {
    fn put(&mut self, known: &mut Map<String, Value>, name: &str, value: &Value, is_newer: bool) {
        let before = known.get(name);
        if before.is_some() && !is_newer {
            return;
        }
        let freed = before.map_or(0, |before| cost(name, before));
        if value.is_null() {
            known.remove(name);
            self.bytes += freed;
            return;
        }
        let is_full = before.is_none() && known.len() >= MEMBERS_MAX;
        match (self.bytes + freed).checked_sub(cost(name, value)) {
            Some(left) if !is_full => {
                known.insert(name.to_owned(), value.clone());
                self.bytes = left;
            }
            _ => {}
        }
    }
}

/// The bytes of a member in JSON, with its colon and comma.
fn cost(name: &str, value: &Value) -> usize {
    Value::from(name).to_string().len() + value.to_string().len() + 2
}

/// Identifies a profile: by the user id that the app set, or else by the anonymous id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProfileKey<'a> {
    /// The user id that the app set.
    User(&'a str),
    /// The anonymous id.
    Anonymous(&'a str),
}

impl<'a> ProfileKey<'a> {
    /// The profile that an event belongs to, if it names a user.
    pub fn of(event: &'a EventColumns) -> Option<Self> {
        let known = event.user_id.as_deref().map(Self::User);
        known.or(event.anonymous_id.as_deref().map(Self::Anonymous))
    }
}

impl std::fmt::Display for ProfileKey<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::Anonymous(id) => write!(f, "anonymous:{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn traits(value: Value) -> ProfileNote {
        let Value::Object(members) = value else { unreachable!() };
        ProfileNote::Traits(members)
    }

    #[test]
    fn the_later_word_counts_whichever_arrives_first() {
        let (old, new) =
            (traits(json!({ "plan": "free", "team": "a" })), traits(json!({ "plan": "paid" })));
        let mut forwards = Profile::default();
        forwards.apply(&old, 1, 0);
        forwards.apply(&new, 2, 1);
        let mut backwards = Profile::default();
        backwards.apply(&new, 2, 0);
        backwards.apply(&old, 1, 2);
        assert_eq!(forwards, backwards);
        assert_eq!(forwards.json(), r#"{"traits":{"plan":"paid","team":"a"}}"#);
    }

    #[test]
    fn variants_are_kept_apart_from_traits_and_null_takes_away() {
        let mut profile = Profile::default();
        profile.apply(&traits(json!({ "a": 1, "$experiments": { "x": "blue", "y": 7 } })), 1, 0);
        profile.apply(&ProfileNote::Variant("z".into(), "red".into()), 2, 1);
        profile.apply(&traits(json!({ "a": null })), 3, 2);
        assert_eq!(profile.json(), r#"{"experiments":{"x":"blue","z":"red"}}"#);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn a_profile_stays_within_its_limits(
            notes in prop::collection::vec(prop::collection::btree_map("[a-z]{1,3}", 0usize..2_000, 0..40), 0..20),
        ) {
            let mut profile = Profile::default();
            for note in notes {
                let members = note.into_iter().map(|(name, len)| (name, Value::from("\"".repeat(len)))).collect();
                profile.apply(&ProfileNote::Traits(members), 1, 0);
            }
            prop_assert!(profile.traits.len() <= MEMBERS_MAX && profile.json().len() <= BYTES_MAX);
            let read: Profile = serde_json::from_str(&profile.json()).unwrap();
            prop_assert_eq!(read, profile);
        }
    }
}

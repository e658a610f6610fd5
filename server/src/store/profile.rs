//! Profiles: what is known about a user from what was said earlier.
//!
//! Pure. An `identify` event's properties are the user's traits; its member `$experiments`, and `$experiment` events with
//! `experiment` and `variant`, say which variants the user sees.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::EventColumns;

/// Most traits, and most experiments, of one profile.
const MEMBERS_MAX: usize = 256;
/// Most bytes of JSON in one profile.
const BYTES_MAX: usize = 16 * 1024;

/// What the names of both members and the braces take.
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
    /// What `event` says, if it says anything.
    pub fn of(event: &EventColumns) -> Option<Self> {
        #[derive(Deserialize)]
        struct Assignment {
            experiment: String,
            variant: String,
        }
        let json = event.properties_json.as_deref()?;
        match event.name.as_str() {
            "identify" | "$identify" => serde_json::from_str(json).ok().map(Self::Traits),
            "$experiment" => serde_json::from_str(json)
                .ok()
                .map(|Assignment { experiment, variant }| Self::Variant(experiment, variant)),
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
    /// Takes in what was said at `said_ms`, if what is known was last said at `known_ms`: of two that contradict each other
    /// the later one counts, whichever arrives first. `null` takes a trait away. What does not fit is left out.
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

    /// As it stands with an event.
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// How much still fits into a profile.
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

/// What a member takes in JSON, with its colon and comma.
fn cost(name: &str, value: &Value) -> usize {
    Value::from(name).to_string().len() + value.to_string().len() + 2
}

/// Whose profile it is: a user's whom the app knows, or one's whom it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProfileKey<'a> {
    /// The user id that the app gave.
    User(&'a str),
    /// The id of a user who is not known.
    Anonymous(&'a str),
}

impl<'a> ProfileKey<'a> {
    /// Whose profile an event belongs to, if it names a user.
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

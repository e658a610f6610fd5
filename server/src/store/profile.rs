//! Profiles: what events said about a user. Pure.
//!
//! Each trait and each experiment has its own last word, with the time at which it was said. So the
//! profile depends only on which events were stored, never on the order in which they arrived, or
//! on how often they were applied. A removal is a word too. Otherwise an older value that arrives
//! late would bring the trait back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{ProfileNote, RowId, SaidAt};

/// The most words of one profile, removals included. The newest ones are kept.
const WORDS_MAX: usize = 256;
/// The largest name and value of one word, in bytes of JSON. A larger value is not kept, and
/// neither is the one before it. Sizes are limited for each word on its own: a limit for all of
/// them together would depend on the order in which they arrive.
const WORD_BYTES_MAX: usize = 1024;
/// The longest name of a trait or an experiment, in bytes. A longer one is ignored.
const NAME_BYTES_MAX: usize = 256;
/// The largest profile, in bytes of JSON, as it is stored with each event. The newest words that
/// fit are in it.
const BYTES_MAX: usize = 16 * 1024;
/// The bytes of both members' names and of the braces.
const FRAME_BYTES: usize = 32;

/// What was said last about one trait or experiment: when, in which event, and the value, which is
/// null if there is none any more.
#[derive(Debug, Clone, PartialEq)]
struct Word {
    at: SaidAt,
    value: Value,
}

/// What a word is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Trait,
    Experiment,
}

/// What is known about one user.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Profile(BTreeMap<(Kind, String), Word>);

/// A profile as it is stored with an event.
#[derive(Default, Serialize, Deserialize)]
struct Shown {
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    traits: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    experiments: Map<String, Value>,
}

/// A profile as it is stored for itself: of each word, the time, the event and the value.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    traits: BTreeMap<String, (i64, String, Value)>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    experiments: BTreeMap<String, (i64, String, Value)>,
}

impl Profile {
    /// The profile with this text, which [`Self::words_json`] wrote. Words that cannot be read are
    /// left out: a profile only adds to events.
    pub fn read(words_json: &str) -> Self {
        let Kept { traits, experiments } = serde_json::from_str(words_json).unwrap_or_default();
        let words = |kind, words: BTreeMap<String, (i64, String, Value)>| {
            words.into_iter().filter_map(move |(name, (ms, event, value))| {
                let event = RowId(Uuid::try_parse(&event).ok()?);
                Some(((kind, name), Word { at: SaidAt { ms, event }, value }))
            })
        };
        Self(words(Kind::Trait, traits).chain(words(Kind::Experiment, experiments)).collect())
    }

    /// The profile that an earlier version stored as `json`, with the time of its newest word.
    pub fn of_earlier_version(json: &str, said_ms: i64) -> Self {
        let Shown { traits, experiments } = serde_json::from_str(json).unwrap_or_default();
        let at = SaidAt { ms: said_ms, event: RowId(Uuid::nil()) };
        let words = |kind, words: Map<String, Value>| {
            words.into_iter().map(move |(name, value)| ((kind, name), Word { at, value }))
        };
        Self(words(Kind::Trait, traits).chain(words(Kind::Experiment, experiments)).collect())
    }

    /// Applies what an event said. `null` removes a trait.
    pub fn apply(&mut self, note: &ProfileNote, at: SaidAt) {
        match note {
            ProfileNote::Variant(experiment, variant) => {
                self.put(Kind::Experiment, experiment, &Value::from(variant.as_str()), at);
            }
            ProfileNote::Traits(traits) => {
                for (name, value) in traits {
                    match value {
                        Value::Object(variants) if name == "$experiments" => {
                            for (experiment, variant) in
                                variants.iter().filter(|(_, it)| it.is_string() || it.is_null())
                            {
                                self.put(Kind::Experiment, experiment, variant, at);
                            }
                        }
                        value => self.put(Kind::Trait, name, value, at),
                    }
                }
            }
        }
        while self.0.len() > WORDS_MAX {
            // Among words of one event, the name decides.
            let oldest = self.0.iter().min_by_key(|(key, word)| (word.at, *key));
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else { break };
            self.0.remove(&oldest);
        }
    }

    fn put(&mut self, kind: Kind, name: &str, value: &Value, at: SaidAt) {
        if name.len() > NAME_BYTES_MAX {
            return;
        }
        let fits = cost(name, value) <= WORD_BYTES_MAX;
        let value = if fits { value.clone() } else { Value::Null };
        let key = (kind, name.to_owned());
        if self.0.get(&key).is_none_or(|known| known.at < at) {
            self.0.insert(key, Word { at, value });
        }
    }

    /// Which of the traits that an event set at `at` were set again, or removed, by a later one.
    pub fn outdated(&self, note: &ProfileNote, at: SaidAt) -> Vec<String> {
        let ProfileNote::Traits(traits) = note else { return Vec::new() };
        let is_outdated = |name: &&String| {
            let word = self.0.get(&(Kind::Trait, (*name).clone()));
            word.is_some_and(|word| word.at > at)
        };
        traits.keys().filter(is_outdated).cloned().collect()
    }

    /// The time of the newest word.
    pub fn said_ms(&self) -> i64 {
        self.0.values().map(|word| word.at.ms).max().unwrap_or(i64::MIN)
    }

    /// Its JSON text, as it is stored with an event. Nothing if nothing is known.
    pub fn json(&self) -> Option<String> {
        let mut words: Vec<_> = self.0.iter().filter(|(_, word)| !word.value.is_null()).collect();
        words.sort_unstable_by_key(|(key, word)| std::cmp::Reverse((word.at, *key)));
        let (mut shown, mut bytes) = (Shown::default(), FRAME_BYTES);
        for ((kind, name), word) in words {
            let more = cost(name, &word.value);
            if bytes + more > BYTES_MAX {
                continue;
            }
            bytes += more;
            let members = match kind {
                Kind::Trait => &mut shown.traits,
                Kind::Experiment => &mut shown.experiments,
            };
            members.insert(name.clone(), word.value.clone());
        }
        let is_empty = shown.traits.is_empty() && shown.experiments.is_empty();
        (!is_empty).then(|| serde_json::to_string(&shown).unwrap_or_default())
    }

    /// All its words as JSON text, as [`Self::read`] reads them.
    pub fn words_json(&self) -> String {
        let mut kept = Kept::default();
        for ((kind, name), Word { at, value }) in &self.0 {
            let members = match kind {
                Kind::Trait => &mut kept.traits,
                Kind::Experiment => &mut kept.experiments,
            };
            members.insert(name.clone(), (at.ms, at.event.0.to_string(), value.clone()));
        }
        serde_json::to_string(&kept).unwrap_or_default()
    }
}

/// The bytes of a member in JSON, with its colon and comma.
fn cost(name: &str, value: &Value) -> usize {
    Value::from(name).to_string().len() + value.to_string().len() + 2
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

    fn at(ms: i64, event: u128) -> SaidAt {
        SaidAt::new(RowId(Uuid::from_u128(event)), ms, 1_000_000)
    }

    fn profile(words: &[(&ProfileNote, SaidAt)]) -> Profile {
        let mut profile = Profile::default();
        for (note, at) in words {
            profile.apply(note, *at);
        }
        profile
    }

    /// What is known after these words, which must not depend on their order.
    fn known(words: &[(&ProfileNote, SaidAt)]) -> Value {
        let backwards: Vec<_> = words.iter().copied().rev().collect();
        assert_eq!(profile(words), profile(&backwards));
        serde_json::from_str(&profile(words).json().unwrap_or("null".into())).unwrap()
    }

    #[test]
    fn the_later_word_counts_for_each_trait_whichever_arrives_first() {
        let (old, new) =
            (traits(json!({ "plan": "free", "team": "a" })), traits(json!({ "plan": "paid" })));
        let other = traits(json!({ "team": "b", "city": "Bern" }));
        let words = [(&new, at(30, 1)), (&other, at(10, 2)), (&old, at(20, 3))];
        let want = json!({ "traits": { "city": "Bern", "plan": "paid", "team": "a" } });
        assert_eq!(known(&words), want);
    }

    #[test]
    fn a_removed_trait_is_not_brought_back_by_an_older_value() {
        let (set, removed) = (traits(json!({ "a": 1 })), traits(json!({ "a": null })));
        assert_eq!(known(&[(&set, at(1, 1)), (&removed, at(2, 2))]), Value::Null);
        let want = json!({ "traits": { "a": 1 } });
        assert_eq!(known(&[(&set, at(3, 3)), (&removed, at(2, 2))]), want);
    }

    #[test]
    fn a_clock_that_runs_ahead_does_not_have_the_last_word() {
        let (ahead, later) = (traits(json!({ "a": "ahead" })), traits(json!({ "a": "later" })));
        let ahead_at = SaidAt::new(RowId(Uuid::from_u128(1)), i64::MAX, 100);
        let later_at = SaidAt::new(RowId(Uuid::from_u128(2)), 101, 101);
        let want = json!({ "traits": { "a": "later" } });
        assert_eq!(known(&[(&ahead, ahead_at), (&later, later_at)]), want);
    }

    #[test]
    fn of_words_of_the_same_time_the_one_received_later_counts() {
        let (one, two) = (traits(json!({ "a": 1 })), traits(json!({ "a": 2 })));
        let want = json!({ "traits": { "a": 2 } });
        assert_eq!(known(&[(&one, at(5, 1)), (&two, at(5, 2))]), want);
    }

    #[test]
    fn variants_are_kept_apart_from_traits_and_null_takes_them_away() {
        let assigned = traits(json!({ "z": 1, "$experiments": { "x": "blue", "y": 7, "w": "a" } }));
        let variant = ProfileNote::Variant("z".into(), "red".into());
        let ended = traits(json!({ "z": null, "$experiments": { "w": null } }));
        let words = [(&assigned, at(1, 1)), (&variant, at(2, 2)), (&ended, at(3, 3))];
        assert_eq!(known(&words), json!({ "experiments": { "x": "blue", "z": "red" } }));
    }

    #[test]
    fn a_profile_of_an_earlier_version_counts_as_said_when_its_newest_word_was() {
        let json = r#"{"traits":{"a":1,"b":1},"experiments":{"x":"blue"}}"#;
        let mut profile = Profile::of_earlier_version(json, 50);
        assert_eq!((profile.json().as_deref(), profile.said_ms()), (Some(json), 50));
        profile.apply(&traits(json!({ "a": 2 })), at(49, 1));
        profile.apply(&traits(json!({ "b": 2 })), at(50, 1));
        let want = r#"{"traits":{"a":1,"b":2},"experiments":{"x":"blue"}}"#;
        assert_eq!(profile.json().as_deref(), Some(want));
        assert_eq!(Profile::of_earlier_version("no", 1), Profile::default());
    }

    #[test]
    fn only_traits_that_a_later_event_said_again_are_outdated() {
        let (old, new) = (
            traits(json!({ "a": 1, "b": 1, "c": 1, "d": 1 })),
            traits(json!({ "a": 2, "b": null, "e": 2 })),
        );
        let profile = profile(&[(&old, at(1, 1)), (&new, at(2, 2))]);
        assert_eq!(profile.outdated(&old, at(1, 1)), ["a", "b"]);
        assert_eq!(profile.outdated(&new, at(2, 2)), [""; 0]);
        let variant = ProfileNote::Variant("a".into(), "x".into());
        assert_eq!(profile.outdated(&variant, at(0, 0)), [""; 0]);
    }

    #[test]
    fn a_word_that_is_too_large_takes_the_older_one_away() {
        let long = "x".repeat(WORD_BYTES_MAX);
        let (small, large) = (traits(json!({ "a": 1 })), traits(json!({ "a": long })));
        let named = traits(json!({ "n".repeat(NAME_BYTES_MAX + 1): 1 }));
        let words = [(&small, at(1, 1)), (&large, at(2, 2)), (&named, at(3, 3))];
        assert_eq!(known(&words), Value::Null);
    }

    /// Words about a few traits, at a few times, of very different sizes.
    fn word() -> impl Strategy<Value = (ProfileNote, SaidAt)> {
        let value = prop_oneof![
            Just(Value::Null),
            (0_i64..4).prop_map(Value::from),
            (0_usize..1_100).prop_map(|bytes| Value::from("\"".repeat(bytes / 2))),
        ];
        let name = prop_oneof![(0_u32..400).prop_map(|n| format!("t{n}")), "[a-c]".prop_map(|n| n)];
        let members = prop::collection::btree_map(name, value, 0..120);
        let note = (members, any::<bool>()).prop_map(|(members, is_variants)| {
            let members: Map<String, Value> = members.into_iter().collect();
            ProfileNote::Traits(if is_variants {
                Map::from_iter([("$experiments".to_owned(), Value::Object(members))])
            } else {
                members
            })
        });
        (note, 0_i64..6).prop_map(|(note, ms)| (note, at(ms, 0)))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// The words are applied in two orders, some of them twice.
        #[test]
        fn any_order_and_any_repetition_give_the_same_profile(
            words in prop::collection::vec(word(), 0..12),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..24),
        ) {
            let words: Vec<_> = words.into_iter().zip(1_u128..).map(|((note, at), event)| {
                (note, SaidAt { event: RowId(Uuid::from_u128(event)), ..at })
            }).collect();
            let in_order: Vec<_> = words.iter().map(|(note, at)| (note, *at)).collect();
            let order = order.iter().filter(|_| !in_order.is_empty());
            let repeated = order.map(|it| in_order[it.index(in_order.len())]);
            let shuffled: Vec<_> = repeated.chain(in_order.iter().copied().rev()).collect();
            let (one, other) = (profile(&in_order), profile(&shuffled));
            prop_assert_eq!(&one, &other);
            prop_assert_eq!(one.json(), other.json());
            prop_assert_eq!(Profile::read(&one.words_json()), one);
        }

        #[test]
        fn a_profile_stays_within_its_limits(words in prop::collection::vec(word(), 0..30)) {
            let mut profile = Profile::default();
            for ((note, at), event) in words.into_iter().zip(1_u128..) {
                profile.apply(&note, SaidAt { event: RowId(Uuid::from_u128(event)), ..at });
                prop_assert!(profile.0.len() <= WORDS_MAX);
                prop_assert!(profile.json().unwrap_or_default().len() <= BYTES_MAX);
            }
            let bytes_max = WORDS_MAX * (WORD_BYTES_MAX + 80);
            prop_assert!(profile.words_json().len() <= bytes_max);
        }
    }
}

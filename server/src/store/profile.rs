//! Profiles: what events said about a user. Pure.
//!
//! Each trait and each experiment has its own last word, with the time at which it was said. So the
//! profile depends only on which events were stored, never on the order in which they arrived, or
//! on how often they were applied. A removal is a word too. Otherwise an older value that arrives
//! late would bring the trait back.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{ProfileNote, RowId, SaidAt, ShownProfile, Subject, Word, WordName};

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

/// What is known about one user.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Profile(BTreeMap<WordName, Word>);

/// A profile as earlier versions stored it with an event.
#[derive(Default, Deserialize)]
struct ShownEarlier {
    #[serde(default)]
    traits: Map<String, Value>,
    #[serde(default)]
    experiments: Map<String, Value>,
}

/// A profile as an earlier version stored it for itself: of each word, the time, the event and the
/// value.
#[derive(Default, Deserialize)]
struct KeptEarlier {
    #[serde(default)]
    traits: BTreeMap<String, (i64, String, Value)>,
    #[serde(default)]
    experiments: BTreeMap<String, (i64, String, Value)>,
}

impl Profile {
    /// The profile of these words.
    pub fn of_words(words: impl IntoIterator<Item = (WordName, Word)>) -> Self {
        Self(words.into_iter().collect())
    }

    /// The profile that an earlier version stored as one text of all words. Words that cannot be
    /// read are left out: a profile only adds to events.
    pub fn of_words_json(words_json: &str) -> Self {
        let KeptEarlier { traits, experiments } =
            serde_json::from_str(words_json).unwrap_or_default();
        let words = |subject, words: BTreeMap<String, (i64, String, Value)>| {
            words.into_iter().filter_map(move |(name, (ms, event, value))| {
                let event = RowId(Uuid::try_parse(&event).ok()?);
                Some(((subject, name), Word::new(SaidAt { ms, event }, &value)))
            })
        };
        Self::of_words(words(Subject::Trait, traits).chain(words(Subject::Experiment, experiments)))
    }

    /// The profile that an even earlier version stored as `json`, with the time of its newest word.
    pub fn of_shown_json(json: &str, said_ms: i64) -> Self {
        let ShownEarlier { traits, experiments } = serde_json::from_str(json).unwrap_or_default();
        let at = SaidAt { ms: said_ms, event: RowId(Uuid::nil()) };
        let words = |subject, words: Map<String, Value>| {
            words.into_iter().map(move |(name, value)| ((subject, name), Word::new(at, &value)))
        };
        Self::of_words(words(Subject::Trait, traits).chain(words(Subject::Experiment, experiments)))
    }

    /// All its words.
    pub fn words(&self) -> &BTreeMap<WordName, Word> {
        &self.0
    }

    /// Applies what an event said. `null` removes a trait. Returns which words changed, or were
    /// removed to make room.
    pub fn apply(&mut self, note: &ProfileNote, at: SaidAt) -> BTreeSet<WordName> {
        let mut changed = BTreeSet::new();
        match note {
            ProfileNote::Variant(experiment, variant) => {
                let variant = Value::from(variant.as_str());
                self.put((Subject::Experiment, experiment), &variant, at, &mut changed);
            }
            ProfileNote::Traits(traits) => {
                for (name, value) in traits {
                    match value {
                        Value::Object(variants) if name == "$experiments" => {
                            for (experiment, variant) in
                                variants.iter().filter(|(_, it)| it.is_string() || it.is_null())
                            {
                                let name = (Subject::Experiment, experiment.as_str());
                                self.put(name, variant, at, &mut changed);
                            }
                        }
                        value => self.put((Subject::Trait, name), value, at, &mut changed),
                    }
                }
            }
        }
        let over = self.0.len().saturating_sub(WORDS_MAX);
        if over > 0 {
            // Among words of one event, the name decides.
            let mut oldest: Vec<_> = self.0.iter().map(|(name, word)| (word.at, name)).collect();
            oldest.sort_unstable();
            let oldest: Vec<_> = oldest.into_iter().take(over).map(|(_, it)| it.clone()).collect();
            for name in oldest {
                self.0.remove(&name);
                changed.insert(name);
            }
        }
        changed
    }

    fn put(
        &mut self,
        (subject, name): (Subject, &str),
        value: &Value,
        at: SaidAt,
        changed: &mut BTreeSet<WordName>,
    ) {
        if name.len() > NAME_BYTES_MAX {
            return;
        }
        let mut word = Word::new(at, value);
        if cost(name, &word) > WORD_BYTES_MAX {
            word = Word::new(at, &Value::Null);
        }
        let name = (subject, name.to_owned());
        if self.0.get(&name).is_none_or(|known| known.at < at) {
            self.0.insert(name.clone(), word);
            changed.insert(name);
        }
    }

    /// The names that a profile never gets from what an event said, because they or their values
    /// are too large, or because the event says more than a profile holds.
    pub fn refused(note: &ProfileNote) -> Vec<&str> {
        let ProfileNote::Traits(traits) = note else { return Vec::new() };
        let mut said = Self::default();
        let event = RowId(Uuid::nil());
        said.apply(note, SaidAt { ms: 0, event });
        let shown = said.shown();
        let variants = traits.get("$experiments").and_then(Value::as_object).into_iter().flatten();
        let variants = variants.filter(|(_, it)| it.is_string());
        let traits = traits.iter().filter(|(name, it)| *name != "$experiments" || !it.is_object());
        let (traits, variants) = (
            traits.map(|(name, value)| (Subject::Trait, name, value)),
            variants.map(|(name, value)| (Subject::Experiment, name, value)),
        );
        let is_refused = |(subject, name, value): &(Subject, &String, &Value)| {
            !value.is_null() && !shown.has(&(*subject, (*name).clone()))
        };
        traits.chain(variants).filter(is_refused).map(|(_, name, _)| name.as_str()).collect()
    }

    /// Which of the traits that an event set at `at` were set again, or removed, by a later one.
    pub fn outdated(&self, note: &ProfileNote, at: SaidAt) -> Vec<String> {
        let ProfileNote::Traits(traits) = note else { return Vec::new() };
        let is_outdated = |name: &&String| {
            let word = self.0.get(&(Subject::Trait, (*name).clone()));
            word.is_some_and(|word| word.at > at)
        };
        traits.keys().filter(is_outdated).cloned().collect()
    }

    /// What an event shows of it: the newest words that fit.
    pub fn shown(&self) -> ShownProfile {
        let mut words: Vec<_> = self.0.iter().filter(|(_, word)| !word.is_removal()).collect();
        words.sort_unstable_by_key(|(name, word)| std::cmp::Reverse((word.at, *name)));
        let (mut shown, mut bytes) = (ShownProfile::default(), FRAME_BYTES);
        for (name, word) in words {
            let more = cost(&name.1, word);
            if bytes + more <= BYTES_MAX {
                bytes += more;
                shown.set(name.clone(), word.json.clone());
            }
        }
        shown
    }
}

/// The bytes of a member in JSON, with its colon and comma.
fn cost(name: &str, word: &Word) -> usize {
    Value::from(name).to_string().len() + word.json.len() + 2
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

    fn shown_json(profile: &Profile) -> Option<String> {
        let shown = profile.shown();
        (!shown.is_empty()).then(|| shown.json())
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
        serde_json::from_str(&shown_json(&profile(words)).unwrap_or("null".into())).unwrap()
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
        let mut profile = Profile::of_shown_json(json, 50);
        assert_eq!(shown_json(&profile).as_deref(), Some(json));
        profile.apply(&traits(json!({ "a": 2 })), at(49, 1));
        profile.apply(&traits(json!({ "b": 2 })), at(50, 1));
        let want = r#"{"traits":{"a":1,"b":2},"experiments":{"x":"blue"}}"#;
        assert_eq!(shown_json(&profile).as_deref(), Some(want));
        assert_eq!(Profile::of_shown_json("no", 1), Profile::default());
        let words = r#"{"traits":{"a":[9,"00000000-0000-0000-0000-000000000001",null],"b":[1,"no",2]},
            "experiments":{"x":[3,"00000000-0000-0000-0000-000000000002","blue"]}}"#;
        let profile = Profile::of_words_json(words);
        let want = [
            ((Subject::Trait, "a".to_owned()), Word::new(at(9, 1), &Value::Null)),
            ((Subject::Experiment, "x".to_owned()), Word::new(at(3, 2), &"blue".into())),
        ];
        assert_eq!(profile, Profile::of_words(want), "a word that cannot be read is left out");
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

        /// What changes is all that a database has to write.
        #[test]
        fn words_that_did_not_change_are_as_they_were(
            words in prop::collection::vec(word(), 1..12),
        ) {
            let (mut profile, mut kept) = (Profile::default(), BTreeMap::new());
            for ((note, at), event) in words.into_iter().zip(1_u128..) {
                let at = SaidAt { event: RowId(Uuid::from_u128(event)), ..at };
                for name in profile.apply(&note, at) {
                    match profile.words().get(&name) {
                        Some(word) => kept.insert(name, word.clone()),
                        None => kept.remove(&name),
                    };
                }
                prop_assert_eq!(profile.words(), &kept);
            }
        }

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
            prop_assert_eq!(one.shown().json(), other.shown().json());
            prop_assert_eq!(Profile::of_words(one.words().clone()), one);
        }

        #[test]
        fn a_profile_stays_within_its_limits(words in prop::collection::vec(word(), 0..30)) {
            let mut profile = Profile::default();
            for ((note, at), event) in words.into_iter().zip(1_u128..) {
                profile.apply(&note, SaidAt { event: RowId(Uuid::from_u128(event)), ..at });
                prop_assert!(profile.0.len() <= WORDS_MAX);
                prop_assert!(profile.shown().json().len() <= BYTES_MAX);
            }
            let bytes = |(name, word): (&WordName, &Word)| name.1.len() + word.json.len();
            prop_assert!(profile.0.iter().map(bytes).max() <= Some(WORD_BYTES_MAX));
        }
    }
}

//! Profiles as events show them, and what changes from one to the next. Pure.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::profile_word::REMOVED;
use super::{Subject, WordName};

/// A profile as an event shows it, or what changes in one: then `null` removes a member.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShownProfile(BTreeMap<WordName, Box<str>>);

/// Its form in JSON.
#[derive(Default, Deserialize)]
struct Form<'a> {
    #[serde(borrow, default)]
    traits: BTreeMap<String, &'a RawValue>,
    #[serde(borrow, default)]
    experiments: BTreeMap<String, &'a RawValue>,
}

fn members(
    subject: Subject,
    members: BTreeMap<String, &RawValue>,
) -> impl Iterator<Item = (WordName, Box<str>)> {
    members.into_iter().map(move |(name, json)| ((subject, name), json.get().into()))
}

impl ShownProfile {
    /// The profile with this text. Empty if it cannot be read: a profile only adds to events.
    pub fn read(json: &str) -> Self {
        let Form { traits, experiments } = serde_json::from_str(json).unwrap_or_default();
        let traits = members(Subject::Trait, traits);
        Self(traits.chain(members(Subject::Experiment, experiments)).collect())
    }

    /// The profile that a whole one and later changes add up to, as texts, in this order. Nothing
    /// if there are none.
    pub fn add_up<'a>(texts: impl IntoIterator<Item = &'a str>) -> Option<String> {
        let mut texts = texts.into_iter();
        let whole = texts.next()?;
        let Some(change) = texts.next() else { return Some(whole.to_owned()) };
        let mut shown = Self::read(whole);
        shown.change(Self::read(change));
        texts.for_each(|change| shown.change(Self::read(change)));
        Some(shown.json())
    }

    /// Sets the value of a member.
    pub fn set(&mut self, name: WordName, json: Box<str>) {
        self.0.insert(name, json);
    }

    /// Whether it has a member.
    pub fn has(&self, name: &WordName) -> bool {
        self.0.contains_key(name)
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What has to change in this one to get `next`.
    #[must_use]
    pub fn change_to(&self, next: &Self) -> Self {
        let gone = self.0.keys().filter(|name| !next.0.contains_key(name));
        let gone = gone.map(|name| (name.clone(), REMOVED.into()));
        let set = next.0.iter().filter(|(name, json)| self.0.get(*name) != Some(json));
        Self(gone.chain(set.map(|(name, json)| (name.clone(), json.clone()))).collect())
    }

    /// Makes these changes.
    pub fn change(&mut self, change: Self) {
        for (name, json) in change.0 {
            if &*json == REMOVED {
                self.0.remove(&name);
            } else {
                self.0.insert(name, json);
            }
        }
    }

    /// Its text.
    pub fn json(&self) -> String {
        let mut out = String::from("{");
        for (subject, member) in
            [(Subject::Trait, "\"traits\":{"), (Subject::Experiment, "\"experiments\":{")]
        {
            let mut members = self.0.iter().filter(|(name, _)| name.0 == subject).peekable();
            if members.peek().is_none() {
                continue;
            }
            if out.len() > 1 {
                out.push(',');
            }
            out.push_str(member);
            for (at, ((_, name), json)) in members.enumerate() {
                if at > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                out.push_str(json);
            }
            out.push('}');
        }
        out.push('}');
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown() -> impl Strategy<Value = ShownProfile> {
        let subject = prop_oneof![Just(Subject::Trait), Just(Subject::Experiment)];
        let json = prop_oneof![
            "[a-z\"\\\\\u{0}é]{0,6}".prop_map(|text| Value::from(text).to_string()),
            Just("1e3".to_owned()),
            Just("[null,{\"a\":null}]".to_owned()),
        ];
        let member = ((subject, "[a-c\"é\u{0}]{0,2}"), json.prop_map(String::into_boxed_str));
        prop::collection::btree_map(member.0, member.1, 0..6).prop_map(ShownProfile)
    }

    proptest! {
        #[test]
        fn a_whole_profile_and_its_changes_add_up_to_the_last_one(
            versions in prop::collection::vec(shown(), 1..8),
        ) {
            let mut texts = vec![versions[0].json()];
            for two in versions.windows(2) {
                texts.push(two[0].change_to(&two[1]).json());
            }
            let added_up = ShownProfile::add_up(texts.iter().map(String::as_str));
            prop_assert_eq!(added_up, versions.last().map(ShownProfile::json));
            let last = versions.last().cloned().unwrap_or_default();
            prop_assert_eq!(ShownProfile::read(&last.json()), last);
        }
    }

    #[test]
    fn a_text_is_the_one_that_events_have_always_shown() {
        let text = r#"{"traits":{"a":1,"b":[null]},"experiments":{"x":"blue"}}"#;
        assert_eq!(ShownProfile::read(text).json(), text);
        assert_eq!(ShownProfile::default().json(), "{}");
        assert_eq!(ShownProfile::add_up([]), None);
    }
}

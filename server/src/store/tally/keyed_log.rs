//! What transactions have counted, by key: a row of the log for each of them, in databases with
//! several writers. No writer knows the number of a tally, or whether it has room.

use std::collections::HashMap;
use std::hash::BuildHasher;

use super::bytes::{put, put_text, take, take_text};
use super::change::TallyChange;
use super::errors::ErrorSample;
use super::facts::PropertyFacts;
use super::key::{TallyKey, TallyKind};
use super::seen::Seen;
use crate::store::Week;

/// The version of the bytes.
const VERSION: i64 = 1;

/// What is added to one tally.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Logged {
    /// How many.
    pub seen: Seen,
    /// The last error, and the week that it happened in.
    pub sample: Option<(Week, ErrorSample)>,
    /// What is known of the properties of the events that were looked at.
    pub facts: Option<PropertyFacts>,
}

impl Logged {
    fn then(&mut self, later: Self) {
        self.seen.then(&later.seen);
        if let Some((week, sample)) = later.sample
            && self.sample.as_ref().is_none_or(|(of, _)| *of <= week)
        {
            self.sample = Some((week, sample));
        }
        match (&mut self.facts, later.facts) {
            (Some(facts), Some(later)) => facts.then(&later),
            (facts @ None, later) => *facts = later,
            (Some(_), None) => {}
        }
    }
}

/// How much of a tally a reader of the log wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Nothing.
    Nothing,
    /// How many.
    Counts,
    /// Also its sample, or what is known of properties.
    Everything,
}

/// What is added to tallies, in the order in which each was first counted.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct KeyedLog {
    tallies: Vec<(TallyKey<'static>, Logged)>,
    places: HashMap<TallyKey<'static>, usize>,
}

impl KeyedLog {
    /// Whether nothing is added.
    pub fn is_empty(&self) -> bool {
        self.tallies.is_empty()
    }

    /// Every tally with what is added to it.
    pub fn iter(&self) -> impl Iterator<Item = &(TallyKey<'static>, Logged)> {
        self.tallies.iter()
    }

    /// Every tally with what is added to it.
    pub fn into_tallies(self) -> Vec<(TallyKey<'static>, Logged)> {
        self.tallies
    }

    /// Adds to a tally.
    pub fn add(&mut self, key: TallyKey<'static>, logged: Logged) {
        let known = self.places.get(&key).and_then(|place| self.tallies.get_mut(*place));
        if let Some((_, known)) = known {
            known.then(logged);
        } else {
            self.places.insert(key.clone(), self.tallies.len());
            self.tallies.push((key, logged));
        }
    }

    /// Adds what is wanted of a row of the log. `None` if this version did not write it.
    pub fn read(
        &mut self,
        mut bytes: &[u8],
        wanted: impl Fn(&TallyKey<'_>) -> Wanted,
    ) -> Option<()> {
        let bytes = &mut bytes;
        take(bytes).filter(|version| *version == VERSION)?;
        while !bytes.is_empty() {
            let kind = TallyKind::from_number(take(bytes)?)?;
            let key = TallyKey::new(kind, take_text(bytes)?, take_text(bytes)?);
            let seen = Seen::read(bytes)?;
            let (sample, facts) = (take_text(bytes)?, take_text(bytes)?);
            let wanted = wanted(&key);
            if wanted == Wanted::Nothing {
                continue;
            }
            let mut logged = Logged { seen, ..Logged::default() };
            if wanted == Wanted::Everything && !sample.is_empty() {
                let week = Week::of_ms(logged.seen.last_ms);
                logged.sample = Some((week, serde_json::from_str(sample).ok()?));
            }
            if wanted == Wanted::Everything && !facts.is_empty() {
                logged.facts = Some(serde_json::from_str(facts).ok()?);
            }
            self.add(key.into_owned(), logged);
        }
        Some(())
    }
}

/// The row of a transaction.
///
/// # Errors
/// If a sample or a fact has no JSON, which does not happen.
pub fn write_keyed<S: BuildHasher>(
    change: &TallyChange<'_>,
    facts: &HashMap<TallyKey<'_>, PropertyFacts, S>,
) -> serde_json::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(64 * change.seen.len());
    put(&mut bytes, VERSION);
    let mut keys: Vec<_> = change.seen.iter().collect();
    keys.sort_by(|(one, _), (other, _)| one.cmp(other));
    for (key, seen) in keys {
        put(&mut bytes, key.kind.number());
        put_text(&mut bytes, &key.owner);
        put_text(&mut bytes, &key.label);
        seen.write(&mut bytes);
        let sample = change.samples.get(key).map(serde_json::to_string).transpose()?;
        put_text(&mut bytes, &sample.unwrap_or_default());
        let facts = facts.get(key).map(serde_json::to_string).transpose()?;
        put_text(&mut bytes, &facts.unwrap_or_default());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> impl Strategy<Value = TallyKey<'static>> {
        (0_usize..8, "[\u{0}\u{10FFFF}a-c]{0,2}", "\\PC{0,3}").prop_map(|(kind, owner, label)| {
            TallyKey { kind: TallyKind::ALL[kind], owner: owner.into(), label: label.into() }
        })
    }

    fn tally() -> impl Strategy<Value = (TallyKey<'static>, Logged)> {
        let at_ms = 0_i64..4_000_000_000_000;
        let minutes = prop::collection::vec((any::<i64>(), any::<i64>()), 0..4);
        let sample = prop::option::of("\\PC{0,9}");
        let facts = prop::option::of("[a-c\u{0}]{0,2}");
        (key(), at_ms.clone(), at_ms, minutes, sample, facts).prop_map(
            |(key, first_ms, last_ms, minutes, sample, facts)| {
                let facts = facts.map(|value| {
                    let mut facts = PropertyFacts::default();
                    facts.look(Some(&serde_json::json!({ "a": value }).to_string()), first_ms);
                    facts
                });
                let sample = sample.map(|it| (Week::of_ms(last_ms), ErrorSample::new(None, &it)));
                (key, Logged { seen: Seen { first_ms, last_ms, minutes }, sample, facts })
            },
        )
    }

    fn written(tallies: &[(TallyKey<'static>, Logged)]) -> Vec<u8> {
        let (mut change, mut facts) = (TallyChange::default(), HashMap::new());
        for (key, logged) in tallies {
            change.seen.retain(|(known, _)| known != key);
            change.seen.push((key.clone(), logged.seen.clone()));
            let sample = logged.sample.clone().map(|(_, sample)| (key.clone(), sample));
            change.samples.extend(sample);
            facts.extend(logged.facts.clone().map(|facts| (key.clone(), facts)));
        }
        write_keyed(&change, &facts).unwrap()
    }

    proptest! {
        #[test]
        fn a_row_is_read_as_it_was_written(
            tallies in prop::collection::btree_map(key(), tally(), 0..9),
        ) {
            let tallies: Vec<_> =
                tallies.into_iter().map(|(key, (_, logged))| (key, logged)).collect();
            let (bytes, mut log) = (written(&tallies), KeyedLog::default());
            prop_assert_eq!(log.read(&bytes, |_| Wanted::Everything), Some(()));
            prop_assert_eq!(&log.tallies, &tallies);
            let mut counts = KeyedLog::default();
            let names = |key: &TallyKey<'_>| match key.kind {
                TallyKind::Name => Wanted::Counts,
                _ => Wanted::Nothing,
            };
            prop_assert_eq!(counts.read(&bytes, names), Some(()));
            let wanted: Vec<_> = tallies
                .into_iter()
                .filter(|(key, _)| key.kind == TallyKind::Name)
                .map(|(key, logged)| (key, Logged { seen: logged.seen, ..Logged::default() }))
                .collect();
            prop_assert_eq!(counts.tallies, wanted);
        }

        #[test]
        fn any_bytes_are_a_row_or_not_without_a_panic(mut bytes: Vec<u8>, is_version: bool) {
            if is_version {
                bytes.insert(0, 2);
            }
            let _ = KeyedLog::default().read(&bytes, |_| Wanted::Everything);
        }
    }
}

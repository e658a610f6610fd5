//! Adding the log by key to the tallies that are stored.

use std::collections::BTreeSet;

use super::counts::Counts;
use super::errors::ErrorSample;
use super::facts::PropertyFacts;
use super::key::{OVERFLOW, TallyKey, TallyOwner};
use super::keyed_log::KeyedLog;
use super::places::TallyPlaces;
use crate::store::Week;

/// A tally to which the log adds something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded {
    /// Which.
    pub key: TallyKey<'static>,
    /// Its number in the database. `None` if it is new.
    pub number: Option<i64>,
    /// Its counts, with those of the log.
    pub counts: Counts,
    /// The last error of the log, and the week that it happened in.
    pub sample: Option<(Week, ErrorSample)>,
    /// What the log adds to what is known of properties.
    pub facts: Option<PropertyFacts>,
}

/// What must be read before a log can be added.
#[derive(Debug, Default)]
pub struct NeededTallies {
    /// Tallies that may be stored.
    pub keys: BTreeSet<TallyKey<'static>>,
}

impl NeededTallies {
    /// What a log needs: its tallies, and those that count instead of them.
    pub fn of(log: &KeyedLog) -> Self {
        let keys = log.iter().flat_map(|(key, _)| [key.clone(), key.clone().admitted(usize::MAX)]);
        Self { keys: keys.collect() }
    }

    /// The owners whose number of tallies is needed, when these tallies were found: those with a
    /// new one.
    pub fn owners(&self, found: &[(TallyKey<'static>, i64, Counts)]) -> Vec<TallyOwner> {
        let found: BTreeSet<_> = found.iter().map(|(key, ..)| key).collect();
        let is_new = |key: &&TallyKey<'static>| {
            key.is_limited() && key.label != OVERFLOW && !found.contains(key)
        };
        let new = self.keys.iter().filter(is_new);
        let mut owners: Vec<_> = new.map(TallyKey::counted_for).collect();
        owners.sort();
        owners.dedup();
        owners
    }
}

/// Adds a log to the tallies that it needs and that are stored, each with its number, while owners
/// have this number of tallies with a label.
pub fn fold(
    log: KeyedLog,
    stored: Vec<(TallyKey<'static>, i64, Counts)>,
    counted: impl IntoIterator<Item = (TallyOwner, usize)>,
) -> Vec<Folded> {
    let (mut places, mut tallies) = (TallyPlaces::default(), Vec::new());
    for (key, number, counts) in stored {
        places.put(key.clone(), tallies.len());
        let (sample, facts) = (None, None);
        tallies.push((false, Folded { key, number: Some(number), counts, sample, facts }));
    }
    for (owner, count) in counted {
        places.count(owner, count);
    }
    for (key, logged) in log.into_tallies() {
        let own = places.counting(&key);
        let place = places.get(&own).unwrap_or_else(|| {
            places.put(own.clone(), tallies.len());
            let counts = Counts::at(logged.seen.first_ms);
            let (key, sample, facts) = (own.clone(), None, None);
            tallies.push((false, Folded { key, number: None, counts, sample, facts }));
            tallies.len() - 1
        });
        let Some((is_changed, tally)) = tallies.get_mut(place) else { continue };
        *is_changed = true;
        logged.seen.add_to(&mut tally.counts, own.kind);
        tally.sample = logged.sample.or_else(|| tally.sample.take());
        // What has no tally of its own has no properties either.
        tally.facts = logged.facts.filter(|_| own == key).or_else(|| tally.facts.take());
    }
    tallies.into_iter().filter(|(is_changed, _)| *is_changed).map(|(_, tally)| tally).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tally::{Logged, NAMES_MAX, Seen, TallyKind};

    fn key(label: &str) -> TallyKey<'static> {
        TallyKey::new(TallyKind::Name, "web", label).into_owned()
    }

    fn log(labels: &[&str]) -> KeyedLog {
        let mut log = KeyedLog::default();
        for label in labels {
            let (mut seen, mut facts) = (Seen::at(5), PropertyFacts::default());
            seen.add(5, 1);
            facts.look(Some(r#"{"a":1}"#), 5);
            log.add(key(label), Logged { seen, sample: None, facts: Some(facts) });
        }
        log
    }

    #[test]
    fn the_last_room_goes_to_the_first_name_and_others_are_counted_together() {
        let log = log(&["known", "first", "second", "third", "known"]);
        let needed = NeededTallies::of(&log);
        assert_eq!(needed.keys.len(), 5);
        let stored = vec![(key("known"), 7, Counts::at(1))];
        let owners = needed.owners(&stored);
        assert_eq!(owners, [key("first").counted_for()]);
        let known = needed.keys.iter().filter(|key| key.label != OVERFLOW);
        let known: Vec<_> = known.map(|key| (key.clone(), 1, Counts::at(1))).collect();
        assert_eq!(needed.owners(&known), [], "nothing is new");
        let folded = fold(log, stored, owners.into_iter().map(|owner| (owner, NAMES_MAX - 1)));
        let told: Vec<_> = folded
            .iter()
            .map(|it| (it.key.label.as_ref(), it.number, it.counts.total(), it.facts.is_some()))
            .collect();
        let want =
            [("known", Some(7), 2, true), ("first", None, 1, true), (OVERFLOW, None, 2, false)];
        assert_eq!(told, want);
    }
}

//! What was counted since it was last added to the rows of tallies.

use std::collections::BTreeMap;

use super::bytes::{put, take};
use super::seen::Seen;

/// What is added to each tally, by its number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TallyLog(BTreeMap<i64, Seen>);

impl TallyLog {
    /// Adds to a tally.
    pub fn add(&mut self, tally: i64, seen: Seen) {
        match self.0.get_mut(&tally) {
            Some(known) => known.then(&seen),
            None => {
                self.0.insert(tally, seen);
            }
        }
    }

    /// What is added to a tally.
    pub fn get(&self, tally: i64) -> Option<&Seen> {
        self.0.get(&tally)
    }

    /// Every tally with what is added to it.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &Seen)> {
        self.0.iter().map(|(tally, seen)| (*tally, seen))
    }

    /// The bytes that a database keeps.
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(16 * self.0.len());
        for (tally, seen) in &self.0 {
            put(&mut bytes, *tally);
            seen.write(&mut bytes);
        }
        bytes
    }

    /// The log of these bytes. `None` if this version did not write them.
    pub fn read(mut bytes: &[u8]) -> Option<Self> {
        let (bytes, mut log) = (&mut bytes, BTreeMap::new());
        while !bytes.is_empty() {
            log.insert(take(bytes)?, Seen::read(bytes)?);
        }
        Some(Self(log))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_log_is_read_as_it_was_written(
            added in prop::collection::vec(
                (0_i64..5, any::<i64>(), any::<i64>(), prop::collection::vec(any::<(i64, i64)>(), 0..4)),
                0..20,
            ),
        ) {
            let seen = added.into_iter().map(|(tally, first_ms, last_ms, minutes)| {
                (tally, Seen { first_ms, last_ms, minutes })
            });
            let log = TallyLog(seen.collect());
            prop_assert_eq!(TallyLog::read(&log.write()), Some(log));
        }

        #[test]
        fn any_bytes_are_a_log_or_not_without_a_panic(bytes: Vec<u8>) {
            let _ = TallyLog::read(&bytes);
        }
    }
}

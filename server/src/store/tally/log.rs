//! What was counted since it was last added to the rows of tallies.

use std::collections::BTreeMap;

use super::bytes::{put, take};
use super::change::Seen;

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
        for (tally, Seen { first_ms, last_ms, minutes }) in &self.0 {
            put(&mut bytes, *tally);
            put(&mut bytes, *first_ms);
            put(&mut bytes, last_ms.wrapping_sub(*first_ms));
            put(&mut bytes, i64::try_from(minutes.len()).unwrap_or(i64::MAX));
            let mut before = first_ms.div_euclid(60_000);
            for (minute, count) in minutes {
                put(&mut bytes, minute.wrapping_sub(before));
                put(&mut bytes, *count);
                before = *minute;
            }
        }
        bytes
    }

    /// The log of these bytes. `None` if this version did not write them.
    pub fn read(mut bytes: &[u8]) -> Option<Self> {
        let (bytes, mut log) = (&mut bytes, BTreeMap::new());
        while !bytes.is_empty() {
            let (tally, first_ms) = (take(bytes)?, take(bytes)?);
            let last_ms = first_ms.wrapping_add(take(bytes)?);
            let (len, mut minutes) = (take(bytes)?, Vec::new());
            let mut before = first_ms.div_euclid(60_000);
            for _ in 0..len {
                let minute = before.wrapping_add(take(bytes)?);
                minutes.push((minute, take(bytes)?));
                before = minute;
            }
            log.insert(tally, Seen { first_ms, last_ms, minutes });
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

//! The ledgers that the writer wrote last. A page that stays open sends again soon, and its ledger
//! is not read again then.
//!
//! Only the writer changes ledgers, so they are as it wrote them, unless that was rolled back.

use std::collections::HashMap;

use lamplight_wire::Producer;

use super::ledgers::INLINE_BYTES_MAX;
use crate::store::apply::{LedgerWrite, StoredLedger};

/// How many ledgers are kept at least. There are up to twice as many, of about 300 bytes each.
const KEPT_MIN: usize = 4_096;

/// The ledgers, each of which is the last that was written of its producer. Those that count for
/// all sources, and long ones, are not in it.
#[derive(Debug, Default)]
pub(crate) struct LedgerCache {
    young: HashMap<Producer, StoredLedger>,
    /// Those that were young before.
    old: HashMap<Producer, StoredLedger>,
}

impl LedgerCache {
    /// Takes out the ledger of a producer in a source.
    pub(super) fn take(&mut self, producer: Producer, source: &str) -> Option<StoredLedger> {
        let found = self.young.remove(&producer).or_else(|| self.old.remove(&producer))?;
        (found.ledger.source == source).then_some(found)
    }

    /// Adds what was just written, with the bytes of its texts.
    pub(super) fn add(&mut self, write: &LedgerWrite, text_bytes: usize) {
        let LedgerWrite { producer, ledger, sums, .. } = write;
        self.old.remove(producer);
        if ledger.is_shared || text_bytes > INLINE_BYTES_MAX {
            self.young.remove(producer);
            return;
        }
        let stored = StoredLedger { ledger: ledger.clone(), sums: *sums, text_bytes };
        self.young.insert(*producer, stored);
        if self.young.len() >= KEPT_MIN {
            self.old = std::mem::take(&mut self.young);
        }
    }

    /// Forgets everything, because somebody else changed ledgers, or a transaction was rolled back.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::ledger::{Arrival, Ledger};

    fn write(producer: u128, source: &str, arrived: u64) -> LedgerWrite {
        let mut ledger = Ledger::new(source, 0);
        for seq in 1..=arrived {
            assert_eq!(ledger.arrive(seq), Arrival::First);
        }
        LedgerWrite {
            producer: Producer::from_bits(producer),
            sums: ledger.sums(),
            ledger,
            has_new_ranges: true,
            text_bytes_before: 0,
            received_before: 0,
        }
    }

    /// How many numbers arrived, of a ledger that is there.
    fn taken(cache: &mut LedgerCache, producer: u128, source: &str) -> Option<u64> {
        cache.take(Producer::from_bits(producer), source).map(|stored| stored.sums.received)
    }

    #[test]
    fn the_last_that_was_written_is_taken_once() {
        let mut cache = LedgerCache::default();
        cache.add(&write(1, "web", 1), 10);
        cache.add(&write(1, "web", 2), 10);
        assert_eq!(taken(&mut cache, 1, "web"), Some(2));
        assert_eq!(taken(&mut cache, 1, "web"), None);
    }

    #[test]
    fn none_is_taken_for_another_one() {
        let mut cache = LedgerCache::default();
        cache.add(&write(1, "web", 1), 10);
        assert_eq!(taken(&mut cache, 1, "app"), None);
        cache.add(&write(2, "web", 1), 10);
        cache.add(&write(2, "web", 2), INLINE_BYTES_MAX + 1);
        assert_eq!(taken(&mut cache, 2, "web"), None, "a long one");
        cache.add(&write(3, "web", 1), 10);
        let mut shared = write(3, "web", 2);
        shared.ledger.is_shared = true;
        cache.add(&shared, 10);
        assert_eq!(taken(&mut cache, 3, "web"), None, "one that counts for all sources");
        cache.add(&write(4, "web", 1), 10);
        cache.clear();
        assert_eq!(taken(&mut cache, 4, "web"), None, "a forgotten one");
    }

    #[test]
    fn it_stays_small_and_keeps_the_newest() {
        let mut cache = LedgerCache::default();
        let count = 5 * KEPT_MIN as u128 + 7;
        for producer in 0..count {
            cache.add(&write(producer, "web", 1), 10);
            // One that was old becomes young again.
            if producer == KEPT_MIN as u128 {
                cache.add(&write(0, "web", 2), 10);
                assert_eq!(taken(&mut cache, 0, "web"), Some(2));
            }
        }
        assert!(cache.young.len() + cache.old.len() <= 2 * KEPT_MIN);
        for producer in count - KEPT_MIN as u128..count {
            assert_eq!(taken(&mut cache, producer, "web"), Some(1), "{producer}");
        }
        assert_eq!(taken(&mut cache, 0, "web"), None);
    }
}

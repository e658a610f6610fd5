//! A producer's ledger: which of its sequence numbers arrived, which it declared as dropped, and so
//! which are missing.
//!
//! Pure. The same structure is the exact deduplication and the proof of completeness.

use lamplight_wire::batch::ProducerNote;
use lamplight_wire::{Producer, Ranges};

use super::{Completeness, EventTrace, IN_FLIGHT_MS, Week};

/// The most ranges that a ledger keeps for received numbers, and for the dropped ones of each
/// reason. A real page has a handful. Without a limit, a client that invents numbers could make
/// every write of its ledger slower than the last.
pub const RANGES_MAX: usize = 10_000;
/// The most reasons that a ledger keeps apart. Any others are kept as [`OTHER_REASON`].
pub const REASONS_MAX: usize = 16;
/// The reason of numbers that were dropped for any reason beyond [`REASONS_MAX`].
pub const OTHER_REASON: &str = "other";

/// What a ledger decides about a number that arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// The number is new and is now in the ledger.
    First,
    /// Arrived before.
    Again,
    /// Rejected: the received numbers are too scattered to come from a page.
    TooScattered,
}

/// The counts of a ledger. `made = received + declared + missing`, always.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Numbers that the producer assigned.
    pub made: u64,
    /// Numbers that arrived.
    pub received: u64,
    /// Numbers that were declared as dropped and did not arrive.
    pub declared: u64,
    /// Numbers that neither arrived nor were declared as dropped.
    pub missing: u64,
}

/// A producer's ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    /// The source of its first payload.
    pub source: String,
    /// The numbers that arrived.
    pub received: Ranges,
    /// The numbers that it declared as dropped, by reason, whether they arrived or not.
    pub dropped: Vec<(String, Ranges)>,
    /// The number of its next event, as far as it declared.
    pub next: u64,
    /// When its first payload was received, in milliseconds since 1970.
    pub first_heard_ms: i64,
    /// When its last payload was received, in milliseconds since 1970.
    pub last_heard_ms: i64,
}

impl Ledger {
    /// The ledger of a new producer.
    pub fn new(source: &str, heard_ms: i64) -> Self {
        Self {
            source: source.to_owned(),
            received: Ranges::new(),
            dropped: Vec::new(),
            next: 0,
            first_heard_ms: heard_ms,
            last_heard_ms: heard_ms,
        }
    }

    /// Records that a payload of the producer was received. Payloads may be processed in any order.
    pub fn record_contact(&mut self, heard_ms: i64) {
        self.first_heard_ms = self.first_heard_ms.min(heard_ms);
        self.last_heard_ms = self.last_heard_ms.max(heard_ms);
    }

    /// The weeks of its first and its last payload. None of its events was received outside of
    /// them.
    pub fn heard_weeks(&self) -> (Week, Week) {
        (Week::of_ms(self.first_heard_ms), Week::of_ms(self.last_heard_ms))
    }

    /// Records that a number arrived.
    pub fn arrive(&mut self, seq: u64) -> Arrival {
        if self.received.contains(seq) {
            return Arrival::Again;
        }
        if self.received.as_slice().len() >= RANGES_MAX && !self.touches(seq) {
            return Arrival::TooScattered;
        }
        self.received.insert(seq);
        Arrival::First
    }

    fn touches(&self, seq: u64) -> bool {
        self.received.contains(seq + 1) || (seq > 1 && self.received.contains(seq - 1))
    }

    /// Applies what the page declared about the producer.
    pub fn apply_declaration(&mut self, note: &ProducerNote) {
        self.next = self.next.max(note.next);
        for (reason, ranges) in &note.dropped {
            let at = self.reason_at(reason);
            let Some((_, kept)) = self.dropped.get_mut(at) else { continue };
            // Beyond the limit a declaration is ignored. Its numbers stay holes, so they stay
            // visible.
            if kept.as_slice().len() + ranges.as_slice().len() <= RANGES_MAX {
                kept.union(ranges);
            }
        }
    }

    fn reason_at(&mut self, reason: &str) -> usize {
        let known = |kept: &[(String, Ranges)], reason: &str| {
            kept.iter().position(|(code, _)| code == reason)
        };
        if let Some(at) = known(&self.dropped, reason) {
            return at;
        }
        let code = if self.dropped.len() < REASONS_MAX { reason } else { OTHER_REASON };
        known(&self.dropped, code).unwrap_or_else(|| {
            self.dropped.push((code.to_owned(), Ranges::new()));
            self.dropped.len() - 1
        })
    }

    /// How many numbers the producer assigned, as far as is known.
    pub fn made(&self) -> u64 {
        let dropped = self.dropped.iter().filter_map(|(_, ranges)| ranges.last()).max();
        self.next.saturating_sub(1).max(self.received.last().unwrap_or(0)).max(dropped.unwrap_or(0))
    }

    /// The numbers that were declared as dropped and did not arrive, by reason. A number with two
    /// reasons counts under the first.
    pub fn declared(&self) -> Vec<(String, Ranges)> {
        let mut seen = self.received.clone();
        let mut declared = Vec::new();
        for (reason, ranges) in &self.dropped {
            let fresh = ranges.minus(&seen);
            if !fresh.is_empty() {
                seen.union(&fresh);
                declared.push((reason.clone(), fresh));
            }
        }
        declared
    }

    /// The numbers that neither arrived nor were given up.
    pub fn holes(&self) -> Ranges {
        let mut holes = self.received.holes(self.made() + 1);
        for (_, ranges) in &self.dropped {
            holes = holes.minus(ranges);
        }
        holes
    }

    /// What is known of a number that did not arrive. Nothing if it was never given out.
    pub fn missing(&self, producer: Producer, seq: u64) -> Option<EventTrace> {
        if seq == 0 || seq > self.made() || self.received.contains(seq) {
            return None;
        }
        let reason = self
            .declared()
            .into_iter()
            .find_map(|(reason, ranges)| ranges.contains(seq).then_some(reason));
        let verdict =
            if reason.is_some() { Completeness::Declared } else { Completeness::InFlight };
        let last_heard_ms = self.last_heard_ms;
        Some(EventTrace::Missing { producer, seq, verdict, reason, last_heard_ms })
    }

    /// Its counts.
    pub fn sums(&self) -> Sums {
        let sums = Sums {
            made: self.made(),
            received: self.received.count(),
            declared: self.declared().iter().map(|(_, ranges)| ranges.count()).sum(),
            missing: self.holes().count(),
        };
        debug_assert_eq!(sums.made, sums.received + sums.declared + sums.missing);
        sums
    }

    /// How complete its events are at `now_ms`.
    pub fn verdict(&self, sums: Sums, now_ms: i64) -> Completeness {
        match (sums.missing, sums.declared) {
            (0, 0) => Completeness::Complete,
            (0, _) => Completeness::Declared,
            _ if self.last_heard_ms >= now_ms.saturating_sub(IN_FLIGHT_MS) => {
                Completeness::InFlight
            }
            _ => Completeness::Lost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::ledger_text::{read_dropped, read_received};
    use proptest::prelude::*;

    fn ranges(pairs: &[(u64, u64)]) -> Ranges {
        pairs.iter().copied().collect()
    }

    #[test]
    fn a_number_below_next_that_neither_arrived_nor_was_given_up_is_a_hole() {
        let mut ledger = Ledger::new("web", 1);
        for seq in [1, 2, 5] {
            assert_eq!(ledger.arrive(seq), Arrival::First);
        }
        ledger.apply_declaration(&ProducerNote {
            next: 9,
            dropped: vec![("quota".into(), ranges(&[(3, 3)]))],
        });
        assert_eq!(ledger.holes(), ranges(&[(4, 4), (6, 8)]));
        assert_eq!(ledger.declared(), vec![("quota".to_owned(), ranges(&[(3, 3)]))]);
        assert_eq!(ledger.sums(), Sums { made: 8, received: 3, declared: 1, missing: 4 });
    }

    #[test]
    fn a_number_that_was_given_up_and_arrived_after_all_is_not_declared() {
        let mut ledger = Ledger::new("web", 1);
        ledger.apply_declaration(&ProducerNote {
            next: 3,
            dropped: vec![("quota".into(), ranges(&[(1, 2)]))],
        });
        assert_eq!(ledger.arrive(2), Arrival::First);
        assert_eq!(ledger.sums(), Sums { made: 2, received: 1, declared: 1, missing: 0 });
    }

    #[test]
    fn a_hole_is_in_flight_for_thirty_days_and_lost_after() {
        let mut ledger = Ledger::new("web", 1_000);
        ledger.arrive(2);
        let sums = ledger.sums();
        assert_eq!(ledger.verdict(sums, 1_000 + IN_FLIGHT_MS), Completeness::InFlight);
        assert_eq!(ledger.verdict(sums, 1_001 + IN_FLIGHT_MS), Completeness::Lost);
    }

    #[test]
    fn numbers_too_scattered_to_be_real_are_not_taken() {
        let mut ledger = Ledger::new("web", 1);
        for step in 0..RANGES_MAX as u64 {
            assert_eq!(ledger.arrive(1 + 2 * step), Arrival::First);
        }
        assert_eq!(ledger.arrive(1_000_000), Arrival::TooScattered);
        assert_eq!(ledger.arrive(2), Arrival::First, "a number that closes a gap is always taken");
    }

    #[test]
    fn reasons_beyond_the_limit_are_kept_under_other() {
        let mut ledger = Ledger::new("web", 1);
        for step in 0..40u64 {
            let dropped = vec![(format!("reason{step}"), ranges(&[(step + 1, step + 1)]))];
            ledger.apply_declaration(&ProducerNote { next: 0, dropped });
        }
        assert_eq!(ledger.dropped.len(), REASONS_MAX + 1);
        assert_eq!(ledger.sums().declared, 40);
    }

    proptest! {
        #[test]
        fn it_adds_up_and_its_texts_read_back(
            seqs in prop::collection::vec(1u64..60, 0..30),
            next in 0u64..70,
            dropped in prop::collection::vec(("[a-z]{1,3}", 1u64..60, 0u64..5), 0..5),
        ) {
            let mut ledger = Ledger::new("web", 1);
            for seq in seqs {
                ledger.arrive(seq);
            }
            let dropped =
                dropped.into_iter().map(|(reason, from, len)| (reason, ranges(&[(from, from + len)])));
            ledger.apply_declaration(&ProducerNote { next, dropped: dropped.collect() });
            let sums = ledger.sums();
            prop_assert_eq!(sums.made, sums.received + sums.declared + sums.missing);
            prop_assert_eq!(&read_received(&ledger.received_json()).unwrap(), &ledger.received);
            prop_assert_eq!(&read_dropped(&ledger.dropped_json()).unwrap(), &ledger.dropped);
        }
    }
}

//! A producer's ledger: which of its sequence numbers arrived, which it declared as dropped, and so
//! which are missing.
//!
//! Pure. The same structure is the exact deduplication and the proof of completeness. What a client
//! claims is bounded: a ledger keeps a limited number of ranges, and counts a limited number of
//! numbers that did not arrive.

use lamplight_wire::batch::ProducerNote;
use lamplight_wire::limits::SEQ_MAX;
use lamplight_wire::{Producer, Ranges};

use super::{Completeness, EventTrace, IN_FLIGHT_MS, Unarrived, Week};

/// The most ranges that a ledger keeps, of received numbers and of dropped ones for every reason
/// together. A page drops numbers in long runs, at most one for each request that it sends while
/// its storage is full. Without a limit, a client that invents numbers could make every write of
/// its ledger slower than the last.
pub const RANGES_MAX: usize = 1_024;
/// The most of these that dropped numbers may have, so that there is room for events to arrive.
pub const DROPPED_RANGES_MAX: usize = RANGES_MAX / 2;
/// The most reasons that a ledger keeps apart. Any others are kept as [`OTHER_REASON`].
pub const REASONS_MAX: usize = 16;
/// The reason of numbers that were dropped for any reason beyond [`REASONS_MAX`].
pub const OTHER_REASON: &str = "other";
/// The scope of ledgers that earlier versions wrote, when a producer had one for all sources. No
/// source has an empty name.
pub const SHARED: &str = "";
/// How many numbers a producer is believed to have assigned beyond those that arrived, at most. A
/// page's storage, memory and overflow hold half as many events.
const AHEAD_MAX: u64 = 1_000_000;
/// How many of them are believed if nothing arrived: twice what a page drops in a long outage.
const AHEAD_AT_FIRST: u64 = 20_000;
/// How many more are believed for each number that arrived. The batches of a page that comes back
/// after a long outage prove its claim one after the other.
const AHEAD_PER_ARRIVAL: u64 = 1_000;

/// How many numbers a producer of which `received` arrived is believed to have assigned beyond
/// those. An arrival costs its key's rate, so this bounds what a client can invent.
pub fn ahead_max(received: u64) -> u64 {
    received.saturating_mul(AHEAD_PER_ARRIVAL).saturating_add(AHEAD_AT_FIRST).min(AHEAD_MAX)
}

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
    /// Numbers that the producer assigned, as far as they count.
    pub made: u64,
    /// Numbers that arrived.
    pub received: u64,
    /// Numbers that were declared as dropped and did not arrive.
    pub declared: u64,
    /// Numbers that neither arrived nor were declared as dropped.
    pub missing: u64,
}

/// A producer's ledger within one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    /// The source of its first payload.
    pub source: String,
    /// Whether it counts for every source. An earlier version kept one ledger for each producer.
    pub is_shared: bool,
    /// The numbers that arrived.
    pub received: Ranges,
    /// The numbers that it declared as dropped, by reason, whether they arrived or not.
    pub dropped: Vec<(String, Ranges)>,
    /// The number of its next event, as far as it declared.
    pub next: u64,
    /// Numbers up to this one count only if they arrived: its source was forgotten.
    pub forgotten: u64,
    /// How many declared numbers it had no room for. One that is declared again counts again.
    pub refused: u64,
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
            is_shared: false,
            received: Ranges::new(),
            dropped: Vec::new(),
            next: 0,
            forgotten: 0,
            refused: 0,
            first_heard_ms: heard_ms,
            last_heard_ms: heard_ms,
        }
    }

    /// Which arrivals it counts: its source, or [`SHARED`].
    pub fn scope(&self) -> &str {
        if self.is_shared { SHARED } else { &self.source }
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
        if self.ranges() >= RANGES_MAX && !self.touches(seq) {
            return Arrival::TooScattered;
        }
        self.received.insert(seq);
        Arrival::First
    }

    fn touches(&self, seq: u64) -> bool {
        self.received.contains(seq + 1) || (seq > 1 && self.received.contains(seq - 1))
    }

    /// How many ranges it keeps.
    pub fn ranges(&self) -> usize {
        self.received.as_slice().len() + self.dropped_ranges()
    }

    fn dropped_ranges(&self) -> usize {
        self.dropped.iter().map(|(_, ranges)| ranges.as_slice().len()).sum()
    }

    /// Applies what the page declared about the producer. Returns whether its ranges changed.
    pub fn apply_declaration(&mut self, note: &ProducerNote) -> bool {
        self.next = self.next.max(note.next);
        note.dropped
            .iter()
            .fold(false, |changed, (reason, ranges)| self.declare(reason, ranges) || changed)
    }

    fn declare(&mut self, reason: &str, ranges: &Ranges) -> bool {
        let at = self.reason_at(reason);
        let Some((_, kept)) = self.dropped.get(at) else { return false };
        let before = kept.as_slice().len();
        let room = RANGES_MAX
            .saturating_sub(self.ranges())
            .min(DROPPED_RANGES_MAX.saturating_sub(self.dropped_ranges()));
        let mut all = kept.merged(ranges);
        if all.as_slice().len() > before + room {
            // Numbers that there is no room for stay holes, so they stay visible.
            all = kept.clone();
            for (from, to) in ranges.as_slice() {
                if all.meets(*from, *to) || all.as_slice().len() < before + room {
                    all.insert_range(*from, *to);
                }
            }
            self.refused = self.refused.saturating_add(ranges.minus(&all).count());
        }
        match self.dropped.get_mut(at) {
            Some((_, kept)) if *kept != all => {
                *kept = all;
                true
            }
            _ => false,
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

    /// The highest number that the producer assigned, by its own account.
    pub fn claimed(&self) -> u64 {
        let dropped = self.dropped.iter().filter_map(|(_, ranges)| ranges.last()).max();
        self.next.saturating_sub(1).max(self.received.last().unwrap_or(0)).max(dropped.unwrap_or(0))
    }

    /// The highest number that counts if it did not arrive. A claim that runs further ahead of what
    /// arrived is cut.
    pub fn believed(&self) -> u64 {
        let received = self.received.count();
        self.claimed().min(received.saturating_add(ahead_max(received)))
    }

    /// Forgets what did not arrive so far, and everything that was claimed. The numbers that
    /// arrived are kept, so none of their events is stored twice. Returns whether anything changed.
    pub fn forget(&mut self) -> bool {
        let claimed = self.claimed().min(SEQ_MAX).max(self.forgotten);
        let is_complete = claimed == self.received.count();
        let has_claims = !self.dropped.is_empty() || self.refused > 0;
        if !has_claims && (is_complete || claimed == self.forgotten) {
            return false;
        }
        (self.forgotten, self.refused) = (claimed, 0);
        self.dropped.clear();
        true
    }

    /// The numbers that were declared as dropped and did not arrive, by reason. A number with two
    /// reasons counts under the first.
    pub fn declared(&self) -> Vec<(String, Ranges)> {
        let (mut seen, last) = (self.received.clone(), self.believed());
        let mut declared = Vec::new();
        for (reason, ranges) in &self.dropped {
            let fresh = ranges.within(self.forgotten, last).minus(&seen);
            if !fresh.is_empty() {
                seen = seen.merged(&fresh);
                declared.push((reason.clone(), fresh));
            }
        }
        declared
    }

    /// The numbers that neither arrived nor were given up.
    pub fn holes(&self) -> Ranges {
        let last = self.believed();
        let mut holes = self.received.holes(last + 1).within(self.forgotten, last);
        for (_, ranges) in &self.dropped {
            holes = holes.minus(ranges);
        }
        holes
    }

    /// The first `ranges_max` ranges of numbers above `after` that did not arrive.
    pub fn unarrived(&self, after: u64, ranges_max: usize) -> Unarrived {
        let declared = self.declared().into_iter().map(|(reason, ranges)| (Some(reason), ranges));
        let all: Vec<(Option<String>, Ranges)> = declared
            .chain([(None, self.holes())])
            .map(|(reason, ranges)| (reason, ranges.within(after, u64::MAX)))
            .collect();
        let mut ends: Vec<u64> =
            all.iter().flat_map(|(_, ranges)| ranges.as_slice()).map(|range| range.1).collect();
        ends.sort_unstable();
        let has_more = ends.len() > ranges_max;
        let next = ranges_max.checked_sub(1).and_then(|last| ends.get(last)).copied();
        let next = next.filter(|_| has_more);
        let mut page = Unarrived { next, ..Unarrived::default() };
        for (reason, ranges) in all {
            let listed = ranges.within(after, next.unwrap_or(u64::MAX));
            match reason {
                None => page.holes = listed,
                Some(reason) if !listed.is_empty() => page.declared.push((reason, listed)),
                Some(_) => {}
            }
        }
        page
    }

    /// What is known of a number that did not arrive. Nothing if it was never given out.
    pub fn missing(&self, producer: Producer, seq: u64) -> Option<EventTrace> {
        if seq <= self.forgotten || seq > self.believed() || self.received.contains(seq) {
            return None;
        }
        let reason = self.dropped.iter().find(|(_, ranges)| ranges.contains(seq));
        let reason = reason.map(|(reason, _)| reason.clone());
        let verdict =
            if reason.is_some() { Completeness::Declared } else { Completeness::InFlight };
        let (source, last_heard_ms) = (self.source.clone(), self.last_heard_ms);
        Some(EventTrace::Missing { source, producer, seq, verdict, reason, last_heard_ms })
    }

    /// Its counts.
    pub fn sums(&self) -> Sums {
        let received = self.received.count();
        let declared = self.declared().iter().map(|(_, ranges)| ranges.count()).sum();
        let missing = self.holes().count();
        Sums { made: received + declared + missing, received, declared, missing }
    }
}

impl Sums {
    /// How complete the events of a producer with these counts are at `now_ms`.
    pub fn verdict(&self, last_heard_ms: i64, now_ms: i64) -> Completeness {
        match (self.missing, self.declared) {
            (0, 0) => Completeness::Complete,
            (0, _) => Completeness::Declared,
            _ if last_heard_ms >= now_ms.saturating_sub(IN_FLIGHT_MS) => Completeness::InFlight,
            _ => Completeness::Lost,
        }
    }
}

#[cfg(test)]
mod tests;

//! What is added to one tally.

use super::bytes::{put, take};
use super::counts::Counts;
use super::key::TallyKind;

const MINUTE_MS: i64 = 60_000;

/// What is added to one tally.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// When the first was received, in milliseconds since 1970.
    pub first_ms: i64,
    /// When the last was received.
    pub last_ms: i64,
    /// How many in each minute, which is a number from 1970.
    pub minutes: Vec<(i64, i64)>,
}

impl Seen {
    /// Nothing yet, at this time.
    pub fn at(at_ms: i64) -> Self {
        Self { first_ms: at_ms, last_ms: at_ms, minutes: Vec::new() }
    }

    /// Adds to the minute of `at_ms`.
    pub fn add(&mut self, at_ms: i64, count: i64) {
        self.first_ms = self.first_ms.min(at_ms);
        self.last_ms = self.last_ms.max(at_ms);
        self.add_minute(at_ms.div_euclid(MINUTE_MS), count);
    }

    fn add_minute(&mut self, minute: i64, count: i64) {
        // Nearly always the same one.
        match self.minutes.iter_mut().rev().find(|(at, _)| *at == minute) {
            Some((_, known)) => *known += count,
            None => self.minutes.push((minute, count)),
        }
    }

    /// Adds what was seen later.
    pub fn then(&mut self, later: &Self) {
        self.first_ms = self.first_ms.min(later.first_ms);
        self.last_ms = self.last_ms.max(later.last_ms);
        for (minute, count) in &later.minutes {
            self.add_minute(*minute, *count);
        }
    }

    /// Adds it to the counts of a tally of this kind.
    pub fn add_to(&self, counts: &mut Counts, kind: TallyKind) {
        counts.extend(self.first_ms, self.last_ms);
        for (minute, count) in &self.minutes {
            counts.add(minute.saturating_mul(MINUTE_MS), *count, kind.kept());
        }
    }

    /// Appends the bytes that a log keeps.
    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        put(bytes, self.first_ms);
        put(bytes, self.last_ms.wrapping_sub(self.first_ms));
        put(bytes, i64::try_from(self.minutes.len()).unwrap_or(i64::MAX));
        let mut before = self.first_ms.div_euclid(MINUTE_MS);
        for (minute, count) in &self.minutes {
            put(bytes, minute.wrapping_sub(before));
            put(bytes, *count);
            before = *minute;
        }
    }

    /// Takes it from the beginning of `bytes`. `None` if it is not there.
    pub(super) fn read(bytes: &mut &[u8]) -> Option<Self> {
        let first_ms = take(bytes)?;
        let last_ms = first_ms.wrapping_add(take(bytes)?);
        let (len, mut minutes) = (take(bytes)?, Vec::new());
        let mut before = first_ms.div_euclid(MINUTE_MS);
        for _ in 0..len {
            let minute = before.wrapping_add(take(bytes)?);
            minutes.push((minute, take(bytes)?));
            before = minute;
        }
        Some(Self { first_ms, last_ms, minutes })
    }
}

//! Counting events by a key, row by row and newest first. Pure.

use std::collections::HashMap;

use super::page_budget::TimeBudget;
use super::{Aggregate, AggregateQuery, CanonicalJson, Grouping, Period, PropertyPath, RowId};

/// The most rows that one count reads.
const SCAN_ROWS_MAX: u64 = 2_000_000;
/// The most keys that are counted apart. Events under any other key are counted together.
pub(crate) const KEYS_MAX: usize = 50_000;

/// A count that continues from one week of events to the next.
#[derive(Debug, Default)]
pub(crate) struct EventTally {
    time: TimeBudget,
    /// By name, by type, or by the canonical JSON of a property.
    texts: HashMap<String, u64>,
    /// By period, each with a time in it. Its text is made once, because that takes longer than
    /// reading an event.
    periods: HashMap<Period, (i64, u64)>,
    /// Events without the property.
    without: u64,
    other: u64,
    looked_at: u64,
    from_ms: Option<i64>,
}

impl EventTally {
    /// An empty count that may take this long.
    pub(crate) fn new(time: TimeBudget) -> Self {
        Self { time, ..Self::default() }
    }

    /// Whether the limit of rows or of time was reached.
    pub(crate) fn is_full(&self) -> bool {
        self.from_ms.is_some()
    }

    /// Whether another row may be read.
    pub(crate) fn look_at(&mut self, id: RowId) -> bool {
        if self.looked_at >= SCAN_ROWS_MAX || self.time.is_spent() {
            // This millisecond is counted only in part, so the count covers what comes after it.
            self.from_ms = Some(ms_of(id.0.as_u128()).saturating_add(1));
            return false;
        }
        self.looked_at += 1;
        true
    }

    fn has_room(&self) -> bool {
        self.texts.len() + self.periods.len() < KEYS_MAX
    }

    /// Counts an event under a name or a type.
    pub(crate) fn count_text(&mut self, text: &str) {
        if let Some(count) = self.texts.get_mut(text) {
            *count += 1;
        } else if self.has_room() {
            self.texts.insert(text.to_owned(), 1);
        } else {
            self.other += 1;
        }
    }

    /// Counts an event under the day or the hour of a time.
    pub(crate) fn count_time(&mut self, query: &AggregateQuery, ms: i64) {
        let calendar = &query.calendar;
        let period =
            if query.by == Grouping::Day { calendar.day_of(ms) } else { calendar.hour_of(ms) };
        // A time that no calendar has is its own period.
        let Some(period) = period else { return self.count_text(&ms.to_string()) };
        if let Some((_, count)) = self.periods.get_mut(&period) {
            *count += 1;
        } else if self.has_room() {
            self.periods.insert(period, (ms, 1));
        } else {
            self.other += 1;
        }
    }

    /// Counts an event under the value of a property.
    pub(crate) fn count_property(&mut self, path: &PropertyPath, properties: Option<&str>) {
        match path.canonical(properties) {
            Some(value) => self.count_text(&value),
            None => self.without += 1,
        }
    }

    /// The largest counts.
    pub(crate) fn finish(self, query: &AggregateQuery) -> Aggregate {
        let Self { texts, periods, without, other, from_ms, .. } = self;
        let text = |(text, count): (String, u64)| match query.by {
            Grouping::Property(_) => (Some(CanonicalJson::of(&text)), count),
            _ => (Some(CanonicalJson::string(&text)), count),
        };
        let period = |(ms, count): (i64, u64)| {
            let text = match query.by {
                Grouping::Hour => query.calendar.hour(ms),
                _ => query.calendar.day(ms),
            };
            (Some(CanonicalJson::string(&text)), count)
        };
        let mut rows: Vec<(Option<CanonicalJson>, u64)> =
            texts.into_iter().map(text).chain(periods.into_values().map(period)).collect();
        if without > 0 {
            rows.push((None, without));
        }
        let mut counts = Aggregate { rows, other, from_ms };
        counts.keep_largest(query.counts_max);
        counts
    }
}

impl Aggregate {
    /// Puts the largest counts first, and counts what comes after `counts_max` of them together.
    pub(crate) fn keep_largest(&mut self, counts_max: usize) {
        self.rows
            .sort_unstable_by(|(a, count_a), (b, count_b)| count_b.cmp(count_a).then(a.cmp(b)));
        self.other += self.rows.iter().skip(counts_max).map(|(_, count)| count).sum::<u64>();
        self.rows.truncate(counts_max);
    }
}

/// The time in a row's id.
fn ms_of(id: u128) -> i64 {
    i64::try_from(id >> 80).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_whose_time_is_up_says_from_when_on_it_counted() {
        let mut tally = EventTally::new(TimeBudget::spent());
        let id = |ms: u128| RowId(uuid::Uuid::from_u128(ms << 80));
        let mut read = 0;
        while tally.look_at(id(1_000_000 - read)) {
            read += 1;
        }
        assert_eq!(read, 255, "it reads some rows, however late it is");
        let ended_ms = i64::try_from(1_000_000 - read).unwrap();
        assert_eq!((tally.is_full(), tally.from_ms), (true, Some(ended_ms + 1)));
    }
}

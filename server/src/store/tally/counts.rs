//! What a tally holds: how much there was in each minute, hour, day and week.

#[cfg(test)]
mod tests;

use super::bytes::{put, take};
use crate::store::{Resolution, Week};

/// The most weeks that are counted apart. Earlier ones are added up.
const WEEKS_MAX: usize = 520;
/// The version of the bytes.
const VERSION: i64 = 1;
/// A period that begins this many days later than one that is counted now was counted by a wrong
/// clock.
const AHEAD_MS: i64 = 3 * 24 * 60 * 60 * 1000;

/// How many minutes, hours and days with counts are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Minutes.
    pub minutes: usize,
    /// Hours.
    pub hours: usize,
    /// Days.
    pub days: usize,
}

/// A period in which something was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// When it begins, in milliseconds since 1970.
    pub begin_ms: i64,
    /// How much there was.
    pub count: i64,
}

/// Counts of periods, by the number of the period. What began before the period `low` is not known
/// any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Periods {
    low: i64,
    entries: Vec<(i64, i64)>,
}

impl Default for Periods {
    fn default() -> Self {
        Self { low: i64::MIN, entries: Vec::new() }
    }
}

impl Periods {
    /// Adds to a period. Returns what is not kept: this count, if the period is too old, or that of
    /// the oldest period, if there are more than `max`. A period that is far ahead of this one was
    /// counted by a wrong clock, and goes first, so that it displaces nothing for long.
    fn add(&mut self, at: i64, count: i64, max: usize, ahead: i64) -> i64 {
        if at < self.low {
            return count;
        }
        // Nearly always the last one.
        let place = match self.entries.last() {
            Some((last, _)) if *last == at => Ok(self.entries.len() - 1),
            Some((last, _)) if *last < at => Err(self.entries.len()),
            _ => self.entries.binary_search_by_key(&at, |(at, _)| *at),
        };
        match place {
            Ok(place) => {
                if let Some((_, known)) = self.entries.get_mut(place) {
                    *known += count;
                }
            }
            Err(place) => self.entries.insert(place, (at, count)),
        }
        if self.entries.len() <= max {
            return 0;
        }
        if self.entries.last().is_some_and(|(last, _)| last.saturating_sub(at) > ahead) {
            return self.entries.pop().map_or(0, |(_, count)| count);
        }
        let (oldest, count) = self.entries.remove(0);
        self.low = oldest + 1;
        count
    }

    /// The count of a period.
    pub fn get(&self, at: i64) -> i64 {
        let place = self.entries.binary_search_by_key(&at, |(at, _)| *at);
        place.ok().and_then(|place| self.entries.get(place)).map_or(0, |(_, count)| *count)
    }

    /// Whether all of a period is counted here, if anything was.
    pub fn covers(&self, at: i64) -> bool {
        at >= self.low
    }

    /// Adds the counts of other periods, or takes them away with a `sign` of -1.
    fn merge(&mut self, other: &Self, sign: i64, max: usize) {
        // Before that, one of the two knows nothing.
        self.low = self.low.max(other.low);
        let low = self.low;
        self.entries.retain(|(at, _)| *at >= low);
        for (at, count) in &other.entries {
            self.add(*at, sign * count, max, i64::MAX);
        }
    }

    /// Each period with its count, oldest first.
    pub fn entries(&self) -> &[(i64, i64)] {
        &self.entries
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        put(bytes, self.low);
        put(bytes, i64::try_from(self.entries.len()).unwrap_or(i64::MAX));
        let mut before = 0;
        for (at, count) in &self.entries {
            put(bytes, at.wrapping_sub(before));
            put(bytes, *count);
            before = *at;
        }
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let (low, len) = (take(bytes)?, take(bytes)?);
        let (mut entries, mut before) = (Vec::new(), 0_i64);
        for _ in 0..len {
            let at = before.wrapping_add(take(bytes)?);
            entries.push((at, take(bytes)?));
            before = at;
        }
        Some(Self { low, entries })
    }
}

/// What a tally holds. Times are those of receipt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// When there was anything first, in milliseconds since 1970.
    pub first_ms: i64,
    /// When there was anything last.
    pub last_ms: i64,
    /// What was counted in weeks that are not counted apart.
    before: i64,
    weeks: Periods,
    minutes: Periods,
    hours: Periods,
    days: Periods,
}

impl Counts {
    /// Nothing yet, at this time.
    pub fn at(at_ms: i64) -> Self {
        Self { first_ms: at_ms, last_ms: at_ms, ..Self::default() }
    }

    /// The count of all time.
    pub fn total(&self) -> i64 {
        self.before + self.weeks.entries.iter().map(|(_, count)| count).sum::<i64>()
    }

    /// The counts of weeks, by [`Week::number`].
    pub fn weeks(&self) -> &Periods {
        &self.weeks
    }

    /// The counts of periods of this length, by their number from 1970.
    pub fn periods(&self, resolution: Resolution) -> &Periods {
        match resolution {
            Resolution::Minute => &self.minutes,
            Resolution::Hour => &self.hours,
            Resolution::Day => &self.days,
        }
    }

    /// Extends the time in which there was anything.
    pub fn extend(&mut self, first_ms: i64, last_ms: i64) {
        self.first_ms = self.first_ms.min(first_ms);
        self.last_ms = self.last_ms.max(last_ms);
    }

    /// Adds `count` to the minute of `at_ms`, and to the periods that contain it. What was counted
    /// shortly before was received shortly before.
    pub fn add(&mut self, at_ms: i64, count: i64, kept: Kept) {
        self.add_within(at_ms, count, kept, AHEAD_MS);
    }

    /// The same in any order of times.
    pub fn add_unordered(&mut self, at_ms: i64, count: i64, kept: Kept) {
        self.extend(at_ms, at_ms);
        self.add_within(at_ms, count, kept, i64::MAX);
    }

    /// Adds counts of the same tally that were made elsewhere, or takes them away with a `sign` of
    /// -1.
    pub fn merge(&mut self, other: &Self, sign: i64, kept: Kept) {
        self.extend(other.first_ms, other.last_ms);
        self.before += sign * other.before;
        for (week, count) in &other.weeks.entries {
            self.before += self.weeks.add(*week, sign * count, WEEKS_MAX, i64::MAX);
        }
        self.minutes.merge(&other.minutes, sign, kept.minutes);
        self.hours.merge(&other.hours, sign, kept.hours);
        self.days.merge(&other.days, sign, kept.days);
    }

    fn add_within(&mut self, at_ms: i64, count: i64, kept: Kept, ahead_ms: i64) {
        let week = i64::from(Week::of_ms(at_ms).number());
        self.before += self.weeks.add(week, count, WEEKS_MAX, i64::MAX);
        let lists = [
            (Resolution::Minute, &mut self.minutes, kept.minutes),
            (Resolution::Hour, &mut self.hours, kept.hours),
            (Resolution::Day, &mut self.days, kept.days),
        ];
        for (resolution, periods, max) in lists {
            let period_ms = resolution.period_ms();
            periods.add(at_ms.div_euclid(period_ms), count, max, ahead_ms / period_ms);
        }
    }

    /// These counts, which were made from what is stored, with those of `earlier` for weeks that
    /// `is_kept` says no to: their events are gone.
    #[must_use]
    pub fn with_removed(
        mut self,
        earlier: &Self,
        kept: Kept,
        is_kept: impl Fn(i64) -> bool,
    ) -> Self {
        let removed: Vec<_> =
            earlier.weeks.entries.iter().copied().filter(|(week, _)| !is_kept(*week)).collect();
        if removed.is_empty() && earlier.before == 0 {
            return self;
        }
        let is_new = self == Self::default();
        self.before += earlier.before;
        for (week, count) in removed {
            let known = self.weeks.get(week);
            self.before += self.weeks.add(week, (count - known).max(0), WEEKS_MAX, i64::MAX);
        }
        if is_new {
            (self.first_ms, self.last_ms) = (earlier.first_ms, earlier.last_ms);
        }
        self.first_ms = self.first_ms.min(earlier.first_ms);
        for (resolution, max) in [
            (Resolution::Minute, kept.minutes),
            (Resolution::Hour, kept.hours),
            (Resolution::Day, kept.days),
        ] {
            let period_ms = resolution.period_ms();
            let mine = match resolution {
                Resolution::Minute => &mut self.minutes,
                Resolution::Hour => &mut self.hours,
                Resolution::Day => &mut self.days,
            };
            for (at, count) in &earlier.periods(resolution).entries {
                let week = i64::from(Week::of_ms(at.saturating_mul(period_ms)).number());
                let more = count - mine.get(*at);
                if !is_kept(week) && more > 0 {
                    mine.add(*at, more, max, i64::MAX);
                }
            }
        }
        self
    }

    /// These counts, but where those of a week are less than in `scanned`, they are those of it.
    #[must_use]
    pub fn at_least(&self, scanned: &Self, kept: Kept, is_kept: impl Fn(i64) -> bool) -> Self {
        let is_less = |(week, count): &(i64, i64)| is_kept(*week) && self.weeks.get(*week) < *count;
        if scanned.weeks.entries.iter().any(is_less) {
            scanned.clone().with_removed(self, kept, is_kept)
        } else {
            self.clone()
        }
    }

    /// Whether anything else was counted. What was counted and taken back is nothing.
    pub fn differs(&self, other: &Self) -> bool {
        self.total() != other.total() || self.difference(other, true, |_| true).is_some()
    }

    /// What differs from `scanned`, which is what is stored, in the weeks that `is_kept` says yes
    /// to. Unless it `is_exact`, there may be more here.
    pub fn difference(
        &self,
        scanned: &Self,
        is_exact: bool,
        is_kept: impl Fn(i64) -> bool,
    ) -> Option<String> {
        let weeks = self.weeks.entries.iter().chain(&scanned.weeks.entries).map(|(week, _)| *week);
        for week in weeks.filter(|week| is_kept(*week)) {
            let (told, stored) = (self.weeks.get(week), scanned.weeks.get(week));
            if told < stored || (is_exact && told != stored) {
                let week = u32::try_from(week)
                    .map_or_else(|_| week.to_string(), |week| Week::from_number(week).to_string());
                return Some(format!("{told} in {week}, and {stored} are stored"));
            }
        }
        let all = Resolution::ALL.into_iter().filter(|_| is_exact);
        all.into_iter().find_map(|resolution| {
            let (told, stored) = (self.periods(resolution), scanned.periods(resolution));
            let last = told.entries.last()?.0.min(stored.entries.last()?.0);
            let is_common = |at: i64| {
                let begin_ms = at.saturating_mul(resolution.period_ms());
                told.covers(at)
                    && stored.covers(at)
                    && at <= last
                    && is_kept(i64::from(Week::of_ms(begin_ms).number()))
            };
            let mut periods = told.entries.iter().chain(&stored.entries).map(|(at, _)| *at);
            let at = periods.find(|at| is_common(*at) && told.get(*at) != stored.get(*at))?;
            let (told, stored) = (told.get(at), stored.get(at));
            let begin_ms = at.saturating_mul(resolution.period_ms());
            let name = resolution.name();
            Some(format!("{told} in the {name} from {begin_ms}, and {stored} are stored"))
        })
    }

    /// The periods that begin from `from_ms` and before `to_ms`, oldest first.
    pub fn buckets(&self, resolution: Resolution, from_ms: i64, to_ms: i64) -> Vec<Bucket> {
        let buckets = self.periods(resolution).entries.iter().map(|(at, count)| Bucket {
            begin_ms: at.saturating_mul(resolution.period_ms()),
            count: *count,
        });
        buckets
            .filter(|it| it.begin_ms >= from_ms && it.begin_ms < to_ms && it.count != 0)
            .collect()
    }

    /// The bytes that a database keeps.
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(256);
        for value in [VERSION, self.first_ms, self.last_ms, self.before] {
            put(&mut bytes, value);
        }
        for periods in [&self.weeks, &self.minutes, &self.hours, &self.days] {
            periods.write(&mut bytes);
        }
        bytes
    }

    /// The counts of these bytes. `None` if this version did not write them.
    pub fn read(mut bytes: &[u8]) -> Option<Self> {
        let bytes = &mut bytes;
        take(bytes).filter(|version| *version == VERSION)?;
        let (first_ms, last_ms, before) = (take(bytes)?, take(bytes)?, take(bytes)?);
        let [weeks, minutes, hours, days] = [
            Periods::read(bytes)?,
            Periods::read(bytes)?,
            Periods::read(bytes)?,
            Periods::read(bytes)?,
        ];
        Some(Self { first_ms, last_ms, before, weeks, minutes, hours, days })
    }
}

//! Trends: samples of the server's figures, added up by minute, hour and day. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::figure::{Figure, FigureKind};

const MINUTE_MS: i64 = 60 * 1000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The most rows of a resolution that a new row deletes at each end. It is more than one, so that
/// what is kept is bounded, and few, so that a clock that is wrong for a while deletes little.
pub const PRUNED_MAX: u32 = 2;
/// A row that begins this much later than now was written by a wrong clock.
pub const AHEAD_ROWS_MS: i64 = 3 * DAY_MS;

/// The length of the periods that samples are added up by. All begin at full minutes, hours and
/// days of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resolution {
    /// Minutes, kept for 48 hours.
    Minute,
    /// Hours, kept for 60 days.
    Hour,
    /// Days, kept for 5 years.
    Day,
}

impl Resolution {
    /// Every resolution.
    pub const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// The resolution with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|resolution| resolution.name() == name)
    }

    /// The number in databases. It never changes.
    pub const fn number(self) -> i64 {
        match self {
            Self::Minute => 1,
            Self::Hour => 2,
            Self::Day => 3,
        }
    }

    /// The length of a period.
    pub const fn period_ms(self) -> i64 {
        match self {
            Self::Minute => MINUTE_MS,
            Self::Hour => HOUR_MS,
            Self::Day => DAY_MS,
        }
    }

    /// How long a period is kept.
    pub const fn keep_ms(self) -> i64 {
        match self {
            Self::Minute => 48 * HOUR_MS,
            Self::Hour => 60 * DAY_MS,
            Self::Day => 5 * 366 * DAY_MS,
        }
    }

    /// The beginning of the period that contains this time.
    pub const fn begin_ms(self, at_ms: i64) -> i64 {
        at_ms.saturating_sub(at_ms.rem_euclid(self.period_ms()))
    }
}

/// Values of one figure, added up. Averages are not kept, because they cannot be added up: an
/// average is `sum / samples`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rollup {
    /// How many values.
    pub samples: u64,
    /// Their sum.
    pub sum: i64,
    /// The smallest.
    pub min: i64,
    /// The largest.
    pub max: i64,
    /// The last one that was measured.
    pub last: i64,
}

impl Rollup {
    /// One value.
    pub const fn of(value: i64) -> Self {
        Self { samples: 1, sum: value, min: value, max: value, last: value }
    }

    /// Adds what was measured later.
    #[must_use]
    pub fn then(self, later: Self) -> Self {
        Self {
            samples: self.samples + later.samples,
            sum: self.sum.saturating_add(later.sum),
            min: self.min.min(later.min),
            max: self.max.max(later.max),
            last: later.last,
        }
    }
}

/// The figures of one period. A figure that was not measured is missing.
pub type Rollups = BTreeMap<Figure, Rollup>;

/// Adds what one sample measured to the rollups of its period.
pub fn add(rollups: &mut Rollups, measured: &BTreeMap<Figure, i64>) {
    for (figure, value) in measured {
        let value = Rollup::of(*value);
        rollups.entry(*figure).and_modify(|known| *known = known.then(value)).or_insert(value);
    }
}

/// The figures at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The process that took it.
    pub run: u64,
    /// Its number in this process, from 1.
    pub number: u64,
    /// When it was taken, in milliseconds since 1970.
    pub at_ms: i64,
    /// The current time as far as it is certain. Without it, nothing is deleted.
    pub certain_ms: Option<i64>,
    /// Each figure that is known. Those that count are the counts so far.
    pub values: BTreeMap<Figure, i64>,
}

/// The last sample that was recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrendMark {
    /// The process that took it.
    pub run: u64,
    /// Its number in that process.
    pub number: u64,
    /// The counts so far, by the figure's name. Names of other versions are kept.
    pub counts: BTreeMap<String, i64>,
}

/// What a sample adds to its periods, and the mark after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// The levels, and how much each count grew.
    pub values: BTreeMap<Figure, i64>,
    /// The mark.
    pub mark: TrendMark,
}

impl Sample {
    /// What the sample adds, if `mark` is the last one that was recorded. Nothing if it was
    /// recorded already.
    ///
    /// A count grew by what it is more than at the mark, however long ago that was, so that nothing
    /// is counted twice or not at all. A count of a new process began at 0. Without a mark, nobody
    /// knows where a stored count began.
    pub fn measure(&self, mark: Option<&TrendMark>) -> Option<Measured> {
        let same_run = mark.filter(|mark| mark.run == self.run);
        if same_run.is_some_and(|mark| mark.number >= self.number) {
            return None;
        }
        let mut counts = mark.map(|mark| mark.counts.clone()).unwrap_or_default();
        let mut values = BTreeMap::new();
        for (figure, value) in &self.values {
            let name = figure.name();
            let before = counts.get(name).copied();
            let before = match figure.kind() {
                FigureKind::Level => Some(0),
                FigureKind::OfProcess => Some(same_run.and(before).unwrap_or(0)),
                FigureKind::Stored => before,
            };
            let grown = before.map(|before| value.saturating_sub(before));
            if figure.kind() == FigureKind::Level {
                values.insert(*figure, *value);
                continue;
            }
            values.extend(grown.map(|grown| (*figure, grown.max(0))));
            counts.insert(name.to_owned(), *value);
        }
        let mark = TrendMark { run: self.run, number: self.number, counts };
        Some(Measured { values, mark })
    }

    /// The times between which kept rows of `resolution` begin: those before the first and those
    /// from the second on may be deleted.
    pub fn kept_ms(&self, resolution: Resolution) -> Option<(i64, i64)> {
        let certain_ms = self.certain_ms?;
        let from_ms = certain_ms.min(self.at_ms).saturating_sub(resolution.keep_ms());
        Some((from_ms, certain_ms.max(self.at_ms).saturating_add(AHEAD_ROWS_MS)))
    }
}

/// A period with at least one sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrendRow {
    /// When it begins, in milliseconds since 1970.
    pub begin_ms: i64,
    /// Its figures.
    pub figures: Rollups,
}

/// Which periods to read, newest first.
#[derive(Debug, Clone, Copy)]
pub struct TrendQuery {
    /// How long they are.
    pub resolution: Resolution,
    /// Only those that begin at this time or later.
    pub from_ms: i64,
    /// Only those that begin before this time.
    pub to_ms: i64,
    /// The most that are read.
    pub limit: u32,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RUN: u64 = 7;

    fn sample(run: u64, number: u64, values: &[(Figure, i64)]) -> Sample {
        let values = values.iter().copied().collect();
        Sample { run, number, at_ms: 0, certain_ms: None, values }
    }

    fn measured(sample: &Sample, mark: &mut Option<TrendMark>) -> Option<Vec<(Figure, i64)>> {
        let Measured { values, mark: next } = sample.measure(mark.as_ref())?;
        *mark = Some(next);
        Some(values.into_iter().collect())
    }

    #[test]
    fn a_count_is_what_it_grew_by_and_a_restart_begins_counts_of_a_process_again() {
        let mut mark = None;
        let values = |stored: i64, refused: i64| {
            vec![(Figure::Stored, stored), (Figure::Refused, refused), (Figure::MemoryBytes, 5)]
        };
        let first = measured(&sample(RUN, 1, &values(1_000, 3)), &mut mark).unwrap();
        assert_eq!(first, [(Figure::Refused, 3), (Figure::MemoryBytes, 5)], "nobody knows when");
        let second = measured(&sample(RUN, 2, &values(1_010, 4)), &mut mark).unwrap();
        assert_eq!(second, [(Figure::Stored, 10), (Figure::Refused, 1), (Figure::MemoryBytes, 5)]);
        assert_eq!(measured(&sample(RUN, 2, &values(1_010, 4)), &mut mark), None, "once");
        let restarted = measured(&sample(8, 1, &values(1_015, 2)), &mut mark).unwrap();
        assert_eq!(
            restarted,
            [(Figure::Stored, 5), (Figure::Refused, 2), (Figure::MemoryBytes, 5)]
        );
        let restored = measured(&sample(8, 2, &values(900, 2)), &mut mark).unwrap();
        assert_eq!(restored[0], (Figure::Stored, 0), "an older backup is no negative count");
    }

    #[test]
    fn a_period_begins_at_full_minutes_hours_and_days_also_before_1970() {
        let at_ms = DAY_MS + HOUR_MS + MINUTE_MS + 1;
        let begins = |at_ms| Resolution::ALL.map(|resolution| resolution.begin_ms(at_ms));
        assert_eq!(begins(at_ms), [at_ms - 1, DAY_MS + HOUR_MS, DAY_MS]);
        assert_eq!(begins(-1), [-MINUTE_MS, -HOUR_MS, -DAY_MS]);
    }

    #[test]
    fn nothing_is_deleted_by_a_time_that_is_not_certain() {
        let mut sample = sample(RUN, 1, &[]);
        assert_eq!(sample.kept_ms(Resolution::Minute), None);
        (sample.at_ms, sample.certain_ms) = (400 * DAY_MS, Some(10 * DAY_MS));
        let (from_ms, to_ms) = sample.kept_ms(Resolution::Minute).unwrap();
        assert_eq!((from_ms, to_ms), (8 * DAY_MS, 403 * DAY_MS));
    }

    proptest! {
        /// However samples fall into minutes, the rollup of an hour is that of its minutes.
        #[test]
        fn an_hour_is_what_its_minutes_add_up_to(
            values in proptest::collection::vec((0_usize..60, -1_000_i64..1_000), 1..200),
        ) {
            let mut in_order = values;
            in_order.sort_by_key(|(minute, _)| *minute);
            let mut minutes = vec![Rollups::new(); 60];
            let mut hour = Rollups::new();
            for (minute, value) in &in_order {
                let measured = BTreeMap::from([(Figure::MemoryBytes, *value)]);
                add(&mut minutes[*minute], &measured);
                add(&mut hour, &measured);
            }
            let parts = minutes.iter().filter_map(|minute| minute.get(&Figure::MemoryBytes).copied());
            prop_assert_eq!(parts.reduce(Rollup::then).unwrap(), hour[&Figure::MemoryBytes]);
            let plain: i64 = in_order.iter().map(|(_, value)| value).sum();
            prop_assert_eq!(hour[&Figure::MemoryBytes].sum, plain);
        }

        /// Whatever restarts, repetitions and unrecorded samples there are, the parts of a stored
        /// count add up to how much it grew since the first sample.
        #[test]
        fn the_parts_of_a_count_add_up_to_the_whole(
            steps in proptest::collection::vec((0_i64..50, 0_u8..5), 1..60),
        ) {
            let (mut mark, mut total, mut run, mut number) = (None, 100, 0, 0);
            measured(&sample(run, number, &[(Figure::Stored, total)]), &mut mark);
            let mut sum = 0;
            let mut recorded = total;
            for (grown, what) in steps {
                total += grown;
                number += 1;
                if what == 0 {
                    (run, number) = (run + 1, 1);
                }
                let sample = sample(run, number, &[(Figure::Stored, total)]);
                let times = match what { 1 => 0, 2 => 2, _ => 1 };
                for _ in 0..times {
                    let values = measured(&sample, &mut mark).unwrap_or_default();
                    sum += values.iter().map(|(_, value)| value).sum::<i64>();
                    recorded = total;
                }
            }
            prop_assert_eq!(sum, recorded - 100);
        }
    }
}

//! How long something takes, as a histogram: counts of durations between fixed bounds.
//!
//! Recording is three relaxed additions without a lock, so it delays nobody.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds of the buckets, in microseconds: from a fast disk's sync to the longest that
/// sending a batch may take.
const BOUNDS_US: [u64; 16] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000, 30_000_000, 90_000_000,
];
/// One bucket for each bound, and one for what is longer than all of them.
const BUCKETS: usize = BOUNDS_US.len() + 1;

/// A histogram of durations, since the start of the process.
#[derive(Debug, Default)]
pub struct Histogram {
    counts: [AtomicU64; BUCKETS],
    sum_ns: AtomicU64,
}

/// What a histogram has counted.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct HistogramSums {
    counts: [u64; BUCKETS],
    /// All durations, added up.
    pub sum_s: f64,
}

impl Histogram {
    /// Counts one duration.
    pub fn observe(&self, took: Duration) {
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.partition_point(|bound_us| *bound_us < took_us);
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.sum_ns.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// The counts so far.
    pub fn sums(&self) -> HistogramSums {
        let counts = std::array::from_fn(|bucket| {
            self.counts.get(bucket).map_or(0, |count| count.load(Ordering::Relaxed))
        });
        let sum_s = Duration::from_nanos(self.sum_ns.load(Ordering::Relaxed)).as_secs_f64();
        HistogramSums { counts, sum_s }
    }
}

impl HistogramSums {
    /// These and `other` together.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        let mut counts = self.counts;
        for (count, more) in counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        Self { counts, sum_s: self.sum_s + other.sum_s }
    }

    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Each bucket's upper bound in seconds, the last one infinite, and how many durations are in
    /// it and in no smaller one.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        let bounds_s = BOUNDS_US.iter().map(|us| Duration::from_micros(*us).as_secs_f64());
        bounds_s.chain([f64::INFINITY]).zip(self.counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_in_the_first_bucket_that_is_not_shorter() {
        let histogram = Histogram::default();
        for us in [0, 500, 501, 1_000, 90_000_000, 90_000_001, 1 << 50] {
            histogram.observe(Duration::from_micros(us));
        }
        let sums = histogram.sums();
        let filled: Vec<_> = sums.buckets().filter(|(_, count)| *count > 0).collect();
        assert_eq!(filled, [(0.000_5, 2), (0.001, 2), (90.0, 1), (f64::INFINITY, 2)]);
        assert_eq!(sums.count(), 7);
        assert!(sums.sum_s > 180.0);
        let twice = sums.and(&sums);
        assert_eq!(twice.count(), 14);
        assert!(twice.sum_s > 360.0);
    }

    #[test]
    fn the_bounds_grow() {
        assert!(BOUNDS_US.is_sorted_by(|a, b| a < b));
        assert_eq!(Histogram::default().sums(), HistogramSums::default());
    }
}

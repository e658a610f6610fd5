//! The throughput of a stage over the last minute, and the duration of its batches.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::histogram::{Histogram, HistogramSums};

/// The window that is counted.
const WINDOW_S: i64 = 60;
/// The most durations that are kept for the quantiles.
const DURATIONS_MAX: usize = 1_024;

/// The batches of one stage: recent ones, and sums since the start of the process.
#[derive(Debug, Default)]
pub struct Throughput {
    recent: Mutex<RecentBatches>,
    events: AtomicU64,
    durations: Histogram,
}

#[derive(Debug, Default)]
struct RecentBatches {
    /// Events by second, the oldest first.
    seconds: VecDeque<(i64, u64)>,
    /// The durations of the last batches, in milliseconds, the oldest first.
    durations_ms: VecDeque<u32>,
}

/// The throughput of one stage.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ThroughputSums {
    /// Events a second, over the last minute or since the first of them.
    pub events_per_s: f64,
    /// The median duration of the last batches, in milliseconds.
    pub p50_ms: u32,
    /// The 95th percentile of their durations.
    pub p95_ms: u32,
}

/// The batches of one stage since the start of the process.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct BatchSums {
    /// Events in all batches.
    pub events: u64,
    /// How long each batch took. Its count is the number of batches.
    pub durations: HistogramSums,
}

impl Throughput {
    /// Records a batch of `events` that took this long and ended now.
    pub fn record(&self, events: u64, took: Duration, now_ms: i64) {
        self.events.fetch_add(events, Ordering::Relaxed);
        self.durations.observe(took);
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let second = now_ms.div_euclid(1_000);
        match recent.seconds.back_mut() {
            Some((last, count)) if *last == second => *count += events,
            _ => recent.seconds.push_back((second, events)),
        }
        recent.forget(second);
        if recent.durations_ms.len() >= DURATIONS_MAX {
            recent.durations_ms.pop_front();
        }
        let took_ms = u32::try_from(took.as_millis()).unwrap_or(u32::MAX);
        recent.durations_ms.push_back(took_ms);
    }

    /// The throughput now.
    pub fn sums(&self, now_ms: i64) -> ThroughputSums {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let second = now_ms.div_euclid(1_000);
        recent.forget(second);
        let events: u64 = recent.seconds.iter().map(|(_, count)| count).sum();
        let since_s = recent.seconds.front().map_or(1, |(first, _)| (second - first).max(1));
        let mut durations_ms: Vec<u32> = recent.durations_ms.iter().copied().collect();
        drop(recent);
        durations_ms.sort_unstable();
        let at = |share: usize| {
            durations_ms
                .get(durations_ms.len().saturating_sub(1) * share / 100)
                .copied()
                .unwrap_or(0)
        };
        #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
        let events_per_s = events as f64 / since_s as f64;
        ThroughputSums { events_per_s, p50_ms: at(50), p95_ms: at(95) }
    }

    /// All batches since the start.
    pub fn since_start(&self) -> BatchSums {
        BatchSums { events: self.events.load(Ordering::Relaxed), durations: self.durations.sums() }
    }
}

impl RecentBatches {
    /// Removes seconds before the window, and future ones, which a clock that was set back leaves.
    fn forget(&mut self, second: i64) {
        self.seconds.retain(|(at, _)| (second - WINDOW_S..=second).contains(at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_events_of_the_last_minute_are_added_up() {
        let throughput = Throughput::default();
        assert_eq!(throughput.sums(0), ThroughputSums::default());
        for second in 0..100 {
            let took = Duration::from_millis(u64::try_from(second).unwrap());
            throughput.record(50, took, second * 1_000);
        }
        let sums = throughput.sums(100_000);
        assert!((sums.events_per_s - 50.0).abs() < 1.0, "{sums:?}");
        assert_eq!((sums.p50_ms, sums.p95_ms), (49, 94));
        assert!(throughput.sums(200_000).events_per_s < 0.001);
        let all = throughput.since_start();
        assert_eq!((all.events, all.durations.count()), (5_000, 100));
    }

    #[test]
    fn a_clock_that_is_set_back_leaves_no_future_throughput() {
        let throughput = Throughput::default();
        throughput.record(1_000, Duration::ZERO, 1_000_000);
        assert!(throughput.sums(5_000).events_per_s < 0.001);
        throughput.record(10, Duration::from_secs(1), 5_000);
        assert!(throughput.sums(6_000).events_per_s > 1.0);
    }
}

//! How fast a stage is going: what it did in the last minute, and how long it took each time.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// How far back it looks.
const WINDOW_S: i64 = 60;
/// Most times that are kept to tell the usual one from.
const TIMES_MAX: usize = 1_024;

/// What one stage did lately.
#[derive(Debug, Default)]
pub struct Throughput(Mutex<Lately>);

#[derive(Debug, Default)]
struct Lately {
    /// Events by second, the oldest first.
    seconds: VecDeque<(i64, u64)>,
    /// How long the last batches took, in milliseconds, the oldest first.
    times_ms: VecDeque<u32>,
}

/// What one stage did lately, added up.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ThroughputSums {
    /// Events a second, over the last minute or since the first of them.
    pub events_per_s: f64,
    /// Half of the last batches took no longer than this, in milliseconds.
    pub p50_ms: u32,
    /// 95 of a hundred took no longer than this.
    pub p95_ms: u32,
}

impl Throughput {
    /// A batch of `events` was done in the time from `begun_ms` to `now_ms`.
    pub fn record(&self, events: u64, begun_ms: i64, now_ms: i64) {
        let mut lately = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let second = now_ms.div_euclid(1_000);
        match lately.seconds.back_mut() {
            Some((last, count)) if *last == second => *count += events,
            _ => lately.seconds.push_back((second, events)),
        }
        lately.forget(second);
        if lately.times_ms.len() >= TIMES_MAX {
            lately.times_ms.pop_front();
        }
        let took_ms = u32::try_from(now_ms.saturating_sub(begun_ms).max(0)).unwrap_or(u32::MAX);
        lately.times_ms.push_back(took_ms);
    }

    /// What was done lately.
    pub fn sums(&self, now_ms: i64) -> ThroughputSums {
        let mut lately = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let second = now_ms.div_euclid(1_000);
        lately.forget(second);
        let events: u64 = lately.seconds.iter().map(|(_, count)| count).sum();
        let since_s = lately.seconds.front().map_or(1, |(first, _)| (second - first).max(1));
        let mut times_ms: Vec<u32> = lately.times_ms.iter().copied().collect();
        drop(lately);
        times_ms.sort_unstable();
        let at = |share: usize| {
            times_ms.get(times_ms.len().saturating_sub(1) * share / 100).copied().unwrap_or(0)
        };
        #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
        let events_per_s = events as f64 / since_s as f64;
        ThroughputSums { events_per_s, p50_ms: at(50), p95_ms: at(95) }
    }
}

impl Lately {
    /// Forgets what is too old, and what a clock that was set back leaves in the future.
    fn forget(&mut self, second: i64) {
        self.seconds.retain(|(at, _)| (second - WINDOW_S..=second).contains(at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_adds_up_the_last_minute() {
        let throughput = Throughput::default();
        assert_eq!(throughput.sums(0), ThroughputSums::default());
        for second in 0..100 {
            throughput.record(50, second * 1_000 - second, second * 1_000);
        }
        let sums = throughput.sums(100_000);
        assert!((sums.events_per_s - 50.0).abs() < 1.0, "{sums:?}");
        assert_eq!((sums.p50_ms, sums.p95_ms), (49, 94));
        assert!(throughput.sums(200_000).events_per_s < 0.001);
    }

    #[test]
    fn a_clock_set_back_leaves_no_rate_from_the_future() {
        let throughput = Throughput::default();
        throughput.record(1_000, 0, 1_000_000);
        assert!(throughput.sums(5_000).events_per_s < 0.001);
        throughput.record(10, 4_000, 5_000);
        assert!(throughput.sums(6_000).events_per_s > 1.0);
    }
}

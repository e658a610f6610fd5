//! How fast a count grows, from the values that it had when it was read.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// The window that is looked at, and the least time between two values that are kept.
const WINDOW_MS: i64 = 60_000;
const STEP_MS: i64 = 1_000;

/// The values of a count over the last minute.
#[derive(Debug, Default)]
pub struct Growth(Mutex<VecDeque<(i64, u64)>>);

impl Growth {
    /// Records that the count is `total` now. Returns how much it grows a second, or nothing while
    /// no earlier value is known.
    pub fn observe(&self, total: u64, now_ms: i64) -> Option<f64> {
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back leaves values of the future.
        values.retain(|(at_ms, _)| (now_ms - WINDOW_MS..=now_ms).contains(at_ms));
        let first = values.front().copied();
        if values.back().is_none_or(|(at_ms, _)| now_ms - at_ms >= STEP_MS) {
            values.push_back((now_ms, total));
        }
        let (first_ms, before) = first.filter(|(at_ms, _)| now_ms - at_ms >= STEP_MS)?;
        #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = total.saturating_sub(before) as f64 * 1_000.0 / (now_ms - first_ms) as f64;
        Some(rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_known_from_the_second_value_on() {
        let growth = Growth::default();
        assert_eq!(growth.observe(100, 0), None);
        assert_eq!(growth.observe(150, 500), None, "too early");
        assert_eq!(growth.observe(300, 10_000), Some(20.0));
        assert_eq!(growth.observe(300, 40_000), Some(5.0));
        assert_eq!(growth.observe(300, 90_000), Some(0.0), "only the last minute counts");
        assert_eq!(growth.observe(300, 1_000_000), None);
        assert_eq!(growth.observe(300, 5_000), None, "the clock was set back");
    }
}

//! How long to wait after a failure. Pure.

/// How often, how fast and for how long a delivery is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Wait after the first failure, at least, in milliseconds.
    pub base_ms: u32,
    /// Longest wait that grows out of repeated failures.
    pub cap_ms: u32,
    /// Attempts after which a delivery is given up.
    pub attempts_max: u32,
    /// Time since it was queued after which a delivery that fails again is given up.
    pub horizon_ms: i64,
}

impl Default for RetryPolicy {
    /// 2 to 60 s, 20 attempts, 72 hours.
    fn default() -> Self {
        let horizon_ms = 72 * 60 * 60 * 1000;
        Self { base_ms: 2_000, cap_ms: 60_000, attempts_max: 20, horizon_ms }
    }
}

impl RetryPolicy {
    /// The wait after `failures` failures in a row, from 1: full jitter ("Exponential Backoff And Jitter", AWS
    /// Architecture Blog, 2015) between the base and twice as much for each failure, at most the cap.
    pub fn delay_ms(&self, failures: u32, random: u64) -> i64 {
        let base = u64::from(self.base_ms);
        let doublings = failures.clamp(1, 32);
        let most = (base << doublings).min(u64::from(self.cap_ms)).max(base);
        let delay = base + random % (most - base + 1);
        i64::try_from(delay).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_delay_lies_between_base_and_cap_and_all_of_the_span_is_used(failures: u32, random: u64) {
            let policy = RetryPolicy::default();
            let delay = policy.delay_ms(failures, random);
            prop_assert!((2_000..=60_000).contains(&delay));
            prop_assert_eq!(policy.delay_ms(1, 2_000), 4_000);
            prop_assert_eq!(policy.delay_ms(9, 58_000), 60_000);
        }
    }

    #[test]
    fn a_cap_below_the_base_leaves_the_base() {
        let policy = RetryPolicy { base_ms: 10, cap_ms: 5, ..RetryPolicy::default() };
        assert_eq!(policy.delay_ms(4, u64::MAX), 10);
    }
}

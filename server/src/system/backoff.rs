//! How long to wait after a failure: exponential backoff with full jitter. Pure.

/// How often, how soon and for how long a delivery is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Shortest wait after the first failure, in milliseconds.
    pub base_ms: u32,
    /// Longest wait between attempts, in milliseconds.
    pub cap_ms: u32,
    /// Failures of an event by itself after which its delivery becomes a dead letter. Failures of
    /// the sink do not count.
    pub attempts_max: u32,
    /// Time since a delivery first failed, in milliseconds, after which it becomes a dead letter if
    /// it fails again.
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
    /// The wait after `failures` failures in a row, from 1, in milliseconds: full jitter
    /// ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015) between the base and a limit
    /// that doubles with each failure up to the cap.
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
        fn a_delay_is_anywhere_between_the_base_and_the_cap(failures: u32, random: u64) {
            let policy = RetryPolicy::default();
            let delay = policy.delay_ms(failures, random);
            prop_assert!((2_000..=60_000).contains(&delay));
            prop_assert_eq!(policy.delay_ms(1, 2_000), 4_000);
            prop_assert_eq!(policy.delay_ms(9, 58_000), 60_000);
        }
    }

    #[test]
    fn a_cap_below_the_base_counts_as_the_base() {
        let policy = RetryPolicy { base_ms: 10, cap_ms: 5, ..RetryPolicy::default() };
        assert_eq!(policy.delay_ms(4, u64::MAX), 10);
    }
}

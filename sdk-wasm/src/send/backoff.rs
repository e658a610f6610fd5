//! How long to wait after a failure: exponential backoff with jitter, or as long as the server
//! asks.

/// The shortest wait after a failure, in milliseconds.
pub const STEP_MS_MIN: u64 = 1_000;
/// The longest wait after a failure without a `Retry-After`, in milliseconds.
pub const STEP_MS_MAX: u64 = 60_000;
/// The longest wait of the tab that retries for all tabs, in milliseconds. It costs one request per
/// browser, and events should not wait long after the server has recovered. An overloaded server
/// answers with `Retry-After`.
pub const PROBE_MS_MAX: u64 = 5_000;
/// The longest `Retry-After` that is accepted, in milliseconds.
const RETRY_AFTER_MS_MAX: u64 = 3_600_000;

/// How long to wait after a response that was not a 2xx.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryDelay {
    /// A random time from [`STEP_MS_MIN`] up to a bound that doubles with each failure.
    Jittered,
    /// The longest step, because the failure needs a configuration change.
    Longest,
    /// As long as the server asked, in milliseconds.
    ServerSet(u64),
}

/// Whether requests are held back, and until when.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
    until_ms: u64,
    /// The server set the time, so nothing ends the wait earlier.
    is_set_by_server: bool,
}

impl Backoff {
    /// When the wait ends, if there is one.
    pub fn until_ms(&self) -> Option<u64> {
        (self.failures > 0).then_some(self.until_ms)
    }

    /// What [`Backoff::restore`] takes.
    pub(crate) fn parts(&self) -> (u64, u64, bool) {
        (u64::from(self.failures), self.until_ms, self.is_set_by_server)
    }

    /// Continues the wait of another client on the same clock.
    pub(crate) fn restore(&mut self, failures: u64, until_ms: u64, is_set_by_server: bool) {
        self.failures = u32::try_from(failures).unwrap_or(u32::MAX);
        (self.until_ms, self.is_set_by_server) = (until_ms, is_set_by_server);
    }

    /// Whether nothing may be sent at `now_ms`.
    pub fn is_waiting(&self, now_ms: u64) -> bool {
        self.failures > 0 && now_ms < self.until_ms
    }

    /// Whether the last response was a failure.
    pub fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// Records a failure. Returns how long nothing is sent, in milliseconds: at most `longest_ms`,
    /// unless the server or a refused key requires more.
    pub fn failed(&mut self, now_ms: u64, delay: RetryDelay, longest_ms: u64, random: u32) -> u64 {
        self.failures += 1;
        self.is_set_by_server = matches!(delay, RetryDelay::ServerSet(_));
        let wait_ms = match delay {
            RetryDelay::Jittered => {
                let bound_ms = (STEP_MS_MIN << self.failures.min(6)).min(longest_ms);
                STEP_MS_MIN + u64::from(random) % (bound_ms - STEP_MS_MIN + 1)
            }
            RetryDelay::Longest => STEP_MS_MAX,
            // Tabs that were given the same time must not all retry at the same moment.
            RetryDelay::ServerSet(ms) => {
                ms.min(RETRY_AFTER_MS_MAX) + u64::from(random) % STEP_MS_MIN
            }
        };
        self.until_ms = now_ms + wait_ms;
        wait_ms
    }

    /// Records a success and ends the wait.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// Shortens the wait to at most `longest_ms` from now, unless the server set it.
    pub fn cap(&mut self, now_ms: u64, longest_ms: u64) {
        if !self.is_set_by_server {
            self.until_ms = self.until_ms.min(now_ms + longest_ms);
        }
    }

    /// Ends the wait because the network is back, unless the server set it.
    pub fn retry_now(&mut self, now_ms: u64) {
        if !self.is_set_by_server {
            self.until_ms = now_ms;
        }
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn every_wait_lies_between_one_second_and_the_longest_step(failures in 1usize..200, random: u32) {
            let mut backoff = Backoff::default();
            for _ in 0..failures {
                for longest_ms in [PROBE_MS_MAX, STEP_MS_MAX] {
                    let wait_ms = backoff.failed(5, RetryDelay::Jittered, longest_ms, random);
                    proptest::prop_assert!((STEP_MS_MIN..=longest_ms).contains(&wait_ms));
                }
            }
        }
    }

    #[test]
    fn a_retry_after_time_holds_even_when_the_network_is_back() {
        let mut backoff = Backoff::default();
        backoff.failed(0, RetryDelay::ServerSet(7_000), STEP_MS_MAX, 0);
        backoff.retry_now(10);
        assert!(backoff.is_waiting(6_999));
        assert!(!backoff.is_waiting(7_000));
    }

    #[test]
    fn the_probing_tab_waits_at_most_five_seconds_unless_the_server_asks_for_more() {
        let mut backoff = Backoff::default();
        backoff.failed(0, RetryDelay::Longest, STEP_MS_MAX, 0);
        backoff.cap(10, PROBE_MS_MAX);
        assert_eq!(backoff.until_ms(), Some(10 + PROBE_MS_MAX));
        backoff.failed(10, RetryDelay::ServerSet(60_000), STEP_MS_MAX, 0);
        backoff.cap(10, PROBE_MS_MAX);
        assert_eq!(backoff.until_ms(), Some(60_010));
    }

    #[test]
    fn a_success_ends_the_wait() {
        let mut backoff = Backoff::default();
        backoff.failed(0, RetryDelay::Longest, STEP_MS_MAX, 0);
        backoff.succeeded();
        assert_eq!(backoff.until_ms(), None);
        assert!(!backoff.is_waiting(1));
    }
}

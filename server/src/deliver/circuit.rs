//! When a sink may be tried, and with how much. Pure.
//!
//! While a sink fails, one small batch at a time finds out whether it is back: each failure halves the batch, each
//! success doubles it. So an event that makes its whole batch fail ends alone, and the others get through.

use crate::system::backoff::RetryPolicy;

/// The longest rest that a sink may ask for itself, in milliseconds.
const REST_MS_MAX: i64 = 15 * 60 * 1000;

/// Whether and how hard a sink may be tried.
#[derive(Debug, Clone)]
pub struct Circuit {
    policy: RetryPolicy,
    events_most: u32,
    events_max: u32,
    failures: u32,
    rests_until_ms: i64,
}

impl Circuit {
    /// A sink that takes up to `events_most` events a batch and has not failed.
    pub fn new(policy: RetryPolicy, events_most: u32) -> Self {
        let events_most = events_most.max(1);
        Self { policy, events_most, events_max: events_most, failures: 0, rests_until_ms: 0 }
    }

    /// For how long it must be left alone, in milliseconds.
    pub fn rest_ms(&self, now_ms: i64) -> i64 {
        // A rest longer than any that was given means that the clock was set back.
        let rest_ms = self.rests_until_ms.saturating_sub(now_ms);
        if rest_ms > REST_MS_MAX { 0 } else { rest_ms.max(0) }
    }

    /// How many events its next batch may have.
    pub fn events_max(&self) -> u32 {
        self.events_max
    }

    /// Whether its last batch failed.
    pub fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// It took a batch. Gives whether it had failed before.
    pub fn succeeded(&mut self) -> bool {
        self.events_max = self.events_max.saturating_mul(2).min(self.events_most);
        self.rests_until_ms = 0;
        std::mem::take(&mut self.failures) > 0
    }

    /// It failed as a whole, perhaps saying when to come back. Gives until when it rests.
    pub fn failed(&mut self, now_ms: i64, retry_after_ms: Option<i64>, random: u64) -> i64 {
        // Batches that were under way together fail together; that is one failure.
        if self.rest_ms(now_ms) == 0 {
            self.failures = self.failures.saturating_add(1);
            self.events_max = (self.events_max / 2).max(1);
            self.rests_until_ms = now_ms + self.policy.delay_ms(self.failures, random);
        }
        if let Some(asked_ms) = retry_after_ms {
            let until_ms = now_ms.saturating_add(asked_ms.clamp(0, REST_MS_MAX));
            self.rests_until_ms = self.rests_until_ms.max(until_ms);
        }
        self.rests_until_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circuit() -> Circuit {
        Circuit::new(RetryPolicy::default(), 2_000)
    }

    #[test]
    fn a_failing_sink_rests_longer_each_time_and_gets_smaller_batches() {
        let mut circuit = circuit();
        let (mut now_ms, mut rests) = (0, Vec::new());
        for _ in 0..12 {
            circuit.failed(now_ms, None, u64::MAX);
            rests.push(circuit.rest_ms(now_ms));
            now_ms += circuit.rest_ms(now_ms);
            assert_eq!(circuit.rest_ms(now_ms), 0);
        }
        assert!(rests.iter().all(|rest| (2_000..=60_000).contains(rest)), "{rests:?}");
        assert_eq!(circuit.events_max(), 1);
        assert!(circuit.succeeded() && !circuit.succeeded());
        assert_eq!((circuit.events_max(), circuit.is_failing()), (4, false));
    }

    #[test]
    fn batches_that_fail_together_are_one_failure() {
        let mut circuit = circuit();
        for _ in 0..4 {
            circuit.failed(0, None, 0);
        }
        assert_eq!(circuit.events_max(), 1_000);
        assert_eq!(circuit.rest_ms(0), 2_000);
    }

    #[test]
    fn the_sink_may_ask_for_a_longer_rest_but_not_for_ever() {
        let mut circuit = circuit();
        circuit.failed(0, Some(90_000), 0);
        assert_eq!(circuit.rest_ms(0), 90_000);
        circuit.failed(0, Some(i64::MAX), 0);
        assert_eq!(circuit.rest_ms(0), REST_MS_MAX);
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_rest_a_sink_for_ever() {
        let mut circuit = circuit();
        circuit.failed(10_000_000, None, 0);
        assert_eq!(circuit.rest_ms(0), 0);
    }
}

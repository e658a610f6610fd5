//! A circuit breaker: when a sink may be tried, and with how many events. Pure.
//!
//! While a sink fails, one small batch at a time probes whether it recovered: each failure halves
//! the batch, each success doubles it. So an event that makes its whole batch fail ends up alone,
//! and the others get through. From then on its failures are its own, and the circuit stays closed.

use crate::store::{DeliveryOrder, REST_MS_MAX};
use crate::system::backoff::RetryPolicy;

/// How many leases of a healthy sink come to one that begins with a delivery that fails by itself.
const ISOLATED_TURN: u32 = 4;

/// Whether a sink may be tried, and with how many events.
#[derive(Debug, Clone)]
pub struct Circuit {
    policy: RetryPolicy,
    /// The limit of a healthy sink.
    healthy_events_max: u32,
    events_max: u32,
    failures: u32,
    open_until_ms: i64,
    /// When the sink last accepted an event.
    accepted_ms: Option<i64>,
    leases: u32,
}

impl Circuit {
    /// The circuit of a sink that takes up to `events_max` events a batch and has not failed.
    pub fn new(policy: RetryPolicy, events_max: u32) -> Self {
        let events_max = events_max.max(1);
        Self {
            policy,
            healthy_events_max: events_max,
            events_max,
            failures: 0,
            open_until_ms: 0,
            accepted_ms: None,
            leases: 0,
        }
    }

    /// How much longer the circuit is open, in milliseconds. The sink must not be tried before.
    pub fn open_for_ms(&self, now_ms: i64) -> i64 {
        // A pause longer than any that was set means that the clock was set back.
        let pause_ms = self.open_until_ms.saturating_sub(now_ms);
        if pause_ms > REST_MS_MAX { 0 } else { pause_ms.max(0) }
    }

    /// How many events the next batch may have.
    pub fn events_max(&self) -> u32 {
        self.events_max
    }

    /// Whether the last batch failed.
    pub fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// What the next lease takes first. Probes alternate. Deliveries that fail by themselves get a
    /// turn while the sink is healthy.
    pub fn next_order(&mut self) -> DeliveryOrder {
        self.leases = self.leases.wrapping_add(1);
        match (self.is_failing(), self.failures % 2, self.leases % ISOLATED_TURN) {
            (true, 1, _) => DeliveryOrder::FreshFirst,
            (false, _, 0) => DeliveryOrder::IsolatedFirst,
            _ => DeliveryOrder::Shared,
        }
    }

    /// Records that the sink accepted an event.
    pub fn accepted(&mut self, now_ms: i64) {
        self.accepted_ms = Some(now_ms);
    }

    /// Whether the sink accepted an event after this time.
    pub fn has_accepted_since(&self, then_ms: i64) -> bool {
        self.accepted_ms.is_some_and(|accepted_ms| accepted_ms > then_ms)
    }

    /// Closes the circuit after a batch that the sink took. Gives whether it had failed before.
    pub fn succeeded(&mut self) -> bool {
        self.events_max = self.events_max.saturating_mul(2).min(self.healthy_events_max);
        self.open_until_ms = 0;
        std::mem::take(&mut self.failures) > 0
    }

    /// Opens the circuit after the sink failed, perhaps with a `Retry-After`. Gives until when.
    pub fn failed(&mut self, now_ms: i64, retry_after_ms: Option<i64>, random: u64) -> i64 {
        // Batches that were in flight together fail together. That is one failure.
        if self.open_for_ms(now_ms) == 0 {
            self.failures = self.failures.saturating_add(1);
            self.events_max = (self.events_max / 2).max(1);
            self.open_until_ms = now_ms + self.policy.delay_ms(self.failures, random);
        }
        if let Some(asked_ms) = retry_after_ms {
            let until_ms = now_ms.saturating_add(asked_ms.clamp(0, REST_MS_MAX));
            self.open_until_ms = self.open_until_ms.max(until_ms);
        }
        self.open_until_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circuit() -> Circuit {
        Circuit::new(RetryPolicy::default(), 2_000)
    }

    #[test]
    fn pauses_grow_and_batches_shrink_while_a_sink_fails() {
        let mut circuit = circuit();
        let (mut now_ms, mut pauses) = (0, Vec::new());
        for _ in 0..12 {
            circuit.failed(now_ms, None, u64::MAX);
            pauses.push(circuit.open_for_ms(now_ms));
            now_ms += circuit.open_for_ms(now_ms);
            assert_eq!(circuit.open_for_ms(now_ms), 0);
        }
        assert!(pauses.iter().all(|pause| (2_000..=60_000).contains(pause)), "{pauses:?}");
        assert_eq!(circuit.events_max(), 1);
        assert!(circuit.succeeded() && !circuit.succeeded());
        assert_eq!((circuit.events_max(), circuit.is_failing()), (4, false));
    }

    #[test]
    fn probes_alternate_and_deliveries_that_fail_alone_get_a_turn() {
        let mut circuit = circuit();
        let orders: Vec<_> = (0..4).map(|_| circuit.next_order()).collect();
        let (shared, isolated) = (DeliveryOrder::Shared, DeliveryOrder::IsolatedFirst);
        assert_eq!(orders, [shared, shared, shared, isolated]);
        circuit.failed(0, None, 0);
        assert_eq!(circuit.next_order(), DeliveryOrder::FreshFirst);
        circuit.failed(60_000, None, 0);
        assert_eq!(circuit.next_order(), shared);
    }

    #[test]
    fn batches_that_fail_together_count_as_one_failure() {
        let mut circuit = circuit();
        for _ in 0..4 {
            circuit.failed(0, None, 0);
        }
        assert_eq!(circuit.events_max(), 1_000);
        assert_eq!(circuit.open_for_ms(0), 2_000);
    }

    #[test]
    fn a_sink_may_ask_for_a_longer_pause_up_to_a_limit() {
        let mut circuit = circuit();
        circuit.failed(0, Some(90_000), 0);
        assert_eq!(circuit.open_for_ms(0), 90_000);
        circuit.failed(0, Some(i64::MAX), 0);
        assert_eq!(circuit.open_for_ms(0), REST_MS_MAX);
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_keep_the_circuit_open() {
        let mut circuit = circuit();
        circuit.failed(10_000_000, None, 0);
        assert_eq!(circuit.open_for_ms(0), 0);
    }
}

//! How fast one key may send.
//!
//! A token bucket in the form of the "generic cell rate algorithm" (ITU-T I.371): one number, the time at which all
//! that was taken so far will be paid for. A request is let in unless that lies too far ahead. What it costs is
//! known only after it was received and is charged then, so requests that are received at the same time can
//! overdraw; the debt is waited off by later ones, so over time no key sends faster than its rate.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::store::KeyRules;

/// How far ahead a key may send: 5 s at its rate, at once.
const BURST_US: i64 = 5_000_000;
/// Longest that a key is refused for, so that neither a large debt nor a clock that was set back shuts it out.
const AHEAD_US_MAX: i64 = 60_000_000;

/// How much one key has sent lately.
#[derive(Debug, Default)]
pub struct Meter {
    bytes: Bucket,
    events: Bucket,
}

impl Meter {
    /// For how many seconds to refuse requests, if they are to be refused now.
    pub(crate) fn wait_s(&self, rules: &KeyRules, now_ms: i64) -> Option<u32> {
        let wait_us = |bucket: &Bucket, rate: Option<u64>| rate.and(bucket.wait_us(now_ms));
        let bytes = wait_us(&self.bytes, rules.bytes_per_s);
        let events = wait_us(&self.events, rules.events_per_s);
        let wait_us = bytes.max(events)?;
        Some(u32::try_from(wait_us.div_euclid(1_000_000) + 1).unwrap_or(u32::MAX))
    }

    /// A body of this size was received.
    pub(crate) fn charge_bytes(&self, rules: &KeyRules, bytes: u64, now_ms: i64) {
        self.bytes.charge(rules.bytes_per_s, bytes, now_ms);
    }

    /// It held this many events.
    pub(crate) fn charge_events(&self, rules: &KeyRules, events: u64, now_ms: i64) {
        self.events.charge(rules.events_per_s, events, now_ms);
    }
}

/// When all that was taken will be paid for, in microseconds since 1970.
#[derive(Debug, Default)]
struct Bucket(AtomicI64);

impl Bucket {
    fn wait_us(&self, now_ms: i64) -> Option<i64> {
        let here_us = now_ms.saturating_mul(1_000);
        let latest_us = here_us.saturating_add(AHEAD_US_MAX);
        let paid_us = self.0.fetch_min(latest_us, Ordering::Relaxed).min(latest_us);
        let wait_us = paid_us.saturating_sub(here_us).saturating_sub(BURST_US);
        (wait_us > 0).then_some(wait_us)
    }

    fn charge(&self, rate: Option<u64>, cost: u64, now_ms: i64) {
        let Some(rate) = rate else { return };
        let cost_us = i64::try_from(cost.saturating_mul(1_000_000) / rate.max(1));
        let (here_us, cost_us) = (now_ms.saturating_mul(1_000), cost_us.unwrap_or(AHEAD_US_MAX));
        // The closure always gives a value, so the update always happens.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |paid_us| {
            Some(paid_us.max(here_us).saturating_add(cost_us))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: KeyRules =
        KeyRules { origins: Vec::new(), bytes_per_s: Some(1_000), events_per_s: Some(10) };

    #[test]
    fn a_burst_is_let_in_and_what_is_beyond_is_told_when_to_come_back() {
        let meter = Meter::default();
        meter.charge_bytes(&RULES, 5_000, 0);
        assert_eq!(meter.wait_s(&RULES, 0), None);
        meter.charge_bytes(&RULES, 2_500, 0);
        assert_eq!(meter.wait_s(&RULES, 0), Some(3));
        assert_eq!(meter.wait_s(&RULES, 2_400), Some(1));
        assert_eq!(meter.wait_s(&RULES, 2_500), None);
    }

    #[test]
    fn events_count_apart_from_bytes() {
        let meter = Meter::default();
        meter.charge_events(&RULES, 70, 0);
        assert_eq!(meter.wait_s(&RULES, 0), Some(3));
        assert_eq!(meter.wait_s(&RULES, 2_001), None);
    }

    #[test]
    fn a_key_without_rules_is_never_refused() {
        let (meter, rules) = (Meter::default(), KeyRules::default());
        meter.charge_bytes(&rules, u64::MAX, 0);
        meter.charge_events(&rules, u64::MAX, 0);
        assert_eq!(meter.wait_s(&rules, 0), None);
    }

    #[test]
    fn neither_a_debt_nor_a_clock_set_back_shuts_a_key_out_for_long() {
        let meter = Meter::default();
        meter.charge_bytes(&RULES, u64::MAX, 0);
        assert_eq!(meter.wait_s(&RULES, 0), Some(56));
        assert_eq!(meter.wait_s(&RULES, 56_000), None);
        let meter = Meter::default();
        meter.charge_events(&RULES, 100, 1_000_000_000);
        assert_eq!(meter.wait_s(&RULES, 1_000), Some(56));
        assert_eq!(meter.wait_s(&RULES, 57_000), None);
    }

    proptest::proptest! {
        /// Whoever sends whenever it may gets its rate, plus one burst and one overdraft.
        #[test]
        fn nobody_sends_faster_than_its_rate(costs in proptest::collection::vec(1_u64..3_000, 1..400)) {
            let (meter, mut sent, mut now_ms) = (Meter::default(), 0, 0);
            for cost in costs {
                if meter.wait_s(&RULES, now_ms).is_none() {
                    meter.charge_bytes(&RULES, cost, now_ms);
                    sent += cost;
                }
                now_ms += 100;
                proptest::prop_assert!(sent <= 5_000 + 3_000 + u64::try_from(now_ms).unwrap());
            }
        }
    }
}

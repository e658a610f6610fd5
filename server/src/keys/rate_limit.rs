//! The rate limits of a key.
//!
//! A token bucket in the form of the "generic cell rate algorithm" (ITU-T I.371). Its state is one
//! number: the time at which everything accepted so far is paid for. A request is accepted unless
//! that time is too far ahead. Its cost is known only once it has been received, and is charged
//! then, so requests that arrive at the same time can overdraw the limit. Later requests wait until
//! the debt is paid, so in the long run no key sends faster than its rate.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::store::{KeyKind, KeyRules};

/// The burst that a key may send at once: as much as 5 s at its rate.
const BURST_US: i64 = 5_000_000;
/// Limits how far the state can be ahead, so that neither a large debt nor a clock that was set
/// back locks a key out for longer than 55 s.
const AHEAD_US_MAX: i64 = 60_000_000;

/// What a write key may send by default, in decompressed bytes and in events a second. It is
/// public, so anyone may send with it. Large sites send a tenth of it.
const OF_WRITE_KEYS: (u64, u64) = (64 * 1024 * 1024, 100_000);
/// The same for a key that only backends have.
const OF_OTHER_KEYS: (u64, u64) = (1024 * 1024 * 1024, 1_000_000);

/// What a key may send in a second, without a limit where there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rates {
    /// Bytes of request bodies as they arrive.
    bytes: Option<u64>,
    /// Bytes of request bodies after decompression.
    decompressed_bytes: Option<u64>,
    /// Events.
    events: Option<u64>,
}

impl Rates {
    /// The rates of a key of this kind: those of its rules, or else the default ones.
    pub fn of(kind: KeyKind, rules: &KeyRules) -> Self {
        let (bytes, events) = match kind {
            KeyKind::Write => OF_WRITE_KEYS,
            KeyKind::Secret | KeyKind::Admin | KeyKind::Viewer => OF_OTHER_KEYS,
        };
        // Decompressed, a body has at least the bytes that a rule allows as they arrive.
        let decompressed_bytes = rules.bytes_per_s.map_or(bytes, |rate| rate.max(bytes));
        Self {
            bytes: rules.bytes_per_s,
            decompressed_bytes: Some(decompressed_bytes),
            events: Some(rules.events_per_s.unwrap_or(events)),
        }
    }
}

/// One of the limits of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Bytes of request bodies as they arrive.
    BytesPerS(u64),
    /// Bytes of request bodies after decompression.
    DecompressedBytesPerS(u64),
    /// Events.
    EventsPerS(u64),
}

/// A key has exceeded one of its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitExceeded {
    /// The limit that requires the longer wait.
    pub limit: Limit,
    /// The time until the key may send again.
    pub retry_after_s: u32,
}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.limit {
            Limit::BytesPerS(rate) => write!(f, "{} bytes/s", grouped(rate)),
            Limit::DecompressedBytesPerS(rate) => {
                write!(f, "{} decompressed bytes/s", grouped(rate))
            }
            Limit::EventsPerS(rate) => write!(f, "{} events/s", grouped(rate)),
        }
    }
}

/// A number with a comma between each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Measures how much one key has sent recently.
#[derive(Debug, Default)]
pub struct Meter {
    bytes: Bucket,
    decompressed_bytes: Bucket,
    events: Bucket,
}

impl Meter {
    /// Whether a request may be accepted now.
    ///
    /// # Errors
    /// [`LimitExceeded`] when the key must wait.
    pub(crate) fn check(&self, rates: &Rates, now_ms: i64) -> Result<(), LimitExceeded> {
        let waits = [
            (rates.bytes.map(Limit::BytesPerS), &self.bytes),
            (rates.decompressed_bytes.map(Limit::DecompressedBytesPerS), &self.decompressed_bytes),
            (rates.events.map(Limit::EventsPerS), &self.events),
        ];
        let longest = waits
            .into_iter()
            .filter_map(|(limit, bucket)| Some((bucket.wait_us(now_ms)?, limit?)))
            .max_by_key(|(wait_us, _)| *wait_us);
        let Some((wait_us, limit)) = longest else { return Ok(()) };
        let retry_after_s = u32::try_from(wait_us.div_euclid(1_000_000) + 1).unwrap_or(u32::MAX);
        Err(LimitExceeded { limit, retry_after_s })
    }

    /// Charges a body of this size, which has at least as many bytes once it is decompressed.
    pub(crate) fn charge_bytes(&self, rates: &Rates, bytes: u64, now_ms: i64) {
        self.bytes.charge(rates.bytes, bytes, now_ms);
        self.decompressed_bytes.charge(rates.decompressed_bytes, bytes, now_ms);
    }

    /// Charges what a body of `bytes` has more once it is decompressed, also if it is refused then.
    pub(crate) fn charge_decompressed(
        &self,
        rates: &Rates,
        bytes: u64,
        decompressed: u64,
        now_ms: i64,
    ) {
        let more = decompressed.saturating_sub(bytes);
        self.decompressed_bytes.charge(rates.decompressed_bytes, more, now_ms);
    }

    /// Charges this number of events.
    pub(crate) fn charge_events(&self, rates: &Rates, events: u64, now_ms: i64) {
        self.events.charge(rates.events, events, now_ms);
    }
}

/// The time at which everything accepted so far is paid for, in microseconds since 1970.
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
        // The closure always returns a value, so the update cannot fail.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |paid_us| {
            Some(paid_us.max(here_us).saturating_add(cost_us))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rates = Rates { bytes: Some(1_000), decompressed_bytes: None, events: Some(10) };

    fn wait_s(meter: &Meter, now_ms: i64) -> Option<u32> {
        meter.check(&RULES, now_ms).err().map(|exceeded| exceeded.retry_after_s)
    }

    #[test]
    fn the_limit_with_the_longer_wait_is_reported() {
        let meter = Meter::default();
        meter.charge_events(&RULES, 60, 0);
        let exceeded = |limit, retry_after_s| Err(LimitExceeded { limit, retry_after_s });
        assert_eq!(meter.check(&RULES, 0), exceeded(Limit::EventsPerS(10), 2));
        meter.charge_bytes(&RULES, 8_000, 0);
        assert_eq!(meter.check(&RULES, 0), exceeded(Limit::BytesPerS(1_000), 4));
    }

    #[test]
    fn a_rate_is_shown_with_its_unit_and_grouped_digits() {
        for (limit, text) in [
            (Limit::EventsPerS(0), "0 events/s"),
            (Limit::EventsPerS(999), "999 events/s"),
            (Limit::BytesPerS(1_000), "1,000 bytes/s"),
            (Limit::DecompressedBytesPerS(1_000), "1,000 decompressed bytes/s"),
            (Limit::BytesPerS(12_345_678), "12,345,678 bytes/s"),
        ] {
            assert_eq!(LimitExceeded { limit, retry_after_s: 1 }.to_string(), text);
        }
    }

    #[test]
    fn a_burst_is_accepted_and_then_the_key_must_wait() {
        let meter = Meter::default();
        meter.charge_bytes(&RULES, 5_000, 0);
        assert_eq!(wait_s(&meter, 0), None);
        meter.charge_bytes(&RULES, 2_500, 0);
        assert_eq!(wait_s(&meter, 0), Some(3));
        assert_eq!(wait_s(&meter, 2_400), Some(1));
        assert_eq!(wait_s(&meter, 2_500), None);
    }

    #[test]
    fn events_and_bytes_have_separate_limits() {
        let meter = Meter::default();
        meter.charge_events(&RULES, 70, 0);
        assert_eq!(wait_s(&meter, 0), Some(3));
        assert_eq!(wait_s(&meter, 2_001), None);
    }

    #[test]
    fn a_key_without_limits_is_never_refused() {
        let (meter, rules) = (Meter::default(), Rates::default());
        meter.charge_bytes(&rules, u64::MAX, 0);
        meter.charge_events(&rules, u64::MAX, 0);
        assert_eq!(meter.check(&rules, 0), Ok(()));
    }

    #[test]
    fn a_key_without_rules_has_the_rates_of_its_kind() {
        let rules = KeyRules::default();
        let (write, secret) =
            (Rates::of(KeyKind::Write, &rules), Rates::of(KeyKind::Secret, &rules));
        assert!(
            write.events < secret.events && write.decompressed_bytes < secret.decompressed_bytes
        );
        assert_eq!((write.bytes, secret.bytes), (None, None));
        let rules = KeyRules { bytes_per_s: Some(1 << 40), events_per_s: Some(7), ..rules };
        let raised = Rates::of(KeyKind::Write, &rules);
        assert_eq!((raised.events, raised.decompressed_bytes), (Some(7), Some(1 << 40)));
    }

    #[test]
    fn a_small_body_that_becomes_a_large_one_is_charged_as_a_large_one() {
        let rates = Rates { decompressed_bytes: Some(1_000_000), ..Rates::default() };
        let meter = Meter::default();
        for _ in 0..2 {
            meter.charge_bytes(&rates, 8_000, 0);
            meter.charge_decompressed(&rates, 8_000, 4_000_000, 0);
        }
        let exceeded = meter.check(&rates, 0).unwrap_err();
        assert_eq!(exceeded.limit, Limit::DecompressedBytesPerS(1_000_000));
        assert_eq!(exceeded.retry_after_s, 4, "8 MB at 1 MB/s, of which 5 s are the burst");
    }

    #[test]
    fn neither_a_debt_nor_a_clock_set_back_locks_a_key_out_for_long() {
        let meter = Meter::default();
        meter.charge_bytes(&RULES, u64::MAX, 0);
        assert_eq!(wait_s(&meter, 0), Some(56));
        assert_eq!(wait_s(&meter, 56_000), None);
        let meter = Meter::default();
        meter.charge_events(&RULES, 100, 1_000_000_000);
        assert_eq!(wait_s(&meter, 1_000), Some(56));
        assert_eq!(wait_s(&meter, 57_000), None);
    }

    proptest::proptest! {
        /// A client that sends whenever it may gets its rate, plus one burst and one overdraft.
        #[test]
        fn no_key_sends_faster_than_its_rate(costs in proptest::collection::vec(1_u64..3_000, 1..400)) {
            let (meter, mut sent, mut now_ms) = (Meter::default(), 0, 0);
            for cost in costs {
                if meter.check(&RULES, now_ms).is_ok() {
                    meter.charge_bytes(&RULES, cost, now_ms);
                    sent += cost;
                }
                now_ms += 100;
                proptest::prop_assert!(sent <= 5_000 + 3_000 + u64::try_from(now_ms).unwrap());
            }
        }
    }
}

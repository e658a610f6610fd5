//! A limit on the memory that all request bodies take together while they are received.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A number of bytes that reservations share.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    usage: Arc<Usage>,
    bytes_max: u64,
}

#[derive(Debug, Default)]
struct Usage {
    reserved: AtomicU64,
    /// All bytes that were ever released.
    released: AtomicU64,
    /// The value of `released` at a time in milliseconds since 1970, from which the rate follows.
    sample: Mutex<Option<(i64, u64)>>,
}

/// Shortest time over which the release rate is measured.
const SAMPLE_MS: i64 = 1_000;
/// Longest wait that a client is told.
const RETRY_S_MAX: u64 = 30;

impl Budget {
    /// A budget of `bytes_max`.
    pub(super) fn new(bytes_max: u64) -> Self {
        Self { usage: Arc::default(), bytes_max }
    }

    /// A reservation that is still empty.
    pub(super) fn reservation(&self) -> Reservation {
        Reservation { budget: self.clone(), bytes: 0 }
    }

    /// When there may be room again: the reserved bytes, divided by the rate at which bytes were
    /// released recently.
    pub(super) fn retry_after_s(&self, now_ms: i64) -> u32 {
        let reserved = self.usage.reserved.load(Ordering::Relaxed);
        let released = self.usage.released.load(Ordering::Relaxed);
        let mut sample = self.usage.sample.lock().unwrap_or_else(PoisonError::into_inner);
        let (sampled_ms, before) = *sample.get_or_insert((now_ms, released));
        let elapsed_ms = now_ms.saturating_sub(sampled_ms);
        if !(0..SAMPLE_MS).contains(&elapsed_ms) {
            *sample = Some((now_ms, released));
        }
        let Ok(elapsed_ms @ 1..) = u64::try_from(elapsed_ms) else { return 1 };
        let bytes_per_s = released.saturating_sub(before).saturating_mul(1_000) / elapsed_ms;
        let seconds = (reserved / bytes_per_s.max(1)).clamp(1, RETRY_S_MAX);
        u32::try_from(seconds).unwrap_or(1)
    }
}

/// Bytes that are reserved in a budget and released when this is dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    budget: Budget,
    bytes: u64,
}

impl Reservation {
    /// Reserves `bytes` more. Returns `false`, and reserves nothing, when the budget has too few.
    #[must_use]
    pub(super) fn grow(&mut self, bytes: u64) -> bool {
        let reserved = &self.budget.usage.reserved;
        let before = reserved.fetch_add(bytes, Ordering::AcqRel);
        if before + bytes > self.budget.bytes_max {
            reserved.fetch_sub(bytes, Ordering::AcqRel);
            return false;
        }
        self.bytes += bytes;
        true
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.usage.reserved.fetch_sub(self.bytes, Ordering::AcqRel);
        self.budget.usage.released.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_reservation_can_be_reserved_again() {
        let budget = Budget::new(10);
        let (mut one, mut two) = (budget.reservation(), budget.reservation());
        assert!(one.grow(6) && !two.grow(6) && two.grow(4));
        drop(one);
        assert!(two.grow(6) && !two.grow(1));
    }

    #[test]
    fn the_wait_follows_from_the_rate_of_releases() {
        let budget = Budget::new(100);
        let mut held = budget.reservation();
        assert!(held.grow(90));
        assert_eq!(budget.retry_after_s(10_000), 1, "no rate is known yet");
        for _ in 0..3 {
            assert!(budget.reservation().grow(10));
        }
        assert_eq!(budget.retry_after_s(11_000), 3);
        assert_eq!(budget.retry_after_s(12_000), 30, "nothing is released");
        assert_eq!(budget.retry_after_s(5_000), 1, "the clock was set back");
    }
}

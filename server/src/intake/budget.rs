//! Memory that bodies may take while they are received, all together.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A number of bytes to share.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    uses: Arc<Uses>,
    bytes_max: u64,
}

#[derive(Debug, Default)]
struct Uses {
    used: AtomicU64,
    /// All bytes that were ever given back.
    freed: AtomicU64,
    /// When `freed` was looked at, in milliseconds since 1970, and what it was.
    sample: Mutex<Option<(i64, u64)>>,
}

/// How far apart the pace of giving back is measured, at least.
const SAMPLE_MS: i64 = 1_000;
/// Longest that anyone is told to wait.
const RETRY_S_MAX: u64 = 30;

impl Budget {
    /// A budget of `bytes_max`.
    pub(super) fn new(bytes_max: u64) -> Self {
        Self { uses: Arc::default(), bytes_max }
    }

    /// An empty share.
    pub(super) fn share(&self) -> Share {
        Share { budget: self.clone(), bytes: 0 }
    }

    /// When there may be room again: what is used over the pace at which bytes were given back lately.
    pub(super) fn retry_after_s(&self, now_ms: i64) -> u32 {
        let (used, freed) =
            (self.uses.used.load(Ordering::Relaxed), self.uses.freed.load(Ordering::Relaxed));
        let mut sample = self.uses.sample.lock().unwrap_or_else(PoisonError::into_inner);
        let (since_ms, before) = *sample.get_or_insert((now_ms, freed));
        let elapsed_ms = now_ms.saturating_sub(since_ms);
        if !(0..SAMPLE_MS).contains(&elapsed_ms) {
            *sample = Some((now_ms, freed));
        }
        let Ok(elapsed_ms @ 1..) = u64::try_from(elapsed_ms) else { return 1 };
        let bytes_per_s = freed.saturating_sub(before).saturating_mul(1_000) / elapsed_ms;
        let seconds = (used / bytes_per_s.max(1)).clamp(1, RETRY_S_MAX);
        u32::try_from(seconds).unwrap_or(1)
    }
}

/// Bytes taken from a budget, given back when dropped.
#[derive(Debug)]
pub(super) struct Share {
    budget: Budget,
    bytes: u64,
}

impl Share {
    /// Takes `bytes` more. `false`, and nothing taken, when they are not there.
    #[must_use]
    pub(super) fn grow(&mut self, bytes: u64) -> bool {
        let used = &self.budget.uses.used;
        let before = used.fetch_add(bytes, Ordering::AcqRel);
        if before + bytes > self.budget.bytes_max {
            used.fetch_sub(bytes, Ordering::AcqRel);
            return false;
        }
        self.bytes += bytes;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.uses.used.fetch_sub(self.bytes, Ordering::AcqRel);
        self.budget.uses.freed.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_can_be_taken_again() {
        let budget = Budget::new(10);
        let (mut one, mut two) = (budget.share(), budget.share());
        assert!(one.grow(6) && !two.grow(6) && two.grow(4));
        drop(one);
        assert!(two.grow(6) && !two.grow(1));
    }

    #[test]
    fn the_wait_follows_from_the_pace_of_giving_back() {
        let budget = Budget::new(100);
        let mut held = budget.share();
        assert!(held.grow(90));
        assert_eq!(budget.retry_after_s(10_000), 1, "no pace is known yet");
        for _ in 0..3 {
            assert!(budget.share().grow(10));
        }
        assert_eq!(budget.retry_after_s(11_000), 3);
        assert_eq!(budget.retry_after_s(12_000), 30, "nothing is given back at all");
        assert_eq!(budget.retry_after_s(5_000), 1, "the clock was set back");
    }
}

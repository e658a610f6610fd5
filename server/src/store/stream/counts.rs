//! What drains of a shard counted since the start.

use std::sync::atomic::{AtomicU64, Ordering};

/// What drains of a shard counted since the start.
#[derive(Debug, Default)]
pub(super) struct DrainCounts {
    redelivered: AtomicU64,
    unreadable: AtomicU64,
}

impl DrainCounts {
    pub(super) fn delivered(&self, is_repeated: bool) {
        self.redelivered.fetch_add(u64::from(is_repeated), Ordering::Relaxed);
    }

    pub(super) fn unreadable(&self) {
        self.unreadable.fetch_add(1, Ordering::Relaxed);
    }

    /// How often a group was delivered again, and how often one could not be read.
    pub(super) fn sums(&self) -> (u64, u64) {
        (self.redelivered.load(Ordering::Relaxed), self.unreadable.load(Ordering::Relaxed))
    }
}

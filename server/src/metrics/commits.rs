//! What the writer of a database has committed.

use std::sync::atomic::{AtomicU64, Ordering};

use super::histogram::{Histogram, HistogramSums};

/// What the writer of a database has committed.
#[derive(Debug, Default)]
pub struct CommitMetrics {
    /// How long each transaction of a group took, from its beginning to the end of its sync.
    pub group: Histogram,
    /// How long the `COMMIT` took, which is the sync and little else.
    pub sync: Histogram,
    writes: AtomicU64,
    failures: AtomicU64,
}

/// What the writer of a database has committed since the start, and what waits for it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CommitSums {
    /// Bytes that wait to be written.
    pub queued_bytes: u64,
    /// The most that may wait. Further writes are refused.
    pub queued_bytes_max: u64,
    /// Writes that were committed. A group commits many at once.
    pub writes: u64,
    /// Transactions that failed, after each of which the database was opened again.
    pub failures: u64,
    /// How long each transaction took. Its count is the number of commits.
    pub group: HistogramSums,
    /// How long each sync took.
    pub sync: HistogramSums,
}

impl CommitSums {
    /// These and `other` together.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        Self {
            queued_bytes: self.queued_bytes + other.queued_bytes,
            queued_bytes_max: self.queued_bytes_max + other.queued_bytes_max,
            writes: self.writes + other.writes,
            failures: self.failures + other.failures,
            group: self.group.and(&other.group),
            sync: self.sync.and(&other.sync),
        }
    }
}

impl CommitMetrics {
    /// Counts a group of `writes` that is committed.
    pub fn committed(&self, writes: u64) {
        self.writes.fetch_add(writes, Ordering::Relaxed);
    }

    /// Counts a transaction that failed.
    pub fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// The counts so far, without what waits.
    pub fn sums(&self) -> CommitSums {
        CommitSums {
            writes: self.writes.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            group: self.group.sums(),
            sync: self.sync.sums(),
            ..CommitSums::default()
        }
    }
}

//! What processing made of payloads.

use std::sync::atomic::{AtomicU64, Ordering};

use super::recent_errors::RecentErrors;
use super::throughput::Throughput;

/// What processing made of payloads, and how fast.
#[derive(Debug, Default)]
pub struct ProcessMetrics {
    /// How many events are processed, and how long each batch takes.
    pub throughput: Throughput,
    /// Failed attempts that are not stored yet.
    pub errors: RecentErrors,
    payloads: AtomicU64,
    stored: AtomicU64,
    duplicates: AtomicU64,
    invalid: AtomicU64,
    retried: AtomicU64,
    set_aside: AtomicU64,
}

/// What processing made of payloads since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProcessedSums {
    /// Payloads that were processed.
    pub payloads: u64,
    /// Events of them that were stored.
    pub stored: u64,
    /// Events that had arrived before.
    pub duplicates: u64,
    /// Events that cannot be stored.
    pub invalid: u64,
    /// Attempts that failed, after which a payload is tried again.
    pub retried: u64,
    /// Payloads that failed too often and were set aside.
    pub set_aside: u64,
}

impl ProcessMetrics {
    /// Adds what one transaction did.
    pub fn record(&self, more: ProcessedSums) {
        for (count, more) in [
            (&self.payloads, more.payloads),
            (&self.stored, more.stored),
            (&self.duplicates, more.duplicates),
            (&self.invalid, more.invalid),
            (&self.retried, more.retried),
            (&self.set_aside, more.set_aside),
        ] {
            count.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// The counts so far.
    pub fn sums(&self) -> ProcessedSums {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        ProcessedSums {
            payloads: read(&self.payloads),
            stored: read(&self.stored),
            duplicates: read(&self.duplicates),
            invalid: read(&self.invalid),
            retried: read(&self.retried),
            set_aside: read(&self.set_aside),
        }
    }
}

//! What intake has accepted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::throughput::Throughput;

/// What intake has accepted, and how fast.
#[derive(Debug, Default)]
pub struct IntakeMetrics {
    /// How many events intake accepts, and how long each request takes once its body is here.
    pub throughput: Throughput,
    body_bytes: AtomicU64,
    decompressed_bytes: AtomicU64,
}

/// What intake has accepted since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AcceptedBytes {
    /// Bodies as they arrived, in bytes.
    pub body: u64,
    /// The same bodies after decompression.
    pub decompressed: u64,
}

impl IntakeMetrics {
    /// Counts a payload of `events` that is on disk.
    pub fn record(&self, events: u64, bytes: AcceptedBytes, took: Duration, now_ms: i64) {
        self.body_bytes.fetch_add(bytes.body, Ordering::Relaxed);
        self.decompressed_bytes.fetch_add(bytes.decompressed, Ordering::Relaxed);
        self.throughput.record(events, took, now_ms);
    }

    /// The bytes so far.
    pub fn bytes(&self) -> AcceptedBytes {
        AcceptedBytes {
            body: self.body_bytes.load(Ordering::Relaxed),
            decompressed: self.decompressed_bytes.load(Ordering::Relaxed),
        }
    }
}

//! How attempts to deliver to one sink ended.

use std::sync::atomic::{AtomicU64, Ordering};

use super::throughput::Throughput;

/// How attempts to deliver to one sink ended, and how fast it goes.
#[derive(Debug, Default)]
pub struct SinkMetrics {
    /// How many events the sink takes, and how long each batch takes.
    pub throughput: Throughput,
    sent: AtomicU64,
    retried: AtomicU64,
    dead: AtomicU64,
    dropped: AtomicU64,
}

/// How attempts ended since the start, each of one event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AttemptSums {
    /// The sink took the event.
    pub sent: u64,
    /// The event is tried again later.
    pub retried: u64,
    /// The event became a dead letter.
    pub dead: u64,
    /// The event was dropped.
    pub dropped: u64,
}

impl SinkMetrics {
    /// Adds how the attempts of one batch ended.
    pub fn record(&self, more: AttemptSums) {
        for (count, more) in [
            (&self.sent, more.sent),
            (&self.retried, more.retried),
            (&self.dead, more.dead),
            (&self.dropped, more.dropped),
        ] {
            count.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// The counts so far.
    pub fn sums(&self) -> AttemptSums {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        AttemptSums {
            sent: read(&self.sent),
            retried: read(&self.retried),
            dead: read(&self.dead),
            dropped: read(&self.dropped),
        }
    }
}

//! How attempts to deliver to one sink ended.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::growth::Growth;
use super::throughput::Throughput;

/// How attempts to deliver to one sink ended, and how fast it goes.
#[derive(Debug, Default)]
pub struct SinkMetrics {
    /// How many events the sink takes, and how long each batch takes.
    pub throughput: Throughput,
    /// How fast deliveries are added to its queue.
    pub queued: Growth,
    /// When it last took an event, in milliseconds since 1970. 0 if never.
    last_sent_ms: AtomicI64,
    last_failure: Mutex<Option<SinkFailure>>,
    sent: AtomicU64,
    retried: AtomicU64,
    dead: AtomicU64,
    dropped: AtomicU64,
}

/// An attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkFailure {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Why.
    pub why: String,
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

    /// Records that it took an event.
    pub fn took(&self, now_ms: i64) {
        self.last_sent_ms.store(now_ms, Ordering::Relaxed);
    }

    /// Records that an attempt failed.
    pub fn failed(&self, failure: SinkFailure) {
        *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
    }

    /// When it last took an event since the start, in milliseconds since 1970.
    pub fn last_sent_ms(&self) -> Option<i64> {
        Some(self.last_sent_ms.load(Ordering::Relaxed)).filter(|ms| *ms != 0)
    }

    /// The last attempt since the start that failed.
    pub fn last_failure(&self) -> Option<SinkFailure> {
        self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
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

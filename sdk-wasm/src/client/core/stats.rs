//! The part of `stats()` that both clients have.

use lamplight_wire::reason::DropReason;

use super::Core;
use crate::ports::Ports;
use crate::queue::PageQueue;
use crate::send::flush::FlushReason;
use crate::text;

/// Counters since the page started.
#[derive(Debug, Default)]
pub(in crate::client) struct Counts {
    /// This page's events that the server accepted.
    pub(in crate::client) sent: u64,
    /// Orphaned events that the server accepted.
    pub(in crate::client) adopted: u64,
    /// Dropped events, by reason.
    pub(in crate::client) dropped: [u64; DropReason::ALL.len()],
    pub(in crate::client) requests: u64,
    /// The status of the last failure; 0 without a response.
    pub(in crate::client) last_error: Option<u16>,
    /// The reason of the last request.
    pub(in crate::client) last_flush: Option<FlushReason>,
}

/// The names of [`Client::counters`](crate::client::Client::counters), in their order.
pub const COUNTERS: [&str; 13] = [
    "made",
    "queued",
    "queuedBytes",
    "stored",
    "sent",
    "requests",
    "backoffMs",
    "error",
    "flush",
    "quota",
    "rejected",
    "too_large",
    "opted_out",
];

impl<P: Ports, Q: PageQueue, C> Core<P, Q, C> {
    pub(in crate::client) fn counters(&self) -> [u64; COUNTERS.len()] {
        let [quota, rejected, too_large, opted_out] = self.counts.dropped;
        [
            self.seq,
            self.queue.len() as u64,
            self.queue.waiting_bytes() as u64,
            self.queue.stored_bytes() as u64,
            self.counts.sent,
            self.counts.requests,
            self.backoff_left_ms(),
            self.counts.last_error.map_or(0, |status| u64::from(status) + 1),
            self.counts.last_flush.map_or(0, |reason| reason as u64 + 1),
            quota,
            rejected,
            too_large,
            opted_out,
        ]
    }

    /// How much longer nothing is sent, in milliseconds.
    pub(in crate::client) fn backoff_left_ms(&self) -> u64 {
        self.backoff.until_ms().unwrap_or(0).saturating_sub(self.ports.monotonic_ms())
    }

    /// [`Core::counters`] as text.
    pub(in crate::client) fn counters_text(&self) -> String {
        let mut out = String::new();
        for fact in &self.counters() {
            text::push_number(&mut out, " ", *fact);
        }
        out
    }
}

//! The contents of `stats()`.

use lamplight_wire::reason::DropReason;
use lamplight_wire::{Producer, json};

use super::Client;
use crate::notes::push_number;
use crate::ports::Ports;
use crate::send::flush::FlushReason;

/// Counters since the page started.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// This page's events that the server accepted.
    pub(super) sent: u64,
    /// Orphaned events that the server accepted.
    pub(super) adopted: u64,
    /// Dropped events, by reason.
    pub(super) dropped: [u64; DropReason::ALL.len()],
    pub(super) requests: u64,
    /// The status of the last failure; 0 without a response.
    pub(super) last_error: Option<u16>,
    /// The reason of the last request.
    pub(super) last_flush: Option<FlushReason>,
}

impl<P: Ports, const FULL: bool> Client<P, FULL> {
    /// Whether an event of this page still waits for its 2xx.
    pub fn is_queued(&self, seq: u64) -> bool {
        self.queue.contains(seq)
    }

    /// Whether this tab holds the lease.
    pub const fn holds_lease(&self) -> bool {
        self.lease.is_mine()
    }

    /// The numbers of `stats()`, in the order in which JavaScript reads them: events made, queued;
    /// bytes queued, stored; events sent; requests; remaining backoff in milliseconds; one more
    /// than the last failure's status, or 0; one more than the index of the last request's reason
    /// in [`FlushReason::ALL`](crate::send::flush::FlushReason::ALL), or 0; and dropped events, by
    /// reason.
    pub fn counters(&self) -> [u64; 13] {
        let now_ms = self.ports.monotonic_ms();
        let [quota, rejected, too_large, opted_out] = self.counts.dropped;
        [
            self.seq,
            self.queue.len() as u64,
            self.queue.waiting_bytes() as u64,
            self.queue.stored_bytes() as u64,
            self.counts.sent,
            self.counts.requests,
            self.backoff.until_ms().unwrap_or(0).saturating_sub(now_ms),
            self.counts.last_error.map_or(0, |status| u64::from(status) + 1),
            self.counts.last_flush.map_or(0, |reason| reason as u64 + 1),
            quota,
            rejected,
            too_large,
            opted_out,
        ]
    }

    /// The state as text: the counters, and in a full client a second line with the rest as JSON.
    pub fn stats(&self) -> String {
        let mut out = String::new();
        for fact in &self.counters() {
            push_number(&mut out, " ", *fact);
        }
        if FULL {
            self.push_full_stats(&mut out);
        }
        out
    }

    /// What the first client does not have. JavaScript shows zeros for it.
    fn push_full_stats(&self, out: &mut String) {
        push_number(out, "\n{\"foreign\":", self.foreign.events());
        push_number(out, ",\"adopted\":", self.counts.adopted);
        let (events, bytes) = self.queue.overflowed();
        push_number(out, ",\"overflow\":{\"events\":", events);
        push_number(out, ",\"bytes\":", bytes);
        out.push('}');
        out.push_str(",\"lock\":{\"phase\":");
        json::push_quoted(out, self.lock.phase().name());
        push_holder(out, self.lease.holder());
        out.push_str(",\"history\":[");
        for (at, tenure) in self.lease.history().iter().enumerate() {
            out.push_str(if at > 0 { ",{" } else { "{" });
            push_number(out, "\"since\":", tenure.since_ms);
            push_number(out, ",\"epoch\":", tenure.epoch);
            push_holder(out, Some(tenure.holder));
            out.push('}');
        }
        out.push_str("]}}");
    }
}

fn push_holder(out: &mut String, holder: Option<Producer>) {
    if let Some(holder) = holder {
        out.push_str(",\"holder\":\"");
        holder.push_to(out);
        out.push('"');
    }
}

//! What `stats()` shows.

use lamplight_wire::reason::DropReason;
use lamplight_wire::{Producer, json};

use super::Client;
use crate::notes::push_number;
use crate::ports::Ports;
use crate::send::flush::Reason;

/// Counters since the page started.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Own events answered with a 2xx.
    pub(super) sent: u64,
    /// ForeignProducers' events answered with a 2xx.
    pub(super) adopted: u64,
    /// Events given up, by reason.
    pub(super) dropped: [u64; DropReason::ALL.len()],
    /// Requests sent.
    pub(super) requests: u64,
    /// The last failure's status; 0 when there was no answer.
    pub(super) last_error: Option<u16>,
    /// Why the last request was sent.
    pub(super) last_flush: Option<Reason>,
}

impl<P: Ports, const FULL: bool> Client<P, FULL> {
    /// Whether an own event still waits for its 2xx.
    pub fn is_queued(&self, seq: u64) -> bool {
        self.queue.contains(seq)
    }

    /// Whether this tab works for those that are gone.
    pub const fn holds_lease(&self) -> bool {
        self.lease.is_mine()
    }

    /// Where this page's events are, in the order in which `stats()` of the page's code reads it: events made, queued; bytes queued,
    /// stored; events sent; requests; how much longer nothing is sent, in milliseconds; the last failure's status and the place of the last
    /// request's reason in [`Reason::ALL`](crate::send::flush::Reason::ALL), both 0 for none and else one more; and events given up, by reason.
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

    /// The state: the counters, and of a whole client on a line of its own the rest as JSON.
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

    /// What a client that is not whole knows nothing of: the page's code has zeros for it.
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

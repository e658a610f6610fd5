//! What `stats()` shows.

use lamplight_wire::reason::DropReason;
use lamplight_wire::{Producer, json};

use super::Client;
use crate::flush::Reason;
use crate::notes::push_number;
use crate::ports::Ports;

/// Counters since the page started.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Own events answered with a 2xx.
    pub(super) sent: u64,
    /// Others' events answered with a 2xx.
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

impl<P: Ports, const WHOLE: bool> Client<P, WHOLE> {
    /// Whether an own event still waits for its 2xx.
    pub fn is_queued(&self, seq: u64) -> bool {
        self.queue.contains(seq)
    }

    /// Whether this tab works for those that are gone.
    pub const fn holds_lease(&self) -> bool {
        self.lease.is_mine()
    }

    /// The state as JSON.
    pub fn stats_json(&self) -> String {
        let now_ms = self.ports.monotonic_ms();
        let mut out = String::from("{\"producer\":\"");
        self.producer.push_to(&mut out);
        out.push('"');
        for (key, value) in [
            (",\"made\":", self.seq),
            (",\"queued\":", self.queue.len() as u64),
            (",\"queuedBytes\":", self.queue.waiting_bytes() as u64),
            (",\"stored\":", self.queue.stored_bytes() as u64),
            (",\"foreign\":", if WHOLE { self.others.events() } else { 0 }),
            (",\"sent\":", self.counts.sent),
            (",\"adopted\":", self.counts.adopted),
            (",\"requests\":", self.counts.requests),
            (",\"backoffMs\":", self.backoff.until_ms().unwrap_or(0).saturating_sub(now_ms)),
        ] {
            push_number(&mut out, key, value);
        }
        if let Some(status) = self.counts.last_error {
            out.push_str(",\"lastError\":\"");
            if status == 0 {
                out.push_str("no answer");
            } else {
                push_number(&mut out, "status ", u64::from(status));
            }
            out.push('"');
        }
        if let Some(reason) = self.counts.last_flush {
            out.push_str(",\"lastFlush\":");
            json::push_string(&mut out, reason.name());
        }
        let (events, bytes) = self.queue.overflowed();
        push_number(&mut out, ",\"overflow\":{\"events\":", events);
        push_number(&mut out, ",\"bytes\":", bytes);
        out.push('}');
        out.push_str(",\"dropped\":{");
        for (at, reason) in DropReason::ALL.into_iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            json::push_string(&mut out, reason.code());
            push_number(&mut out, ":", self.counts.dropped[reason as usize]);
        }
        out.push_str("},\"lock\":{\"phase\":");
        json::push_string(&mut out, self.lock.phase().name());
        push_holder(&mut out, self.lease.holder());
        out.push_str(",\"history\":[");
        for (at, tenure) in self.lease.history().iter().enumerate() {
            out.push_str(if at > 0 { ",{" } else { "{" });
            push_number(&mut out, "\"since\":", tenure.since_ms);
            push_number(&mut out, ",\"epoch\":", tenure.epoch);
            push_holder(&mut out, Some(tenure.holder));
            out.push('}');
        }
        out.push_str("]}}");
        out
    }
}

fn push_holder(out: &mut String, holder: Option<Producer>) {
    if let Some(holder) = holder {
        out.push_str(",\"holder\":\"");
        holder.push_to(out);
        out.push('"');
    }
}

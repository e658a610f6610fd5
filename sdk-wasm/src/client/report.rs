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

    /// The state as JSON. Without `foreign`, `adopted`, `overflow` and `lock` when the client is not whole.
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
            (",\"sent\":", self.counts.sent),
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
        out.push_str(",\"dropped\":{");
        for (at, reason) in DropReason::ALL.into_iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            json::push_string(&mut out, reason.code());
            push_number(&mut out, ":", self.counts.dropped[reason as usize]);
        }
        out.push('}');
        if WHOLE {
            self.push_work(&mut out);
        }
        out.push('}');
        out
    }

    /// What a client that is not whole knows nothing of: the page's code has zeros for it.
    fn push_work(&self, out: &mut String) {
        push_number(out, ",\"foreign\":", self.others.events());
        push_number(out, ",\"adopted\":", self.counts.adopted);
        let (events, bytes) = self.queue.overflowed();
        push_number(out, ",\"overflow\":{\"events\":", events);
        push_number(out, ",\"bytes\":", bytes);
        out.push('}');
        out.push_str(",\"lock\":{\"phase\":");
        json::push_string(out, self.lock.phase().name());
        push_holder(out, self.lease.holder());
        out.push_str(",\"history\":[");
        for (at, tenure) in self.lease.history().iter().enumerate() {
            out.push_str(if at > 0 { ",{" } else { "{" });
            push_number(out, "\"since\":", tenure.since_ms);
            push_number(out, ",\"epoch\":", tenure.epoch);
            push_holder(out, Some(tenure.holder));
            out.push('}');
        }
        out.push_str("]}");
    }
}

fn push_holder(out: &mut String, holder: Option<Producer>) {
    if let Some(holder) = holder {
        out.push_str(",\"holder\":\"");
        holder.push_to(out);
        out.push('"');
    }
}

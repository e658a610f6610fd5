//! The part of `stats()` that the first client does not have. JavaScript shows zeros for it.

use lamplight_wire::{Producer, json};

use super::FullClient;
use crate::notes::push_number;
use crate::ports::Ports;

impl<P: Ports> FullClient<P> {
    pub(super) fn push_stats(&self, out: &mut String) {
        push_number(out, "\n{\"foreign\":", self.foreign.events());
        push_number(out, ",\"adopted\":", self.core.counts.adopted);
        let (events, bytes) = self.core.queue.overflowed();
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

//! The contents of a full client's `stats()`.

use super::FullClient;
use crate::ports::Ports;
use crate::queue::PageQueue;
use crate::reports::{
    DroppedStats, LockStats, OverflowStats, Stats, TenureStats, last_error_text, name,
};
use crate::send::flush::FlushReason;

impl<P: Ports> FullClient<P> {
    /// Where this page's events are.
    pub fn stats(&self) -> Stats {
        let core = &self.core;
        let [quota, rejected, too_large, opted_out] = core.counts.dropped;
        let (events, bytes) = core.queue.overflowed();
        let history = self.lease.history().iter().map(|tenure| TenureStats {
            since: tenure.since_ms,
            epoch: tenure.epoch,
            holder: name(tenure.holder),
        });
        Stats {
            producer: name(core.producer),
            made: core.seq,
            queued: core.queue.len() as u64,
            queued_bytes: core.queue.waiting_bytes() as u64,
            stored: core.queue.stored_bytes() as u64,
            overflow: OverflowStats { events, bytes },
            foreign: self.foreign.events(),
            sent: core.counts.sent,
            adopted: core.counts.adopted,
            dropped: DroppedStats { quota, rejected, too_large, opted_out },
            requests: core.counts.requests,
            last_flush: core.counts.last_flush.map(FlushReason::code),
            last_error: core.counts.last_error.map(last_error_text),
            backoff_ms: core.backoff_left_ms(),
            lock: LockStats {
                phase: self.lock.phase().name(),
                holder: self.lease.holder().map(name),
                history: history.collect(),
            },
        }
    }
}

//! What is known about one other producer.

use lamplight_wire::{Producer, Ranges};

use super::AdoptionDelays;
use crate::queue::block;
use crate::tabs::heartbeat::Heartbeat;

/// A block of another producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForeignBlock {
    /// The name, which contains the producer and the size.
    pub name: block::BlockName,
    /// Whether it is in storage; otherwise it is in the overflow.
    pub in_storage: bool,
    /// The length of its key in storage; 0 in the overflow.
    pub(super) key_bytes: usize,
    /// When it was first and last seen there, without a look in between that missed it.
    pub(super) first_ms: u64,
    pub(super) last_ms: u64,
}

/// The numbers that one scan saw of one producer.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) at_ms: u64,
    pub(super) seqs: Ranges,
}

/// What is known about one other producer.
#[derive(Debug)]
pub(super) struct ForeignProducer {
    pub(super) producer: Producer,
    /// The newest scan that is old enough to confirm keys, if any, and all scans after it. Never
    /// empty.
    pub(super) scans: Vec<Scan>,
    /// The text of its heartbeat, if it has one.
    pub(super) heartbeat: Option<String>,
    /// When the heartbeat last changed, by this tab's monotonic clock.
    pub(super) heartbeat_changed_ms: u64,
    /// It was missing from the last list of live producers.
    pub(super) is_unlisted: bool,
    /// This tab does not adopt from it before this time.
    pub(super) skipped_until_ms: u64,
    /// The server was asked which of its numbers have arrived.
    pub(super) was_asked: bool,
    /// The bytes of each event, key included, ascending by number. A key is written only once, so
    /// its size is read only once.
    pub(super) sizes: Vec<(u64, usize)>,
    pub(super) blocks: Vec<ForeignBlock>,
    /// Its heartbeat mentions blocks in the overflow, and the overflow was not listed since.
    pub(super) needs_overflow_list: bool,
}

impl ForeignBlock {
    /// Whether two looks far enough apart saw it, and none in between missed it.
    pub(super) const fn is_confirmed(&self, delays: AdoptionDelays) -> bool {
        self.first_ms + delays.adopt_after_ms <= self.last_ms
    }
}

impl ForeignProducer {
    /// Records a block that this look saw: in storage under a key of this length, or with 0 in the
    /// overflow.
    pub(super) fn record_block(&mut self, name: block::BlockName, key_bytes: usize, now_ms: u64) {
        let in_storage = key_bytes > 0;
        let is_same =
            |block: &&mut ForeignBlock| block.name == name && block.in_storage == in_storage;
        match self.blocks.iter_mut().find(is_same) {
            Some(block) => block.last_ms = now_ms,
            None => self.blocks.push(ForeignBlock {
                name,
                in_storage,
                key_bytes,
                first_ms: now_ms,
                last_ms: now_ms,
            }),
        }
    }

    /// Removes blocks that this look did not see.
    pub(super) fn forget_unseen_blocks(&mut self, in_storage: bool, now_ms: u64) {
        self.blocks.retain(|block| block.in_storage != in_storage || block.last_ms == now_ms);
    }

    /// The numbers that the last scan saw.
    pub(super) fn seqs(&self) -> Option<&Ranges> {
        self.scans.last().map(|scan| &scan.seqs)
    }

    pub(super) fn heartbeat(&self) -> Heartbeat {
        Heartbeat::parse(self.heartbeat.as_deref().unwrap_or_default())
    }

    pub(super) fn has_stale_heartbeat(&self, now_ms: u64, delays: AdoptionDelays) -> bool {
        now_ms >= self.heartbeat_changed_ms + delays.heartbeat_stale_ms
    }

    /// The numbers that both the last scan and one early enough saw; `None` before there were two
    /// such scans. A single scan may see keys that were removed long ago, or that their owner is
    /// sending right now.
    pub(super) fn confirmed_seqs(&self, delays: AdoptionDelays) -> Option<Ranges> {
        let (first, last) = (self.scans.first()?, self.scans.last()?);
        if first.at_ms + delays.adopt_after_ms > last.at_ms {
            return None;
        }
        let both = first.seqs.minus(&first.seqs.minus(&last.seqs));
        // If only a heartbeat has been left for long enough, there are numbers to report and a key
        // to remove.
        (!both.is_empty() || last.seqs.is_empty()).then_some(both)
    }
}

//! Other producers' events in storage and in the overflow, and which of them are orphaned.

mod foreign_producer;

use lamplight_wire::{Producer, Ranges};

use crate::keys::{StorageKey, StorageKeys};
use crate::ports::Storage;
use crate::queue::block;
use crate::text;
pub use foreign_producer::ForeignBlock;
use foreign_producer::{ForeignProducer, Scan};

/// A producer whose page is gone, and those of its events that may be adopted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrphanedProducer {
    /// The producer whose page is gone.
    pub producer: Producer,
    /// The numbers of its events that have a key each. Empty when only the heartbeat or blocks are
    /// left.
    pub seqs: Ranges,
    /// Its blocks that two looks far enough apart saw.
    pub blocks: Vec<ForeignBlock>,
    /// One more than the largest number it is known to have used.
    pub next: u64,
    /// Its page sent events when it was left, and the server was not asked yet whether they have
    /// arrived.
    pub may_have_arrived: bool,
}

/// How long the adoption rules wait, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct AdoptionDelays {
    /// The time between two scans that must both have seen a key.
    pub adopt_after_ms: u64,
    /// The age at which an unchanged heartbeat means that its producer is gone.
    pub heartbeat_stale_ms: u64,
}

/// Everything known about other producers.
#[derive(Debug)]
pub struct ForeignProducers {
    delays: AdoptionDelays,
    producers: Vec<ForeignProducer>,
}

impl ForeignProducers {
    /// Nothing is known before the first scan.
    pub const fn new(delays: AdoptionDelays) -> Self {
        Self { delays, producers: Vec::new() }
    }

    /// How many events of other producers the last scan saw.
    pub fn events(&self) -> u64 {
        let blocks = self.blocks().map(|block| block.name.events).sum::<u64>();
        self.producers.iter().map(|foreign| foreign.sizes.len() as u64).sum::<u64>() + blocks
    }

    /// How many bytes they take in storage, keys included.
    pub fn bytes(&self) -> usize {
        let events =
            self.producers.iter().flat_map(|foreign| &foreign.sizes).map(|(_, bytes)| bytes);
        events.sum::<usize>() + self.block_bytes(true)
    }

    /// How many bytes their blocks take in the overflow.
    pub fn overflow_bytes(&self) -> u64 {
        self.block_bytes(false) as u64
    }

    fn block_bytes(&self, in_storage: bool) -> usize {
        let blocks = self.blocks().filter(|block| block.in_storage == in_storage);
        blocks.map(|block| block.key_bytes + block.name.bytes).sum()
    }

    fn blocks(&self) -> impl Iterator<Item = &ForeignBlock> {
        self.producers.iter().flat_map(|foreign| &foreign.blocks)
    }

    /// Whether the last scan saw nothing of other producers.
    pub fn is_empty(&self) -> bool {
        self.producers.is_empty()
    }

    /// Looks at every key in storage once.
    pub fn scan(&mut self, storage: &impl Storage, keys: &StorageKeys, me: Producer, now_ms: u64) {
        for foreign in &mut self.producers {
            foreign.scans.push(Scan { at_ms: now_ms, seqs: Ranges::new() });
        }
        let mut with_heartbeat = Vec::new();
        for name in storage.keys(&keys.prefix()) {
            match keys.parse(&name) {
                Some(StorageKey::Event(producer, seq)) if producer != me => {
                    let foreign = self.entry(producer, now_ms);
                    if let Some(scan) = foreign.scans.last_mut() {
                        scan.seqs.insert(seq);
                    }
                    let at = foreign.sizes.partition_point(|(known, _)| *known < seq);
                    if foreign.sizes.get(at).is_none_or(|(known, _)| *known != seq) {
                        foreign.sizes.insert(at, (seq, name.len() + storage.size(&name)));
                    }
                }
                Some(StorageKey::Block(block)) if block.producer != me => {
                    self.entry(block.producer, now_ms).record_block(block, name.len(), now_ms);
                }
                Some(StorageKey::Heartbeat(producer)) if producer != me => {
                    self.entry(producer, now_ms);
                    with_heartbeat.push(producer);
                }
                _ => {}
            }
        }
        let adopt_after_ms = self.delays.adopt_after_ms;
        self.producers.retain_mut(|foreign| {
            let has_heartbeat = with_heartbeat.contains(&foreign.producer);
            let heartbeat =
                has_heartbeat.then(|| storage.get(&keys.heartbeat(foreign.producer))).flatten();
            if heartbeat != foreign.heartbeat {
                foreign.heartbeat = heartbeat;
                foreign.needs_overflow_list = foreign.heartbeat().has_overflow;
                foreign.heartbeat_changed_ms = now_ms;
            }
            let is_old = |scan: &&Scan| scan.at_ms + adopt_after_ms <= now_ms;
            let old = foreign.scans.iter().filter(is_old).count();
            foreign.scans.drain(..old.saturating_sub(1));
            let ForeignProducer { scans, sizes, .. } = foreign;
            let seqs = scans.last().map(|scan| &scan.seqs);
            sizes.retain(|(seq, _)| seqs.is_some_and(|seqs| seqs.contains(*seq)));
            foreign.forget_unseen_blocks(true, now_ms);
            has_heartbeat || !foreign.sizes.is_empty() || !foreign.blocks.is_empty()
        });
    }

    /// Takes the list of all blocks in the overflow.
    pub fn apply_overflow_list(&mut self, names: &str, me: Producer, now_ms: u64) {
        text::for_each_line(names, |name| {
            if let Some(name) = block::BlockName::parse(name).filter(|name| name.producer != me) {
                self.entry(name.producer, now_ms).record_block(name, 0, now_ms);
            }
        });
        for foreign in &mut self.producers {
            foreign.forget_unseen_blocks(false, now_ms);
            foreign.needs_overflow_list = false;
        }
    }

    /// Whether a heartbeat mentions blocks in the overflow that were not listed yet.
    pub fn needs_overflow_list(&self) -> bool {
        self.producers.iter().any(|foreign| foreign.needs_overflow_list)
    }

    /// When to list the overflow again to confirm the blocks seen there, if there are any: after
    /// `confirmed_ms` once they are confirmed.
    pub fn next_list_ms(&self, confirmed_ms: u64) -> Option<u64> {
        let overflow = self.blocks().filter(|block| !block.in_storage);
        let next = overflow.map(|block| {
            let wait_ms = if block.is_confirmed(self.delays) {
                confirmed_ms
            } else {
                self.delays.adopt_after_ms
            };
            block.last_ms + wait_ms
        });
        next.min()
    }

    /// Whether some events are old enough to adopt, and only the list of live producers can tell
    /// whether they are orphaned.
    pub fn needs_lock_query(&self, now_ms: u64) -> bool {
        self.producers.iter().any(|foreign| {
            (foreign.confirmed_seqs(self.delays).is_some()
                || foreign.blocks.iter().any(|block| block.is_confirmed(self.delays)))
                && !foreign.heartbeat().has_left
                && !foreign.has_stale_heartbeat(now_ms, self.delays)
        })
    }

    /// Takes the list of live producers.
    pub fn update_liveness(&mut self, alive: &[Producer]) {
        for foreign in &mut self.producers {
            foreign.is_unlisted = !alive.contains(&foreign.producer);
        }
    }

    /// The producers whose events may be adopted now.
    pub fn orphaned(&self, now_ms: u64) -> Vec<OrphanedProducer> {
        let mut orphans = Vec::new();
        for foreign in &self.producers {
            let heartbeat = foreign.heartbeat();
            let is_gone = heartbeat.has_left
                || foreign.is_unlisted
                || foreign.has_stale_heartbeat(now_ms, self.delays);
            let is_gone = is_gone && now_ms >= foreign.skipped_until_ms;
            let blocks = foreign.blocks.iter().filter(|block| block.is_confirmed(self.delays));
            let blocks: Vec<ForeignBlock> = blocks.copied().collect();
            let seqs = foreign.confirmed_seqs(self.delays);
            let has_only_heartbeat =
                seqs.is_some() && foreign.blocks.is_empty() && !foreign.needs_overflow_list;
            let seqs = seqs.unwrap_or_default();
            if !is_gone || (seqs.is_empty() && blocks.is_empty() && !has_only_heartbeat) {
                continue;
            }
            let last = foreign.seqs().and_then(Ranges::last).unwrap_or(0);
            let next = heartbeat.next.max(last + 1);
            orphans.push(OrphanedProducer {
                producer: foreign.producer,
                may_have_arrived: heartbeat.has_left && !foreign.was_asked && !seqs.is_empty(),
                seqs,
                blocks,
                next,
            });
        }
        orphans
    }

    /// Removes numbers that were answered, or whose keys turned out to be missing. Returns whether
    /// nothing is left of the producer.
    pub fn forget_events(&mut self, producer: Producer, seqs: &Ranges) -> bool {
        let foreign = self.producers.iter_mut().find(|foreign| foreign.producer == producer);
        let Some(foreign) = foreign else { return true };
        foreign.sizes.retain(|(seq, _)| !seqs.contains(*seq));
        let Some(scan) = foreign.scans.last_mut() else { return true };
        scan.seqs = scan.seqs.minus(seqs);
        scan.seqs.is_empty() && foreign.blocks.is_empty() && !foreign.needs_overflow_list
    }

    /// Removes a block that was answered, or that turned out to be missing.
    pub fn forget_block(&mut self, name: block::BlockName) {
        for foreign in &mut self.producers {
            foreign.blocks.retain(|block| block.name != name);
        }
    }

    /// Records that the server was asked which numbers of this producer have arrived.
    pub fn set_asked(&mut self, producer: Producer) {
        for foreign in &mut self.producers {
            foreign.was_asked |= foreign.producer == producer;
        }
    }

    /// Adopts nothing from this producer before `until_ms`.
    pub fn skip_until(&mut self, producer: Producer, until_ms: u64) {
        if let Some(foreign) =
            self.producers.iter_mut().find(|foreign| foreign.producer == producer)
        {
            foreign.skipped_until_ms = until_ms;
        }
    }

    /// Removes a producer of which nothing is left.
    pub fn forget_producer(&mut self, producer: Producer) {
        self.producers.retain(|foreign| foreign.producer != producer);
    }

    fn entry(&mut self, producer: Producer, now_ms: u64) -> &mut ForeignProducer {
        let known = self.producers.iter().position(|foreign| foreign.producer == producer);
        let at = known.unwrap_or_else(|| {
            self.producers.push(ForeignProducer {
                producer,
                scans: vec![Scan { at_ms: now_ms, seqs: Ranges::new() }],
                heartbeat: None,
                heartbeat_changed_ms: now_ms,
                is_unlisted: false,
                skipped_until_ms: 0,
                was_asked: false,
                sizes: Vec::new(),
                blocks: Vec::new(),
                needs_overflow_list: false,
            });
            self.producers.len() - 1
        });
        &mut self.producers[at]
    }
}

#[cfg(test)]
mod tests;

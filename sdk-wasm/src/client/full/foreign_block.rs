//! Sending the blocks of orphaned producers, one at a time.

use lamplight_wire::Producer;

use super::FullClient;
use crate::ports::Ports;
use crate::queue::block::{self, BlockName};
use crate::tabs::orphans::{ForeignBlock, OrphanedProducer};

/// A block of an orphaned producer that is being sent.
#[derive(Debug)]
pub(super) struct LoadedBlock {
    block: ForeignBlock,
    /// Those of its events that no 2xx has answered yet.
    pub(super) lines: Vec<(u64, String)>,
}

impl LoadedBlock {
    pub(super) const fn producer(&self) -> Producer {
        self.block.name.producer
    }
}

impl<P: Ports> FullClient<P> {
    /// The next block in the overflow that this tab should send for an orphaned producer.
    pub(super) fn next_orphaned_block(&self) -> Option<BlockName> {
        if !self.lease.is_mine() || self.overflow.loaded.is_some() {
            return None;
        }
        let blocks = self.orphans.iter().flat_map(|orphans| &orphans.blocks);
        blocks.filter(|block| !block.in_storage).map(|block| block.name).next()
    }

    pub(super) fn load_orphaned_block(&mut self, block: ForeignBlock, text: &str) {
        self.overflow.loaded = Some(LoadedBlock { block, lines: block::lines(text) });
        self.finish_loaded_block();
    }

    /// Takes a block from storage to send it, unless one is loaded already.
    pub(super) fn load_block_from_storage(&mut self) {
        if self.overflow.loaded.is_some() {
            return;
        }
        let mut blocks = self.orphans.iter().flat_map(|orphans| &orphans.blocks);
        if let Some(block) = blocks.find(|block| block.in_storage).copied() {
            let text = self.core.ports.get(&self.core.keys.block(block.name)).unwrap_or_default();
            self.load_orphaned_block(block, &text);
        }
    }

    /// Whether there is something of an orphaned producer to send, or to declare and remove.
    pub(super) fn is_sendable(&self, orphans: &OrphanedProducer) -> bool {
        let is_loaded = |loaded: &LoadedBlock| loaded.producer() == orphans.producer;
        !orphans.seqs.is_empty()
            || orphans.blocks.is_empty()
            || self.overflow.loaded.as_ref().is_some_and(is_loaded)
            || orphans.blocks.iter().any(|block| block.in_storage)
    }

    /// Forgets the loaded block if its producer is no longer ours to adopt.
    pub(super) fn release_unneeded_block(&mut self) {
        let is_ours = |loaded: &LoadedBlock| {
            self.lease.is_mine()
                && self.orphans.iter().any(|orphans| orphans.producer == loaded.producer())
        };
        if !self.overflow.loaded.as_ref().is_some_and(is_ours) {
            self.overflow.loaded = None;
        }
    }

    /// Finishes the loaded block once all its events were answered.
    pub(super) fn finish_loaded_block(&mut self) {
        let Some(loaded) = self.overflow.loaded.take_if(|loaded| loaded.lines.is_empty()) else {
            return;
        };
        let ForeignBlock { name, in_storage, .. } = loaded.block;
        if in_storage {
            self.core.ports.remove(&self.core.keys.block(name));
        } else {
            self.overflow.to_erase.push(name);
        }
        self.foreign.forget_block(name);
        for orphans in &mut self.orphans {
            orphans.blocks.retain(|block| block.name != name);
        }
    }
}

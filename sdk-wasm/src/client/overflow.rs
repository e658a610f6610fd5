//! The overflow: events that do not fit in storage move out in blocks, and are loaded again to be
//! sent.
//!
//! One operation runs at a time. When one fails, the events stay where they are, and it is retried
//! with growing pauses.

use lamplight_wire::Producer;

use super::Client;
use crate::ports::{OverflowOperation, Ports};
use crate::queue::block::{self, BlockName};
use crate::tabs::heartbeat::HEARTBEAT_MS;
use crate::tabs::orphans::{ForeignBlock, OrphanedProducer};
use crate::text;

/// When the overflow is first listed after the start, in milliseconds; how often it is listed where
/// it is in use or storage is blocked; and how often otherwise, because not every page with blocks
/// could write a heartbeat.
const FIRST_LIST_MS: u64 = 1_000;
const LIST_MS: u64 = 30_000;
const LIST_QUIET_MS: u64 = 300_000;
/// How long an operation may take, in milliseconds.
const OPERATION_MS_MAX: u64 = 15_000;
/// The pauses after failures, in milliseconds.
const PAUSE_MS_MIN: u64 = 1_000;
const PAUSE_MS_MAX: u64 = 300_000;

/// The task of the operation under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OverflowTask {
    List,
    Spill,
    LoadBlock(BlockName),
    LoadOrphaned(BlockName),
    Erase(BlockName),
    /// Reads another producer's block, because consent was withdrawn.
    Withdraw(BlockName),
}

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

/// The state of the work on the overflow.
#[derive(Debug)]
pub(super) struct OverflowWorker {
    task: Option<OverflowTask>,
    last_operation: u32,
    /// When the operation under way counts as failed.
    deadline_ms: u64,
    failures: u32,
    /// No operation starts before this time.
    pause_until_ms: u64,
    list_due_ms: u64,
    /// Storage is blocked, so no heartbeat can tell of blocks.
    pub(super) storage_is_blocked: bool,
    pub(super) loaded: Option<LoadedBlock>,
    /// Other producers' blocks whose events were all answered.
    to_erase: Vec<BlockName>,
    /// Other producers' blocks must be listed and withdrawn.
    pub(super) must_list_withdrawn: bool,
    /// The blocks to withdraw.
    to_withdraw: Vec<BlockName>,
}

impl OverflowWorker {
    pub(super) const fn new(now_ms: u64) -> Self {
        Self {
            task: None,
            last_operation: 0,
            deadline_ms: 0,
            failures: 0,
            pause_until_ms: 0,
            list_due_ms: now_ms + FIRST_LIST_MS,
            storage_is_blocked: false,
            loaded: None,
            to_erase: Vec::new(),
            must_list_withdrawn: false,
            to_withdraw: Vec::new(),
        }
    }
}

impl<P: Ports, const FULL: bool> Client<P, FULL> {
    /// When the overflow needs an operation.
    pub(super) fn overflow_due_ms(&self, now_ms: u64) -> u64 {
        if self.overflow.task.is_some() {
            return self.overflow.deadline_ms;
        }
        let spill = self.queue.spill_due_ms().filter(|_| self.overflow_has_room());
        let has_texts_to_fetch =
            self.queue.next_to_load().is_some() || self.next_orphaned_block().is_some();
        let fetch = has_texts_to_fetch.then(|| self.backoff.until_ms().unwrap_or(now_ms));
        let has_blocks = self.next_to_erase().is_some() || !self.overflow.to_withdraw.is_empty();
        let erase = has_blocks.then_some(now_ms);
        let due_ms = [spill, fetch, erase].into_iter().flatten().min().unwrap_or(u64::MAX);
        due_ms.min(self.list_due_ms()).max(self.overflow.pause_until_ms)
    }

    fn list_due_ms(&self) -> u64 {
        match self.is_withdrawn() {
            true if self.overflow.must_list_withdrawn => 0,
            true => u64::MAX,
            false if self.foreign.needs_overflow_list() => 0,
            false => self.overflow.list_due_ms,
        }
    }

    fn overflow_has_room(&self) -> bool {
        let (_, own) = self.queue.overflowed();
        let taken = own + self.foreign.overflow_bytes();
        taken + block::BYTES_MAX as u64 <= self.options.overflow_bytes_max
    }

    fn next_to_erase(&self) -> Option<BlockName> {
        self.queue.next_to_erase().or_else(|| self.overflow.to_erase.last().copied())
    }

    /// The next block in the overflow that this tab should send for an orphaned producer.
    fn next_orphaned_block(&self) -> Option<BlockName> {
        if !self.lease.is_mine() || self.overflow.loaded.is_some() {
            return None;
        }
        let blocks = self.orphans.iter().flat_map(|orphans| &orphans.blocks);
        blocks.filter(|block| !block.in_storage).map(|block| block.name).next()
    }

    /// Starts the next operation that is due.
    pub(super) fn run_overflow_task(&mut self, now_ms: u64) {
        if self.overflow.task.is_some() {
            if now_ms < self.overflow.deadline_ms {
                return;
            }
            self.overflow_done(self.overflow.last_operation, None);
        }
        if now_ms < self.overflow.pause_until_ms {
            return;
        }
        let may_send = !self.backoff.is_waiting(now_ms);
        let (task, operation) = if let Some(name) = self.next_to_erase() {
            (OverflowTask::Erase(name), OverflowOperation::Erase(name.write()))
        } else if let Some(name) = self.overflow.to_withdraw.last() {
            (OverflowTask::Withdraw(*name), OverflowOperation::Read(name.write()))
        } else if let Some((name, text)) = self.spill(now_ms) {
            (OverflowTask::Spill, OverflowOperation::Write(name.write(), text))
        } else if let Some(name) = self.queue.next_to_load().filter(|_| may_send) {
            (OverflowTask::LoadBlock(name), OverflowOperation::Read(name.write()))
        } else if let Some(name) = self.next_orphaned_block().filter(|_| may_send) {
            (OverflowTask::LoadOrphaned(name), OverflowOperation::Read(name.write()))
        } else if self.list_due_ms() <= now_ms {
            (OverflowTask::List, OverflowOperation::List)
        } else {
            return;
        };
        self.overflow.task = Some(task);
        self.overflow.deadline_ms = now_ms + OPERATION_MS_MAX;
        self.overflow.last_operation = self.overflow.last_operation.wrapping_add(1);
        self.ports.run_overflow(self.overflow.last_operation, operation);
    }

    /// Takes events for a block.
    fn spill(&mut self, now_ms: u64) -> Option<(BlockName, String)> {
        let is_due = self.queue.spill_due_ms().is_some_and(|due_ms| due_ms <= now_ms);
        if !is_due || !self.overflow_has_room() {
            return None;
        }
        self.queue.spill()
    }

    /// Takes the result of an operation, or `None` when it failed. Results of abandoned operations
    /// are ignored.
    pub fn overflow_done(&mut self, id: u32, result: Option<&str>) {
        if id != self.overflow.last_operation {
            return;
        }
        let Some(task) = self.overflow.task.take() else { return };
        let now_ms = self.ports.monotonic_ms();
        if result.is_some() {
            self.overflow.failures = 0;
        } else {
            self.overflow.failures += 1;
            let pause_ms = PAUSE_MS_MIN << self.overflow.failures.min(9);
            self.overflow.pause_until_ms = now_ms + pause_ms.min(PAUSE_MS_MAX);
        }
        if task == OverflowTask::Spill {
            let had_overflow = self.queue.has_overflow();
            self.queue.spill_finished(&mut self.ports, &self.keys, now_ms, result.is_some());
            if !had_overflow && self.queue.has_overflow() {
                // Other tabs look for blocks where a heartbeat mentions them.
                self.write_heartbeat(self.is_suspended);
                self.heartbeat_due_ms.get_or_insert(now_ms + HEARTBEAT_MS);
            }
        }
        let Some(text) = result else { return };
        match task {
            OverflowTask::Spill => {}
            OverflowTask::LoadBlock(name) => {
                self.queue.block_loaded(name, text);
                self.remove_heartbeat();
            }
            OverflowTask::LoadOrphaned(name) => {
                let mut blocks = self.orphans.iter().flat_map(|orphans| &orphans.blocks);
                if let Some(block) = blocks.find(|block| block.name == name).copied() {
                    self.load_orphaned_block(block, text);
                }
            }
            OverflowTask::Erase(name) => {
                self.queue.block_erased(name);
                self.overflow.to_erase.retain(|known| *known != name);
            }
            OverflowTask::Withdraw(name) => {
                self.overflow.to_withdraw.retain(|known| *known != name);
                self.overflow.to_erase.push(name);
                for (seq, _) in block::lines(text) {
                    self.record_withdrawn(name.producer, seq);
                }
            }
            OverflowTask::List if self.is_withdrawn() => self.list_for_withdrawal(text),
            OverflowTask::List => self.apply_list(text, now_ms),
        }
    }

    fn list_for_withdrawal(&mut self, names: &str) {
        self.overflow.must_list_withdrawn = false;
        text::for_each_line(names, |name| {
            if let Some(name) = BlockName::parse(name).filter(|name| name.producer != self.producer)
            {
                self.overflow.to_withdraw.push(name);
            }
        });
    }

    fn apply_list(&mut self, names: &str, now_ms: u64) {
        self.foreign.apply_overflow_list(names, self.producer, now_ms);
        let next_ms = self.foreign.next_list_ms(LIST_MS);
        let quiet_ms = if self.overflow.storage_is_blocked { LIST_MS } else { LIST_QUIET_MS };
        self.overflow.list_due_ms = next_ms.unwrap_or(now_ms + quiet_ms);
        if self.options.liveness && self.foreign.needs_lock_query(now_ms) {
            self.ports.query_locks();
        }
        self.find_orphans();
    }

    /// Records that storage is blocked: only the list of blocks tells about other pages then.
    pub(super) fn note_storage_blocked(&mut self, now_ms: u64) {
        if !self.overflow.storage_is_blocked {
            self.overflow.storage_is_blocked = true;
            self.overflow.list_due_ms = self.overflow.list_due_ms.min(now_ms + LIST_MS);
        }
    }

    fn load_orphaned_block(&mut self, block: ForeignBlock, text: &str) {
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
            let text = self.ports.get(&self.keys.block(block.name)).unwrap_or_default();
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
            self.ports.remove(&self.keys.block(name));
        } else {
            self.overflow.to_erase.push(name);
        }
        self.foreign.forget_block(name);
        for orphans in &mut self.orphans {
            orphans.blocks.retain(|block| block.name != name);
        }
    }
}

//! The overflow: events that do not fit in storage move out in blocks, and are loaded again to be
//! sent.
//!
//! One operation runs at a time. When one fails, the events stay where they are, and it is retried
//! with growing pauses.

use super::FullClient;
use super::foreign_block::LoadedBlock;
use crate::ports::{OverflowOperation, Ports};
use crate::queue::PageQueue;
use crate::queue::block::{self, BlockName};
use crate::tabs::heartbeat::HEARTBEAT_MS;
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
    pub(super) to_erase: Vec<BlockName>,
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

impl<P: Ports> FullClient<P> {
    /// When the overflow needs an operation.
    pub(super) fn overflow_due_ms(&self, now_ms: u64) -> u64 {
        if self.overflow.task.is_some() {
            return self.overflow.deadline_ms;
        }
        let spill = self.core.queue.spill_due_ms().filter(|_| self.overflow_has_room());
        let has_texts_to_fetch =
            self.core.queue.next_to_load().is_some() || self.next_orphaned_block().is_some();
        let fetch = has_texts_to_fetch.then(|| self.core.backoff.until_ms().unwrap_or(now_ms));
        let has_blocks = self.next_to_erase().is_some() || !self.overflow.to_withdraw.is_empty();
        let erase = has_blocks.then_some(now_ms);
        let due_ms = [spill, fetch, erase].into_iter().flatten().min().unwrap_or(u64::MAX);
        due_ms.min(self.list_due_ms()).max(self.overflow.pause_until_ms)
    }

    fn list_due_ms(&self) -> u64 {
        match self.core.is_withdrawn {
            true if self.overflow.must_list_withdrawn => 0,
            true => u64::MAX,
            false if self.foreign.needs_overflow_list() => 0,
            false => self.overflow.list_due_ms,
        }
    }

    fn overflow_has_room(&self) -> bool {
        let (_, own) = self.core.queue.overflowed();
        let taken = own + self.foreign.overflow_bytes();
        taken + block::BYTES_MAX as u64 <= self.core.options.overflow_bytes_max
    }

    fn next_to_erase(&self) -> Option<BlockName> {
        self.core.queue.next_to_erase().or_else(|| self.overflow.to_erase.last().copied())
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
        let may_send = !self.core.backoff.is_waiting(now_ms);
        let (task, operation) = if let Some(name) = self.next_to_erase() {
            (OverflowTask::Erase(name), OverflowOperation::Erase(name.write()))
        } else if let Some(name) = self.overflow.to_withdraw.last() {
            (OverflowTask::Withdraw(*name), OverflowOperation::Read(name.write()))
        } else if let Some((name, text)) = self.spill(now_ms) {
            (OverflowTask::Spill, OverflowOperation::Write(name.write(), text))
        } else if let Some(name) = self.core.queue.next_to_load().filter(|_| may_send) {
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
        self.core.ports.run_overflow(self.overflow.last_operation, operation);
    }

    /// Takes events for a block.
    fn spill(&mut self, now_ms: u64) -> Option<(BlockName, String)> {
        let is_due = self.core.queue.spill_due_ms().is_some_and(|due_ms| due_ms <= now_ms);
        if !is_due || !self.overflow_has_room() {
            return None;
        }
        self.core.queue.spill()
    }

    /// Takes the result of an operation, or `None` when it failed. Results of abandoned operations
    /// are ignored.
    pub fn overflow_done(&mut self, id: u32, result: Option<&str>) {
        if id != self.overflow.last_operation {
            return;
        }
        let Some(task) = self.overflow.task.take() else { return };
        let now_ms = self.core.ports.monotonic_ms();
        if result.is_some() {
            self.overflow.failures = 0;
        } else {
            self.overflow.failures += 1;
            let pause_ms = PAUSE_MS_MIN << self.overflow.failures.min(9);
            self.overflow.pause_until_ms = now_ms + pause_ms.min(PAUSE_MS_MAX);
        }
        if task == OverflowTask::Spill {
            let had_overflow = self.core.queue.has_overflow();
            self.core.queue.spill_finished(
                &mut self.core.ports,
                &self.core.keys,
                now_ms,
                result.is_some(),
            );
            if !had_overflow && self.core.queue.has_overflow() {
                // Other tabs look for blocks where a heartbeat mentions them.
                self.core.write_heartbeat(self.core.is_suspended);
                self.core.heartbeat_due_ms.get_or_insert(now_ms + HEARTBEAT_MS);
            }
        }
        let Some(text) = result else { return };
        match task {
            OverflowTask::Spill => {}
            OverflowTask::LoadBlock(name) => {
                self.core.queue.block_loaded(name, text);
                self.core.remove_heartbeat();
            }
            OverflowTask::LoadOrphaned(name) => {
                let mut blocks = self.orphans.iter().flat_map(|orphans| &orphans.blocks);
                if let Some(block) = blocks.find(|block| block.name == name).copied() {
                    self.load_orphaned_block(block, text);
                }
            }
            OverflowTask::Erase(name) => {
                self.core.queue.block_erased(name);
                self.overflow.to_erase.retain(|known| *known != name);
            }
            OverflowTask::Withdraw(name) => {
                self.overflow.to_withdraw.retain(|known| *known != name);
                self.overflow.to_erase.push(name);
                for (seq, _) in block::lines(text) {
                    self.record_withdrawn(name.producer, seq);
                }
            }
            OverflowTask::List if self.core.is_withdrawn => self.list_for_withdrawal(text),
            OverflowTask::List => self.apply_list(text, now_ms),
        }
    }

    fn list_for_withdrawal(&mut self, names: &str) {
        self.overflow.must_list_withdrawn = false;
        text::for_each_line(names, |name| {
            if let Some(name) =
                BlockName::parse(name).filter(|name| name.producer != self.core.producer)
            {
                self.overflow.to_withdraw.push(name);
            }
        });
    }

    fn apply_list(&mut self, names: &str, now_ms: u64) {
        self.foreign.apply_overflow_list(names, self.core.producer, now_ms);
        let next_ms = self.foreign.next_list_ms(LIST_MS);
        let quiet_ms = if self.overflow.storage_is_blocked { LIST_MS } else { LIST_QUIET_MS };
        self.overflow.list_due_ms = next_ms.unwrap_or(now_ms + quiet_ms);
        if self.core.options.liveness && self.foreign.needs_lock_query(now_ms) {
            self.core.ports.query_locks();
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
}

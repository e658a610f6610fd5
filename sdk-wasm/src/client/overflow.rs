//! The overflow: what storage has no room for goes out in blocks, and comes back to be sent.
//!
//! One piece of work at a time. Failing is nothing special: the events stay where they are, and it is tried
//! again later, ever more rarely.

use lamplight_wire::Producer;

use super::Client;
use crate::ports::{Ports, Work};
use crate::queue::block::{self, Name};
use crate::tabs::heartbeat::BEAT_MS;
use crate::tabs::orphans::{Found, Orphans};
use crate::text;

/// When the overflow is first looked at, after the start, in milliseconds; how often where it is in use, or storage is
/// blocked; and how often else, because not every page that left a block could leave a mark.
const FIRST_LIST_MS: u64 = 1_000;
const LIST_MS: u64 = 30_000;
const LIST_QUIET_MS: u64 = 300_000;
/// How long a piece of work may take, in milliseconds.
const WORK_MS_MAX: u64 = 15_000;
/// The waits after failures, in milliseconds.
const PAUSE_MS_MIN: u64 = 1_000;
const PAUSE_MS_MAX: u64 = 300_000;

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    List,
    Spill,
    BringBack(Name),
    Borrow(Name),
    Erase(Name),
    /// Of others, because consent was withdrawn.
    Withdraw(Name),
}

/// A block of a gone producer that is being sent.
#[derive(Debug)]
pub(super) struct Borrowed {
    found: Found,
    /// Those of its events that no 2xx has answered yet.
    pub(super) lines: Vec<(u64, String)>,
}

impl Borrowed {
    pub(super) const fn producer(&self) -> Producer {
        self.found.name.producer
    }
}

/// What the client knows of the overflow.
#[derive(Debug)]
pub(super) struct Desk {
    task: Option<Task>,
    last_work: u32,
    /// When the work under way is no longer waited for.
    deadline_ms: u64,
    failures: u32,
    /// Nothing is tried before.
    pause_until_ms: u64,
    list_due_ms: u64,
    /// Storage is blocked, so nobody's mark tells of blocks.
    pub(super) is_alone: bool,
    pub(super) borrowed: Option<Borrowed>,
    /// Others' blocks of which every event was answered.
    spent: Vec<Name>,
    /// Others' blocks are to be looked for and withdrawn.
    pub(super) wants_withdrawal: bool,
    /// Those that were found.
    withdrawing: Vec<Name>,
}

impl Desk {
    pub(super) const fn new(now_ms: u64) -> Self {
        Self {
            task: None,
            last_work: 0,
            deadline_ms: 0,
            failures: 0,
            pause_until_ms: 0,
            list_due_ms: now_ms + FIRST_LIST_MS,
            is_alone: false,
            borrowed: None,
            spent: Vec::new(),
            wants_withdrawal: false,
            withdrawing: Vec::new(),
        }
    }
}

impl<P: Ports, const WHOLE: bool> Client<P, WHOLE> {
    /// When the overflow needs something.
    pub(super) fn overflow_due_ms(&self, now_ms: u64) -> u64 {
        if self.desk.task.is_some() {
            return self.desk.deadline_ms;
        }
        let spill = self.queue.spill_due_ms().filter(|_| self.overflow_has_room());
        let has_texts_to_fetch = self.queue.wants_back().is_some() || self.lends().is_some();
        let fetch = has_texts_to_fetch.then(|| self.backoff.until_ms().unwrap_or(now_ms));
        let has_work = self.spent().is_some() || !self.desk.withdrawing.is_empty();
        let erase = has_work.then_some(now_ms);
        let due_ms = [spill, fetch, erase].into_iter().flatten().min().unwrap_or(u64::MAX);
        due_ms.min(self.list_due_ms()).max(self.desk.pause_until_ms)
    }

    fn list_due_ms(&self) -> u64 {
        match self.is_withdrawn() {
            true if self.desk.wants_withdrawal => 0,
            true => u64::MAX,
            false if self.others.wants_list() => 0,
            false => self.desk.list_due_ms,
        }
    }

    fn overflow_has_room(&self) -> bool {
        let (_, own) = self.queue.overflowed();
        let taken = own + self.others.overflow_bytes();
        taken + block::BYTES_MAX as u64 <= self.options.overflow_bytes_max
    }

    fn spent(&self) -> Option<Name> {
        self.queue.spent().or_else(|| self.desk.spent.last().copied())
    }

    /// The next block in the overflow that is to be sent for somebody.
    fn lends(&self) -> Option<Name> {
        if !self.lease.is_mine() || self.desk.borrowed.is_some() {
            return None;
        }
        let blocks = self.orphans.iter().flat_map(|orphans| &orphans.blocks);
        blocks.filter(|found| !found.in_storage).map(|found| found.name).next()
    }

    /// Does the next thing that is due.
    pub(super) fn tend_overflow(&mut self, now_ms: u64) {
        if self.desk.task.is_some() {
            if now_ms < self.desk.deadline_ms {
                return;
            }
            self.worked(self.desk.last_work, None);
        }
        if now_ms < self.desk.pause_until_ms {
            return;
        }
        let may_send = !self.backoff.is_waiting(now_ms);
        let (task, work) = if let Some(name) = self.spent() {
            (Task::Erase(name), Work::Erase(name.write()))
        } else if let Some(name) = self.desk.withdrawing.last() {
            (Task::Withdraw(*name), Work::Read(name.write()))
        } else if let Some((name, text)) = self.spill(now_ms) {
            (Task::Spill, Work::Write(name.write(), text))
        } else if let Some(name) = self.queue.wants_back().filter(|_| may_send) {
            (Task::BringBack(name), Work::Read(name.write()))
        } else if let Some(name) = self.lends().filter(|_| may_send) {
            (Task::Borrow(name), Work::Read(name.write()))
        } else if self.list_due_ms() <= now_ms {
            (Task::List, Work::List)
        } else {
            return;
        };
        self.desk.task = Some(task);
        self.desk.deadline_ms = now_ms + WORK_MS_MAX;
        self.desk.last_work = self.desk.last_work.wrapping_add(1);
        self.ports.work(self.desk.last_work, work);
    }

    /// Takes events for a block.
    fn spill(&mut self, now_ms: u64) -> Option<(Name, String)> {
        let is_due = self.queue.spill_due_ms().is_some_and(|due_ms| due_ms <= now_ms);
        if !is_due || !self.overflow_has_room() {
            return None;
        }
        self.queue.spill()
    }

    /// Tells what came of a piece of work: what it was to tell, if anything, or `None` when it failed. Word of
    /// work that was given up is ignored.
    pub fn worked(&mut self, id: u32, told: Option<&str>) {
        if id != self.desk.last_work {
            return;
        }
        let Some(task) = self.desk.task.take() else { return };
        let now_ms = self.ports.monotonic_ms();
        if told.is_some() {
            self.desk.failures = 0;
        } else {
            self.desk.failures += 1;
            let pause_ms = PAUSE_MS_MIN << self.desk.failures.min(9);
            self.desk.pause_until_ms = now_ms + pause_ms.min(PAUSE_MS_MAX);
        }
        if task == Task::Spill {
            let overflowed = self.queue.overflows();
            self.queue.spilled(&mut self.ports, &self.keys, now_ms, told.is_some());
            if !overflowed && self.queue.overflows() {
                // Others look for blocks where a mark tells of some.
                self.write_mark(self.is_asleep);
                self.beat_due_ms.get_or_insert(now_ms + BEAT_MS);
            }
        }
        let Some(text) = told else { return };
        match task {
            Task::Spill => {}
            Task::BringBack(name) => {
                self.queue.brought_back(name, text);
                self.drop_mark();
            }
            Task::Borrow(name) => {
                let mut blocks = self.orphans.iter().flat_map(|orphans| &orphans.blocks);
                if let Some(found) = blocks.find(|found| found.name == name).copied() {
                    self.borrow(found, text);
                }
            }
            Task::Erase(name) => {
                self.queue.erased(name);
                self.desk.spent.retain(|spent| *spent != name);
            }
            Task::Withdraw(name) => {
                self.desk.withdrawing.retain(|known| *known != name);
                self.desk.spent.push(name);
                for (seq, _) in block::lines(text) {
                    self.withdraw_of(name.producer, seq);
                }
            }
            Task::List if self.is_withdrawn() => self.listed_to_withdraw(text),
            Task::List => self.listed(text, now_ms),
        }
    }

    fn listed_to_withdraw(&mut self, names: &str) {
        self.desk.wants_withdrawal = false;
        text::each_line(names, |name| {
            if let Some(name) = Name::parse(name).filter(|name| name.producer != self.producer) {
                self.desk.withdrawing.push(name);
            }
        });
    }

    fn listed(&mut self, names: &str, now_ms: u64) {
        self.others.listed(names, self.producer, now_ms);
        let next_ms = self.others.next_list_ms(LIST_MS);
        let quiet_ms = if self.desk.is_alone { LIST_MS } else { LIST_QUIET_MS };
        self.desk.list_due_ms = next_ms.unwrap_or(now_ms + quiet_ms);
        if self.options.liveness && self.others.wants_look(now_ms) {
            self.ports.look();
        }
        self.find_orphans();
    }

    /// Notes that storage is blocked: the list of blocks is all that tells of others.
    pub(super) fn is_alone(&mut self, now_ms: u64) {
        if !self.desk.is_alone {
            self.desk.is_alone = true;
            self.desk.list_due_ms = self.desk.list_due_ms.min(now_ms + LIST_MS);
        }
    }

    fn borrow(&mut self, found: Found, text: &str) {
        self.desk.borrowed = Some(Borrowed { found, lines: block::lines(text) });
        self.give_back_empty();
    }

    /// Takes a block in storage to be sent, if none is taken yet.
    pub(super) fn borrow_from_storage(&mut self) {
        if self.desk.borrowed.is_some() {
            return;
        }
        let mut blocks = self.orphans.iter().flat_map(|orphans| &orphans.blocks);
        if let Some(found) = blocks.find(|found| found.in_storage).copied() {
            let text = self.ports.get(&self.keys.block(found.name)).unwrap_or_default();
            self.borrow(found, &text);
        }
    }

    /// Whether there is something of a gone producer's to send now; or only to tell and to tidy up.
    pub(super) fn is_sendable(&self, orphans: &Orphans) -> bool {
        let has_lent = |borrowed: &Borrowed| borrowed.producer() == orphans.producer;
        !orphans.seqs.is_empty()
            || orphans.blocks.is_empty()
            || self.desk.borrowed.as_ref().is_some_and(has_lent)
            || orphans.blocks.iter().any(|found| found.in_storage)
    }

    /// Lets go of a block whose producer is no longer ours to work for.
    pub(super) fn check_borrowed(&mut self) {
        let is_ours = |borrowed: &Borrowed| {
            self.lease.is_mine()
                && self.orphans.iter().any(|orphans| orphans.producer == borrowed.producer())
        };
        if !self.desk.borrowed.as_ref().is_some_and(is_ours) {
            self.desk.borrowed = None;
        }
    }

    /// Ends with a borrowed block once all its events were answered.
    pub(super) fn give_back_empty(&mut self) {
        let Some(borrowed) = self.desk.borrowed.take_if(|borrowed| borrowed.lines.is_empty())
        else {
            return;
        };
        let Found { name, in_storage, .. } = borrowed.found;
        if in_storage {
            self.ports.remove(&self.keys.block(name));
        } else {
            self.desk.spent.push(name);
        }
        self.others.forget_block(name);
        for orphans in &mut self.orphans {
            orphans.blocks.retain(|found| found.name != name);
        }
    }
}

//! What must be exact after each task: the bytes that a page counts in storage, what it tells, and
//! how often its timer fires.

use std::collections::BTreeSet;

use lamplight_sdk::notes::Note;
use lamplight_wire::{Producer, Ranges};

use super::World;
use crate::simulation::ports::Mutant;
use crate::simulation::storage::Tab;

/// A page whose timer fires more often than this in a minute, fifty times a second, never sleeps.
const TIMERS_MAX: u32 = 3_000;
const MINUTE_MS: u64 = 60_000;

/// What is known of one page from its tasks.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// It was left or frozen at some time, so another page may have removed its keys.
    pub(super) was_suspended: bool,
    /// The numbers that it told as accepted or as dropped.
    accepted: BTreeSet<(Producer, u64)>,
    dropped: BTreeSet<(Producer, u64)>,
    minute: u64,
    timers: u32,
}

impl Account {
    /// Counts a timer; returns whether there were too many in this minute.
    fn count_timer(&mut self, now_ms: u64) -> bool {
        if self.minute != now_ms / MINUTE_MS {
            (self.minute, self.timers) = (now_ms / MINUTE_MS, 0);
        }
        self.timers += 1;
        self.timers == TIMERS_MAX
    }
}

impl World {
    fn violate(&mut self, violation: String) {
        self.report.violations.push(violation);
    }

    /// Compares the bytes that a page counts with its keys and values in its copy of storage,
    /// unless another page or the browser may have removed some.
    pub(super) fn check_stored_bytes(&mut self, tab: Tab) {
        let is_exact = self.setup.mutant == Mutant::None
            && !self.setup.withdraws
            && !self.setup.freezes_holder
            && self.shared.borrow().storage.reverted.is_empty()
            && !self.shared.borrow().dead.contains(&tab);
        let Some(open_tab) = self.open_tabs.get(&tab) else { return };
        if !is_exact || open_tab.account.was_suspended || open_tab.is_blocked {
            return;
        }
        let counted = open_tab.client.counters()[3];
        let producer = open_tab.client.producer();
        let real = self.shared.borrow().storage.bytes_of(tab, producer) as u64;
        if counted != real {
            let now_ms = self.now_ms();
            self.violate(format!("tab {tab} counts {counted} bytes and has {real} at {now_ms} ms"));
        }
    }

    pub(super) fn check_timer(&mut self, tab: Tab) {
        let now_ms = self.now_ms();
        if self.open_tabs.get_mut(&tab).is_some_and(|tab| tab.account.count_timer(now_ms)) {
            self.violate(format!("tab {tab} never sleeps at {now_ms} ms"));
        }
    }

    /// A page tells each event once, and none that the server has not accepted.
    pub(super) fn check_note(&mut self, tab: Tab, note: &Note) {
        let (producer, seqs) = match note {
            Note::Delivered { producer, seqs } | Note::Adopted { producer, seqs } => {
                (*producer, seqs.clone())
            }
            Note::Dropped { producer, seq, .. } => (*producer, Ranges::from_iter([(*seq, *seq)])),
            _ => return,
        };
        let is_drop = matches!(note, Note::Dropped { .. });
        let Some(open_tab) = self.open_tabs.get_mut(&tab) else { return };
        let is_own = producer == open_tab.client.producer();
        let mut wrong = Vec::new();
        if !is_drop && is_own == matches!(note, Note::Adopted { .. }) {
            wrong.push(format!("{producer} is told as another page's, or as this one's"));
        }
        for seq in seqs.as_slice().iter().flat_map(|(from, to)| *from..=*to) {
            let account = &mut open_tab.account;
            let told = if is_drop { &mut account.dropped } else { &mut account.accepted };
            // A page that was killed may leave an event under its key and in a block.
            let id = (producer, seq);
            let was_in_block = {
                let shared = self.shared.borrow();
                shared.database.ever_held.contains(&id)
                    || shared.storage.ever_in_block.contains(&id)
            };
            if !told.insert(id) && (is_own || !was_in_block) {
                wrong.push(format!("{producer}-{seq} was told twice by tab {tab}"));
            }
            let is_accepted = self.shared.borrow().ledger.accepted.contains_key(&id);
            if !is_drop && !is_accepted {
                wrong.push(format!("{producer}-{seq} was told without having been accepted"));
            }
        }
        self.report.violations.append(&mut wrong);
    }
}

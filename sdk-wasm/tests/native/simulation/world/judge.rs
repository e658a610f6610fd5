//! The end: what a run showed.

use std::collections::BTreeSet;

use lamplight_wire::Producer;

use super::{Slot, World};
use crate::simulation::ports::event_of;
use crate::simulation::server::Mood;
use crate::simulation::storage::Tab;
use crate::simulation::verdict::Verdict;

impl World {
    /// The server is well again, and a single tab is left: a new one, or one that lived through it all.
    pub(super) fn calm_down(&mut self) {
        self.is_wild = false;
        self.mood = Mood::Well;
        self.shared.borrow_mut().storage.slow = false;
        self.shared.borrow_mut().accesses_left.clear();
        self.shared.borrow_mut().database.is_broken = self.setup.no_database;
        self.shared.borrow_mut().storage.quota = self.setup.quota;
        let is_awake =
            |slot: &Slot| !slot.is_frozen && slot.paused_until_ms == 0 && !slot.is_blocked;
        let survivor = self.slots.iter().find(|(_, slot)| is_awake(slot)).map(|(tab, _)| *tab);
        let keeps = self.setup.calm || self.chance(|chance| chance.percent(40));
        let tabs: Vec<Tab> = self.slots.keys().copied().collect();
        for tab in tabs {
            let is_held = self.setup.frozen && self.slots[&tab].paused_until_ms > 300_000;
            let stays = self.setup.calm || is_held || (keeps && Some(tab) == survivor);
            if !stays {
                self.crash(tab);
            }
        }
        // A page without consent works for nobody, also when another page was given it.
        let is_page =
            |slot: &Slot| !slot.is_blocked && slot.paused_until_ms == 0 && !slot.is_denied;
        if !self.slots.values().any(is_page) {
            self.open();
        }
    }

    pub(super) fn has_events_left(&self) -> bool {
        let shared = self.shared.borrow();
        let is_event = |key: &String| !key.starts_with("sim:l:");
        if !shared.database.blocks.is_empty() {
            return true;
        }
        shared.storage.due_ms().is_some() || shared.storage.truth().keys().any(is_event)
    }

    pub(super) fn judge(mut self) -> Verdict {
        let shared = &mut *self.shared.borrow_mut();
        let verdict = &mut self.verdict;
        verdict.faults.append(&mut shared.faults);
        let ledger = &shared.ledger;
        let alive: BTreeSet<Producer> =
            self.slots.values().map(|slot| slot.client.producer()).collect();
        for (producer, seq) in &self.promised {
            let is_accepted = ledger.accepted.contains_key(&(*producer, *seq));
            let was_taken_back =
                shared.storage.reverted.contains(&format!("sim:q:{producer}:{seq}"));
            let was_held = shared.database.held.contains(&(*producer, *seq));
            let is_withdrawn = shared.withdrawn.contains(&(*producer, *seq));
            if !is_accepted && is_withdrawn {
                verdict.withdrawn += 1;
                // Whoever gave it up may have died before telling.
                if self.setup.calm && !ledger.knows((*producer, *seq)) {
                    verdict
                        .faults
                        .push(format!("{producer}-{seq} was given up and never declared"));
                }
            } else if !is_accepted && !was_held && was_taken_back && !alive.contains(producer) {
                verdict.taken_back += 1;
            } else if !is_accepted {
                verdict.faults.push(format!("{producer}-{seq} was stored and was never accepted"));
            }
        }
        for (producer, seq) in &shared.database.held {
            if !shared.is_settled((*producer, *seq)) {
                verdict.faults.push(format!("{producer}-{seq} was in a block and never accepted"));
            }
        }
        for name in shared.database.blocks.keys() {
            verdict.faults.push(format!("the block {name} is still in the overflow"));
        }
        verdict.overflowed = shared.database.held.len() as u64;
        verdict.written = shared.storage.written;
        verdict.compacted = shared.storage.compacted;
        for key in shared.storage.truth().keys() {
            if let Some((producer, seq)) = event_of(key) {
                verdict.faults.push(format!("{producer}-{seq} is still in storage"));
            } else if key.starts_with("sim:b:") {
                verdict.faults.push(format!("the block {key} is still in storage"));
            } else if key.starts_with("sim:p:") {
                verdict.faults.push(format!("the mark {key} is still in storage"));
            }
        }
        verdict.promised = self.promised.len() as u64;
        verdict.accepted = ledger.accepted.len() as u64;
        verdict.adopted = shared.adopted.len() as u64;
        verdict.rejected = self.poisoned.intersection(&ledger.declared).count() as u64;
        verdict.needless = ledger.needless;
        verdict.duplicates = ledger.accepted.values().map(|times| times - 1).sum();
        self.verdict
    }
}

//! A model of `IndexedDB`: asynchronous, atomic, and sometimes it fails.

use std::collections::{BTreeMap, BTreeSet};

use lamplight_sdk::ports::{Overflow, Work};
use lamplight_sdk::queue::block;

use crate::simulation::ports::{Mutant, Shared, TabPorts};
use crate::simulation::server::Id;
use crate::simulation::storage::Tab;

/// A piece of work that a tab asked for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) tab: Tab,
    pub(crate) id: u32,
    pub(crate) work: Work,
}

/// The database.
#[derive(Debug, Default)]
pub(crate) struct Database {
    pub(crate) blocks: BTreeMap<String, String>,
    /// Events that were in a block at any time: they must arrive.
    pub(crate) held: BTreeSet<Id>,
    /// It fails at everything.
    pub(crate) is_broken: bool,
}

/// The events in a block.
pub(crate) fn events_of(name: &str, text: &str) -> Vec<Id> {
    let Some(name) = block::Name::parse(name) else { return Vec::new() };
    block::lines(text).into_iter().map(|(seq, _)| (name.producer, seq)).collect()
}

impl Database {
    pub(crate) fn holds(&self, id: Id) -> bool {
        self.blocks.iter().any(|(name, text)| events_of(name, text).contains(&id))
    }
}

impl Shared {
    /// Does a piece of work, as one transaction; what it tells, or `None` when it was aborted.
    pub(crate) fn transact(&mut self, work: &Work) -> Option<String> {
        if self.database.is_broken || self.chance.percent(5) {
            return None;
        }
        let blocks = &mut self.database.blocks;
        let told = match work {
            Work::List => blocks.keys().fold(String::new(), |all, name| all + name + "\n"),
            Work::Read(name) => blocks.get(name).cloned().unwrap_or_default(),
            Work::Write(name, text) => {
                self.database.held.extend(events_of(name, text));
                blocks.insert(name.clone(), text.clone());
                String::new()
            }
            Work::Erase(name) => {
                let text = blocks.remove(name).unwrap_or_default();
                for (producer, seq) in events_of(name, &text) {
                    if !self.ledger.knows((producer, seq))
                        && !self.withdrawn.contains(&(producer, seq))
                    {
                        let fault = "was erased without having been accepted";
                        self.faults.push(format!("{producer}-{seq} {fault}"));
                    }
                }
                String::new()
            }
        };
        Some(told)
    }
}

impl Overflow for TabPorts {
    fn work(&mut self, id: u32, work: Work) {
        let shared = &mut *self.shared.borrow_mut();
        if shared.dead.contains(&self.tab) {
            return;
        }
        if self.mutant == Mutant::EarlyWord && matches!(work, Work::Write(..)) {
            shared.early_words.push((self.tab, id));
        }
        shared.asked.push(Asked { tab: self.tab, id, work });
    }
}

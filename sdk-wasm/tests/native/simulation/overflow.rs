//! A model of `IndexedDB`: asynchronous, atomic, and it fails sometimes.

use std::collections::{BTreeMap, BTreeSet};

use lamplight_sdk::ports::{Overflow, OverflowOperation};
use lamplight_sdk::queue::block;

use crate::simulation::ports::{Mutant, Shared, TabPorts};
use crate::simulation::server::EventId;
use crate::simulation::storage::Tab;

/// An operation that a tab requested.
#[derive(Debug, Clone)]
pub(crate) struct OverflowRequest {
    pub(crate) tab: Tab,
    pub(crate) id: u32,
    pub(crate) operation: OverflowOperation,
}

/// The database.
#[derive(Debug, Default)]
pub(crate) struct Database {
    pub(crate) blocks: BTreeMap<String, String>,
    /// Events that were in a block at any time: they must arrive.
    pub(crate) ever_held: BTreeSet<EventId>,
    /// Every operation fails.
    pub(crate) is_broken: bool,
}

/// The events in a block.
pub(crate) fn events_of(name: &str, text: &str) -> Vec<EventId> {
    let Some(name) = block::BlockName::parse(name) else { return Vec::new() };
    block::lines(text).into_iter().map(|(seq, _)| (name.producer, seq)).collect()
}

impl Database {
    pub(crate) fn holds(&self, id: EventId) -> bool {
        self.blocks.iter().any(|(name, text)| events_of(name, text).contains(&id))
    }
}

impl Shared {
    /// Runs an operation as one transaction; returns its result, or `None` when it was aborted.
    pub(crate) fn transact(&mut self, operation: &OverflowOperation) -> Option<String> {
        if self.database.is_broken || self.random.percent(5) {
            return None;
        }
        let blocks = &mut self.database.blocks;
        let result = match operation {
            OverflowOperation::List => {
                blocks.keys().fold(String::new(), |all, name| all + name + "\n")
            }
            OverflowOperation::Read(name) => blocks.get(name).cloned().unwrap_or_default(),
            OverflowOperation::Write(name, text) => {
                self.database.ever_held.extend(events_of(name, text));
                blocks.insert(name.clone(), text.clone());
                String::new()
            }
            OverflowOperation::Erase(name) => {
                let text = blocks.remove(name).unwrap_or_default();
                for (producer, seq) in events_of(name, &text) {
                    if !self.ledger.knows((producer, seq))
                        && !self.withdrawn.contains(&(producer, seq))
                    {
                        let violation = "was erased without having been accepted";
                        self.violations.push(format!("{producer}-{seq} {violation}"));
                    }
                }
                String::new()
            }
        };
        Some(result)
    }
}

impl Overflow for TabPorts {
    fn run_overflow(&mut self, id: u32, operation: OverflowOperation) {
        let shared = &mut *self.shared.borrow_mut();
        if shared.dead.contains(&self.tab) {
            return;
        }
        if self.mutant == Mutant::EarlyOverflowDone
            && matches!(operation, OverflowOperation::Write(..))
        {
            shared.early_overflow_done.push((self.tab, id));
        }
        shared.overflow_requests.push(OverflowRequest { tab: self.tab, id, operation });
    }
}

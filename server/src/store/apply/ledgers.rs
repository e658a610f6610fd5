//! The ledgers that one transaction works on.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use lamplight_wire::Producer;

use super::{LedgerWrite, TotalsChange};
use crate::store::Plan;
use crate::store::ledger::{Ledger, Sums};

/// Ledgers that were touched, each with what it added up to before.
#[derive(Debug)]
pub(super) struct Ledgers {
    known: HashMap<Producer, Ledger>,
    touched: HashMap<Producer, (Ledger, Sums)>,
}

impl Ledgers {
    pub(super) fn new(known: HashMap<Producer, Ledger>) -> Self {
        Self { known, touched: HashMap::new() }
    }

    /// The ledger of `producer`, which `plan` is about. A new one if the producer is new.
    pub(super) fn touch(&mut self, producer: Producer, plan: &Plan) -> &mut Ledger {
        let (ledger, _) = match self.touched.entry(producer) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let known = self.known.remove(&producer);
                let before = known.as_ref().map(Ledger::sums).unwrap_or_default();
                let ledger = known.unwrap_or_else(|| Ledger::new(&plan.source, plan.received_ms));
                entry.insert((ledger, before))
            }
        };
        ledger.record_contact(plan.received_ms);
        ledger
    }

    /// Everything that was touched, and what that changes in the totals.
    pub(super) fn into_writes(self, totals: &mut TotalsChange) -> Vec<LedgerWrite> {
        let write = |(producer, (ledger, before)): (Producer, (Ledger, Sums))| {
            let sums = ledger.sums();
            totals.add_ledger(before, sums);
            LedgerWrite { producer, ledger, sums }
        };
        self.touched.into_iter().map(write).collect()
    }
}

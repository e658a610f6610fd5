//! What a transaction changes in the counts of everything.

use serde::{Deserialize, Serialize};

use crate::store::{Applied, ledger};

/// What is added to each count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TotalsChange {
    /// Events stored.
    pub stored: i64,
    /// Arrivals of events that had arrived before.
    pub duplicates: i64,
    /// Events that cannot be stored.
    pub invalid: i64,
    /// Events that no ledger counts.
    pub unnumbered: i64,
    /// Numbers that producers assigned.
    pub made: i64,
    /// Numbers declared as dropped.
    pub declared: i64,
    /// Numbers that neither arrived nor were declared.
    pub missing: i64,
}

impl TotalsChange {
    /// Adds the events of a payload.
    pub(super) fn add_payload(&mut self, applied: &Applied) {
        self.stored += applied.stored.cast_signed();
        self.duplicates += applied.duplicates.cast_signed();
        self.invalid += applied.invalid.cast_signed();
    }

    /// Moves events that had been refused to those that are stored.
    pub(super) fn accept(&mut self, events: u64) {
        self.stored += events.cast_signed();
        self.invalid -= events.cast_signed();
    }

    /// Adds the change of a ledger.
    pub(super) fn add_ledger(&mut self, before: ledger::Sums, after: ledger::Sums) {
        self.made += after.made.cast_signed() - before.made.cast_signed();
        self.declared += after.declared.cast_signed() - before.declared.cast_signed();
        self.missing += after.missing.cast_signed() - before.missing.cast_signed();
    }
}

/// What a transaction changes in the counts of one source's ledgers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceChange {
    /// Producers that have a ledger.
    pub producers: i64,
    /// Numbers that producers assigned.
    pub made: i64,
    /// Numbers that arrived.
    pub received: i64,
    /// Numbers declared as dropped.
    pub declared: i64,
    /// Numbers that neither arrived nor were declared.
    pub missing: i64,
}

impl SourceChange {
    /// Adds the change of a ledger, and how many ledgers more there are.
    pub(super) fn add(&mut self, before: ledger::Sums, after: ledger::Sums, producers: i64) {
        let change = |after: u64, before: u64| after.cast_signed() - before.cast_signed();
        self.producers += producers;
        self.made += change(after.made, before.made);
        self.received += change(after.received, before.received);
        self.declared += change(after.declared, before.declared);
        self.missing += change(after.missing, before.missing);
    }
}

//! Forgetting a source: what its ledgers count from then on.

use std::collections::HashMap;

use lamplight_wire::Producer;

use super::{LedgerWrite, SourceChange, StoredLedger, TotalsChange};
use crate::store::Forgotten;
use crate::store::ledger::Sums;

/// What forgetting some ledgers writes.
#[derive(Debug, Default)]
pub struct ForgetWrites {
    /// Ledgers of which numbers arrived, whole. They still tell which events arrive again.
    pub ledgers: Vec<LedgerWrite>,
    /// Ledgers of which no number arrived are deleted. Whose they are, and whether each is shared.
    pub deleted: Vec<(Producer, bool)>,
    /// What changes in the counts of everything.
    pub totals: TotalsChange,
    /// What changes in the counts of each source.
    pub sources: HashMap<String, SourceChange>,
    /// What was forgotten.
    pub forgotten: Forgotten,
}

impl ForgetWrites {
    /// Forgets everything about a ledger but the numbers that arrived.
    pub fn forget(&mut self, producer: Producer, stored: StoredLedger) {
        let StoredLedger { mut ledger, sums: before, text_bytes: text_bytes_before } = stored;
        let is_changed = ledger.forget();
        let (sums, is_deleted) = (ledger.sums(), ledger.received.is_empty());
        if !is_changed && !is_deleted && sums == before {
            return;
        }
        self.totals.add_ledger(before, sums);
        let source = self.sources.entry(ledger.source.clone()).or_default();
        source.add(before, sums, -i64::from(is_deleted));
        self.forgotten += Forgotten::between(before, sums);
        if is_deleted {
            self.deleted.push((producer, ledger.is_shared));
        } else {
            let has_new_ranges = true;
            self.ledgers.push(LedgerWrite {
                producer,
                ledger,
                sums,
                has_new_ranges,
                text_bytes_before,
                received_before: before.received,
            });
        }
    }
}

impl Forgotten {
    fn between(before: Sums, after: Sums) -> Self {
        Self {
            producers: 1,
            declared: before.declared.saturating_sub(after.declared),
            missing: before.missing.saturating_sub(after.missing),
        }
    }
}

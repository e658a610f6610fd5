//! Writing events: the result of processing.

use std::sync::Arc;

use super::{Answer, Applied, Keep, Plan, Pruned, Replayed};

/// Writes what processing decided about payloads.
pub trait Events: Send + Sync + 'static {
    /// Applies payloads, each exactly once however often it is given: rows, outcomes, ledgers, counters and
    /// the mark that it was applied are one transaction. It is durable when this returns `Ok`.
    fn apply(&self, plans: Vec<Arc<Plan>>, now_ms: i64) -> Answer<'_, Vec<Applied>>;

    /// Applies payloads again that were applied before: rows that are gone come back, what enrichment added is brought up to
    /// date, what was refused and can be stored now is stored, and is owed to sinks like any other. No event gets a second row, however often this is done and
    /// wherever it breaks off. It is durable when this returns `Ok`.
    fn reapply(&self, plans: Vec<Arc<Plan>>, now_ms: i64) -> Answer<'_, Replayed>;

    /// Lets go of what is not to be kept: whole weeks of events, and a limited number of other rows. Producers' ledgers
    /// stay. What went is durable when this returns `Ok`.
    fn prune(&self, keep: Keep) -> Answer<'_, Pruned>;
}

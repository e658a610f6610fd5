//! Writing events: the result of processing.

use std::sync::Arc;

use super::{
    Answer, Applied, Forgotten, Plan, PlanApplied, Pruned, Replayed, RetentionLimits, Week,
};

/// Writes what processing decided about payloads.
pub trait Events: Send + Sync + 'static {
    /// Applies payloads, each exactly once however often it is passed. Rows, outcomes, ledgers,
    /// counters, deliveries and the mark that the payload was applied are written in one
    /// transaction for each payload. It is durable when this returns `Ok`.
    fn apply(&self, plans: Vec<Arc<Plan>>, now_ms: i64) -> Answer<'_, Vec<Applied>>;

    /// The same, where plans succeed and fail one without the other: some of them lie in a database
    /// that is down. Fails as a whole if nothing is known about any of them.
    fn apply_each(&self, plans: Vec<Arc<Plan>>, now_ms: i64) -> Answer<'_, Vec<PlanApplied>> {
        Box::pin(async move {
            let applied = self.apply(plans, now_ms).await?;
            let whole = |applied| PlanApplied { applied, failure: None };
            Ok(applied.into_iter().map(whole).collect())
        })
    }

    /// Applies payloads that were applied before: restores rows that are gone, replaces what
    /// enrichment added, and stores events that were refused and can be stored now, which are owed
    /// to sinks like any other. No event gets a second row, however often this runs and wherever it
    /// stops. It is durable when this returns `Ok`.
    fn reapply(&self, plans: Vec<Arc<Plan>>, now_ms: i64) -> Answer<'_, Replayed>;

    /// Forgets what the producers of a source claimed and what of it did not arrive, in the ledgers
    /// and in all counts. Events stay, and one that arrives again is still recognized. It is
    /// durable when this returns `Ok`.
    fn forget(&self, source: String) -> Answer<'_, Forgotten>;

    /// Deletes what the limits no longer allow: whole weeks of events, and a limited number of
    /// other rows. Producers' ledgers stay, so completeness stays provable. It is durable when this
    /// returns `Ok`.
    fn prune(&self, keep: RetentionLimits) -> Answer<'_, Pruned>;

    /// The weeks with events, newest first, and about how many bytes each takes.
    fn week_sizes(&self) -> Answer<'_, Vec<(Week, u64)>>;
}

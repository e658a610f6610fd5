//! Applying payloads: each database its part, at the same time.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;

use super::split::{Parts, owners_of, split};
use super::{MAPS_MAX, Shard, Shards, owner_in};
use crate::store::{
    Answer, Applied, Events, Forgotten, Plan, PlanApplied, Pruned, Replayed, RetentionLimits,
    StoreError, Week,
};

impl Shards {
    /// Applies what belongs to one database. Fails for each plan or for all of them.
    async fn apply_in(&self, number: u16, parts: &Parts, now_ms: i64) -> Vec<PlanApplied> {
        let plans: Vec<_> = parts.iter().map(|(_, plan)| Arc::clone(plan)).collect();
        let applied = match self.numbered(number) {
            Some(shard) => shard.write(|storage| storage.events.apply_each(plans, now_ms)).await,
            None => Err(Shard::down()),
        };
        applied.unwrap_or_else(|failure| {
            let failed =
                || PlanApplied { applied: Applied::default(), failure: Some(failure.clone()) };
            parts.iter().map(|_| failed()).collect()
        })
    }

    /// Applies each plan as far as its databases take it. If buckets have moved, once more by the
    /// map that the databases have.
    async fn apply_all(&self, plans: &[Arc<Plan>], now_ms: i64) -> Vec<PlanApplied> {
        let mut whole = self.apply_parts(plans, now_ms).await;
        for _ in 0..MAPS_MAX {
            let is_outdated = |it: &PlanApplied| is_of_other_map(it.failure.as_ref());
            let places: Vec<usize> =
                (0..).zip(&whole).filter(|(_, it)| is_outdated(it)).map(|(at, _)| at).collect();
            if places.is_empty() || self.map.refresh().await.is_err() {
                break;
            }
            let rest: Vec<_> = places.iter().filter_map(|at| plans.get(*at).cloned()).collect();
            for (at, again) in places.into_iter().zip(self.apply_parts(&rest, now_ms).await) {
                if let Some(plan) = whole.get_mut(at) {
                    *plan = plan.clone().done_again(again);
                }
            }
        }
        self.stored.look();
        self.queued.look();
        whole
    }

    /// Applies each plan by the map that is known.
    async fn apply_parts(&self, plans: &[Arc<Plan>], now_ms: i64) -> Vec<PlanApplied> {
        let map = self.map.current();
        let owner = |bucket| owner_in(&map, bucket);
        let parts = split(plans, owner, |plan| self.homes.of(plan.payload));
        let applying = parts.iter().map(|(number, parts)| self.apply_in(*number, parts, now_ms));
        let mut whole: Vec<Option<PlanApplied>> = plans.iter().map(|_| None).collect();
        for (parts, applied) in parts.values().zip(join_all(applying).await) {
            for ((place, _), part) in parts.iter().zip(applied) {
                if let Some(plan) = whole.get_mut(*place) {
                    *plan = Some(match plan.take() {
                        Some(others) => others.and(part),
                        None => part,
                    });
                }
            }
        }
        whole.into_iter().flatten().collect()
    }

    /// The limits for each database. How much a week takes, and which one is the newest, all of
    /// them say together.
    async fn limits_of_each(&self, keep: RetentionLimits) -> Result<RetentionLimits, StoreError> {
        if keep.events_bytes.is_none() {
            return Ok(keep);
        }
        let mut due = keep.weeks_to_remove(self.sizes_together().await?);
        due.sort_by_key(|week| week.number());
        let to_ms = due.last().map(|week| week.to_ms());
        let events_from_ms = keep.events_from_ms.max(to_ms);
        Ok(RetentionLimits { events_from_ms, events_bytes: None, ..keep })
    }

    /// The weeks of all databases, newest first, and how many bytes each takes in all of them.
    async fn sizes_together(&self) -> Result<Vec<(Week, u64)>, StoreError> {
        let mut sizes = BTreeMap::<u32, u64>::new();
        for (_, read) in self.each(|storage| storage.events.week_sizes()).await {
            for (week, bytes) in read? {
                *sizes.entry(week.number()).or_default() += bytes;
            }
        }
        Ok(sizes.into_iter().rev().map(|(week, bytes)| (Week::from_number(week), bytes)).collect())
    }

    /// Applies plans again that all belong to one database, or one that belongs to several.
    async fn reapply_run(&self, plans: &[Arc<Plan>], now_ms: i64) -> Result<Replayed, StoreError> {
        let map = self.map.current();
        let parts = split(plans, |bucket| owner_in(&map, bucket), |_| None);
        let is_divided = parts.len() > 1;
        let (mut done, mut has_skipped) = (Replayed::default(), false);
        for (number, parts) in parts {
            let parts = parts.into_iter().map(|(_, plan)| plan).collect();
            let shard = self.numbered(number).ok_or_else(Shard::down)?;
            let part = shard.write(|storage| storage.events.reapply(parts, now_ms)).await?;
            has_skipped |= part.skipped > 0;
            done += part;
        }
        // A payload counts once, whichever of its parts are left alone.
        if is_divided {
            (done.payloads, done.skipped) = (plans.len() as u64, u64::from(has_skipped));
        }
        Ok(done)
    }
}

/// Whether a database has another map than this server.
fn is_of_other_map(failure: Option<&StoreError>) -> bool {
    matches!(failure, Some(StoreError::OtherEpoch { .. }))
}

impl PlanApplied {
    /// What was done before and what was done again. What had been applied is not applied again.
    #[must_use]
    fn done_again(self, again: Self) -> Self {
        let already = self.applied.already && again.applied.already;
        let mut both = Self { failure: None, ..self }.and(Self { failure: None, ..again.clone() });
        both.applied.already = already;
        Self { failure: again.failure, ..both }
    }

    /// What applying another part of the same plan did as well.
    #[must_use]
    fn and(self, other: Self) -> Self {
        let (one, two) = (self.applied, other.applied);
        let applied = Applied {
            already: one.already && two.already,
            stored: one.stored + two.stored,
            duplicates: one.duplicates + two.duplicates,
            invalid: one.invalid + two.invalid,
        };
        Self { applied, failure: worse(self.failure, other.failure) }
    }
}

/// Of two failures, the one that counts: a database that is down is nobody's fault, and a payload
/// that another one refuses is not tried for longer because of that.
fn worse(one: Option<StoreError>, two: Option<StoreError>) -> Option<StoreError> {
    match (&one, &two) {
        (Some(StoreError::Database { .. }), Some(_)) | (Some(_), None) => one,
        _ => two,
    }
}

impl Events for Shards {
    fn apply(&self, plans: Vec<Arc<Plan>>, now_ms: i64) -> Answer<'_, Vec<Applied>> {
        Box::pin(async move {
            let applied = self.apply_each(plans, now_ms).await?;
            let whole = |it: PlanApplied| it.failure.map_or(Ok(it.applied), Err);
            applied.into_iter().map(whole).collect()
        })
    }

    fn apply_each(&self, plans: Vec<Arc<Plan>>, now_ms: i64) -> Answer<'_, Vec<PlanApplied>> {
        Box::pin(async move { Ok(self.apply_all(&plans, now_ms).await) })
    }

    fn reapply(&self, plans: Vec<Arc<Plan>>, now_ms: i64) -> Answer<'_, Replayed> {
        Box::pin(async move {
            let mut done = Replayed::default();
            let map = self.map.current();
            let owners = |plan: &Arc<Plan>| owners_of(plan, |bucket| owner_in(&map, bucket));
            let are_together = |a: &Arc<Plan>, b: &Arc<Plan>| {
                let (a, b) = (owners(a), owners(b));
                a.len() == 1 && a == b
            };
            for run in plans.chunk_by(are_together) {
                let mut part = self.reapply_run(run, now_ms).await;
                for _ in 0..MAPS_MAX {
                    if !is_of_other_map(part.as_ref().err()) {
                        break;
                    }
                    self.map.refresh().await?;
                    part = self.reapply_run(run, now_ms).await;
                }
                done += part?;
            }
            Ok(done)
        })
    }

    fn forget(&self, source: String) -> Answer<'_, Forgotten> {
        Box::pin(async move {
            let forgotten = self.write_all(|storage| storage.events.forget(source.clone())).await?;
            let mut sum = Forgotten::default();
            for it in forgotten {
                sum += it;
            }
            Ok(sum)
        })
    }

    fn prune(&self, keep: RetentionLimits) -> Answer<'_, Pruned> {
        Box::pin(async move {
            let keep = self.limits_of_each(keep).await?;
            let pruned = self.write_all(|storage| storage.events.prune(keep)).await?;
            let mut sum = Pruned::default();
            for Pruned { weeks, rows } in pruned {
                (sum.weeks, sum.rows) = (sum.weeks.max(weeks), sum.rows + rows);
            }
            Ok(sum)
        })
    }

    fn week_sizes(&self) -> Answer<'_, Vec<(Week, u64)>> {
        Box::pin(self.sizes_together())
    }
}

//! Applying payloads: the one place that writes events.
//!
//! Each call is one transaction for each week, so a payload is applied wholly or not at all, and
//! its row in `applied` makes the second time do nothing. What is written is decided in
//! [`crate::store::apply`].
//!
//! Servers apply payloads at the same time. A transaction locks the ledgers of its producers, in
//! the order of their keys, before it decides. Whatever else another transaction changed meanwhile,
//! an id, a new ledger, a profile, is a conflict when it is written, and then everything is done
//! again.

mod known;
pub(crate) mod ledgers;
pub(crate) mod parts;
pub(crate) mod profiles;
mod prune;
pub(crate) mod rows;
mod runs;
pub(crate) mod sources;
pub(crate) mod totals;
pub(crate) mod versions;
pub(crate) mod weeks;

use std::sync::Arc;

use deadpool_postgres::Transaction;

use parts::Parts;

use super::connection::database::Work;
use super::connection::failure::Failure;
use super::deliveries::routed::{self, Routes};
use super::partitions::{self, Kind};
use super::read::live;
use super::shards::gate::Gate;
use super::store::PostgresStore;
use super::tallies::{self, TallyMemory};
use crate::store::apply::{self, Known, Wanted, Writes};
use crate::store::{
    Answer, Applied, Events, Forgotten, Plan, Pruned, Replayed, RetentionLimits, RowId, StoreError,
    Week,
};

/// How often a week is made again that retention removes at the same time.
const ATTEMPTS_MAX: u32 = 10;

/// What a call to apply payloads of one week needs.
#[derive(Debug)]
struct Task {
    week: Week,
    plans: Vec<Arc<Plan>>,
    now_ms: i64,
    routes: Routes,
    tallies: Arc<TallyMemory>,
    has_partitions: bool,
    /// The epoch of the shard map that this server knows.
    epoch: u64,
}

/// Applies the plans, all of one week, in order, until their ledgers are too large for one
/// transaction. Returns the results, at least one, and how many deliveries were queued.
async fn apply(transaction: &Transaction<'_>, task: &Task) -> Result<(Vec<Applied>, i64), Failure> {
    let week = task.week;
    let parts = Parts::new(transaction, &task.plans, task.epoch).await?;
    let (plans, applied) = (parts.plans.as_slice(), parts.applied.clone());
    let keys = plans.iter().map(|plan| apply::ledger_keys(plan, &applied)).collect();
    let (ledgers, count) = ledgers::lock(transaction, keys).await?;
    let plans = plans.get(..count).unwrap_or(plans);
    let known = known::read(transaction, week, Wanted::of(plans, &applied), ledgers).await?;
    let before = revisions(&known);
    let (writes, results) = apply::decide(plans, applied, known, task.routes.all());
    if !writes.rows.is_empty() {
        // Only a row makes its week: late duplicates must not bring back one that was removed.
        if !task.has_partitions {
            return Err(Failure::NoPartitions(week));
        }
        rows::insert(transaction, week, &writes.rows).await?;
        versions::save(transaction, week, &writes.versions).await?;
        let stored = writes.payloads.iter().filter(|payload| payload.applied.stored > 0);
        let spans: Vec<_> = stored.filter_map(|payload| span(payload.plan)).collect();
        live::add(transaction, &spans).await?;
    }
    parts.mark(transaction, &writes.payloads, task.now_ms).await?;
    let queued = write(transaction, task, &writes, &before).await?;
    Ok((results, queued))
}

/// Applies the plans, all of one week, again, in order, until their ledgers are too large for one
/// transaction. Returns the result, for at least one payload, and how many deliveries were queued.
async fn reapply(transaction: &Transaction<'_>, task: &Task) -> Result<(Replayed, i64), Failure> {
    let (week, plans) = (task.week, task.plans.as_slice());
    let gate = Gate::take(transaction, task.epoch).await?;
    if weeks::is_removed(transaction, week).await? {
        let payloads = plans.len() as u64;
        return Ok((Replayed { payloads, skipped: payloads, ..Replayed::default() }, 0));
    }
    if !task.has_partitions {
        return Err(Failure::NoPartitions(week));
    }
    let (histories, plans) = known::histories(transaction, (week, &gate), plans).await?;
    let wanted = |plans| apply::wanted_for_replay(plans, &histories);
    let plans = plans.as_slice();
    let keys = plans.iter().map(|plan| wanted(std::slice::from_ref(plan)).ledgers.into_iter());
    let keys = keys.map(Iterator::collect).collect();
    let (ledgers, count) = ledgers::lock(transaction, keys).await?;
    let plans = plans.get(..count).unwrap_or(plans);
    let known = known::read(transaction, week, wanted(plans), ledgers).await?;
    let before = revisions(&known);
    let (writes, done) = apply::replay(plans, &histories, known, task.routes.all());
    versions::save(transaction, week, &writes.versions).await?;
    rows::restore(transaction, week, &writes.rows).await?;
    rows::rewrite(transaction, week, &writes.rewrites).await?;
    let queued = write(transaction, task, &writes, &before).await?;
    Ok((done, queued))
}

/// The revisions of profiles, as they were read.
fn revisions<'a>(known: &Known<'a>) -> profiles::Revisions<'a> {
    let stored = known.profiles.iter().filter(|(_, it)| it.revision > 0);
    stored.map(|(key, profile)| (*key, profile.revision)).collect()
}

/// Writes everything but the rows of events. Returns how many deliveries were queued.
async fn write<'a>(
    transaction: &Transaction<'_>,
    task: &Task,
    writes: &Writes<'a>,
    before: &profiles::Revisions<'a>,
) -> Result<i64, Failure> {
    rows::add_not_stored(transaction, &writes.not_stored, task.now_ms).await?;
    rows::accept(transaction, &writes.accepted).await?;
    ledgers::save(transaction, &writes.ledgers).await?;
    rows::add_client_ids(transaction, &writes.client_ids).await?;
    profiles::save(transaction, &writes.profiles, before).await?;
    let deliveries = &writes.deliveries;
    let added = routed::add(transaction, deliveries, &task.routes, task.now_ms, 0).await?;
    sources::add(transaction, &writes.sources).await?;
    totals::add(transaction, &writes.totals).await?;
    tallies::add_writes(transaction, &task.tallies, writes).await?;
    Ok(added.queued)
}

/// The ids of the first and the last event of a payload.
fn span(plan: &Plan) -> Option<(RowId, RowId)> {
    plan.events.first().zip(plan.events.last()).map(|(first, last)| (first.id, last.id))
}

/// The week that a plan's rows go to. All of a payload was received at once.
fn week_of(plan: &Plan) -> Week {
    Week::of_ms(plan.received_ms)
}

/// The first plans that are of one week.
fn of_one_week(plans: &[Arc<Plan>]) -> Option<(Week, &[Arc<Plan>])> {
    let run = plans.chunk_by(|a, b| week_of(a) == week_of(b)).next()?;
    Some((week_of(run.first()?), run))
}

impl PostgresStore {
    /// Does work on plans of one week in a transaction. If it needs partitions that are not there,
    /// they are made, and it is done again.
    async fn in_week<T: Send>(
        &self,
        doing: &'static str,
        (week, plans): (Week, &[Arc<Plan>]),
        now_ms: i64,
        work: impl for<'t> Fn(&'t Transaction<'_>, Arc<Task>) -> Work<'t, T> + Send + Sync,
    ) -> Result<T, StoreError> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let task = Arc::new(Task {
                week,
                plans: plans.to_vec(),
                now_ms,
                routes: self.routes.clone(),
                tallies: Arc::clone(&self.tallies),
                has_partitions: self.database.partitions.has(Kind::Events, week),
                epoch: self.epoch.known(),
            });
            let done =
                self.database.transaction(|transaction| work(transaction, Arc::clone(&task)));
            let failure = match done.await {
                Ok(done) => return Ok(done),
                Err(Failure::NoPartitions(week)) => {
                    match partitions::ensure(&self.database, Kind::Events, week).await {
                        Ok(()) => continue,
                        Err(failure) => failure,
                    }
                }
                Err(failure) if failure.is_missing_table() && attempts < ATTEMPTS_MAX => {
                    self.database.partitions.forget();
                    continue;
                }
                Err(failure) => failure,
            };
            return Err(self.database.failed(failure, doing));
        }
    }
}

impl Events for PostgresStore {
    fn apply(&self, plans: Vec<Arc<Plan>>, now_ms: i64) -> Answer<'_, Vec<Applied>> {
        Box::pin(async move {
            // The plans are nearly always of one week.
            let (mut applied, mut queued) = (Vec::with_capacity(plans.len()), 0);
            let mut rest = plans.as_slice();
            while let Some(run) = of_one_week(rest) {
                let (more, more_queued) = self
                    .in_week("apply payloads", run, now_ms, |transaction, task| {
                        Box::pin(async move { apply(transaction, &task).await })
                    })
                    .await?;
                rest = rest.get(more.len()..).unwrap_or_default();
                applied.extend(more);
                queued += more_queued;
            }
            self.changed();
            if queued > 0 {
                self.queued_more();
            }
            Ok(applied)
        })
    }

    fn reapply(&self, plans: Vec<Arc<Plan>>, now_ms: i64) -> Answer<'_, Replayed> {
        Box::pin(async move {
            let (mut done, mut queued) = (Replayed::default(), 0);
            let mut rest = plans.as_slice();
            while let Some(run) = of_one_week(rest) {
                let (more, more_queued) = self
                    .in_week("apply payloads again", run, now_ms, |transaction, task| {
                        Box::pin(async move { reapply(transaction, &task).await })
                    })
                    .await?;
                let payloads = usize::try_from(more.payloads).unwrap_or(usize::MAX);
                rest = rest.get(payloads..).unwrap_or_default();
                done += more;
                queued += more_queued;
            }
            if queued > 0 {
                self.queued_more();
            }
            Ok(done)
        })
    }

    fn forget(&self, source: String) -> Answer<'_, Forgotten> {
        Box::pin(self.forget_source(source))
    }

    fn prune(&self, keep: RetentionLimits) -> Answer<'_, Pruned> {
        Box::pin(self.prune_all(keep))
    }

    fn week_sizes(&self) -> Answer<'_, Vec<(Week, u64)>> {
        Box::pin(self.sizes_of_weeks())
    }
}

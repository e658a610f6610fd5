//! Applying payloads: the one place that writes events.
//!
//! Runs inside one transaction, so a payload is applied wholly or not at all, and its row in
//! `applied` makes the second time do nothing. What is written is decided in
//! [`crate::store::apply`].

mod known;
pub(crate) mod ledger_cache;
pub(crate) mod ledgers;
pub(crate) mod profiles;
mod rows;
pub(crate) mod sources;
pub(crate) mod totals;

use std::sync::Arc;

use ledger_cache::LedgerCache;
use rusqlite::Connection;

use super::deliveries::routed::{self, Routes};
use super::read::live;
use super::store::SqliteStore;
use super::weeks::catalog::{self, Added};
use super::weeks::files::StoreFiles;
use super::weeks::open::WeekNotOpen;
use super::weeks::{profile_versions, prune};
use crate::store::apply::{self, Wanted, Writes};
use crate::store::read_class::ReadClass;
use crate::store::{
    Answer, Applied, Events, Forgotten, Plan, Pruned, Replayed, RetentionLimits, Week,
};

/// Applies `plans`, all of `week`, in order, until their ledgers are too large for one transaction.
/// Returns the results, at least one, and how many deliveries were queued.
fn apply(
    files: &mut StoreFiles,
    week: Week,
    plans: &[Arc<Plan>],
    now_ms: i64,
    routes: &Routes,
) -> rusqlite::Result<Result<(Vec<Applied>, i64), WeekNotOpen>> {
    let StoreFiles { store, weeks, tallies, ledgers: cache } = files;
    let applied = known::applied(store, plans)?;
    let keys = plans.iter().map(|plan| apply::ledger_keys(plan, &applied));
    let (ledgers, count) = ledgers::read(store, cache, keys)?;
    let plans = plans.get(..count).unwrap_or(plans);
    let events = weeks.readable(week);
    let known = known::read(store, events, Wanted::of(plans, &applied), ledgers)?;
    let (writes, results) = apply::decide(plans, applied, known, routes.all());
    let mut added = Added::default();
    if !writes.rows.is_empty() {
        // Only a row opens its week: late duplicates must not bring back one that was removed.
        if !weeks.has(week) {
            return Ok(Err(WeekNotOpen));
        }
        let open = weeks.writable(week)?;
        let mut spans = Vec::with_capacity(writes.payloads.len());
        for payload in &writes.payloads {
            let events = payload.applied.stored;
            if let Some(span) = span(payload.plan).filter(|_| events > 0) {
                spans.push(span);
                added.add(week, open.batch(), events);
            }
        }
        open.writes(spans.iter().copied())?;
        live::add(store, &spans)?;
        profile_versions::save(open.connection(), open.batch(), &writes.versions)?;
        rows::insert(open.connection(), &writes.rows)?;
    }
    added.count(store)?;
    let queued = write(store, cache, &writes, routes, now_ms)?;
    tallies.add_writes(store, &writes)?;
    Ok(Ok((results, queued)))
}

/// Applies `plans`, all of `week`, again, in order, until their ledgers are too large for one
/// transaction. Returns the result, for at least one payload, and how many deliveries were queued.
fn reapply(
    files: &mut StoreFiles,
    week: Week,
    plans: &[Arc<Plan>],
    now_ms: i64,
    routes: &Routes,
) -> rusqlite::Result<Result<(Replayed, i64), WeekNotOpen>> {
    let StoreFiles { store, weeks, tallies, ledgers: cache } = files;
    if catalog::removed_between(store, (week, week))?.is_some() {
        let payloads = plans.len() as u64;
        return Ok(Ok((Replayed { payloads, skipped: payloads, ..Replayed::default() }, 0)));
    }
    if !weeks.has(week) {
        return Ok(Err(WeekNotOpen));
    }
    debug_assert!(plans.iter().flat_map(|it| &it.events).all(|it| Week::of_row(it.id) == week));
    let histories = known::histories(store, weeks.writable(week)?.connection(), plans)?;
    let wanted = |plans| apply::wanted_for_replay(plans, &histories);
    let keys = plans.iter().map(|plan| wanted(std::slice::from_ref(plan)).ledgers.into_iter());
    let (ledgers, count) = ledgers::read(store, cache, keys.map(Iterator::collect))?;
    let plans = plans.get(..count).unwrap_or(plans);
    let known = known::read(store, weeks.readable(week), wanted(plans), ledgers)?;
    let (writes, done) = apply::replay(plans, &histories, known, routes.all());
    let open = weeks.writable(week)?;
    open.writes(writes.rows.iter().map(|row| (row.event.id, row.event.id)))?;
    profile_versions::save(open.connection(), open.batch(), &writes.versions)?;
    rows::restore(open.connection(), &writes.rows)?;
    rows::rewrite(open.connection(), &writes.rewrites)?;
    // Rows that are restored were counted when they were first stored.
    let mut added = Added::default();
    added.add(week, open.batch(), done.accepted);
    added.count(store)?;
    let queued = write(store, cache, &writes, routes, now_ms)?;
    tallies.add_writes(store, &writes)?;
    Ok(Ok((done, queued)))
}

/// Writes everything but the rows of events. Returns how many deliveries were queued.
fn write(
    store: &Connection,
    cache: &mut LedgerCache,
    writes: &Writes<'_>,
    routes: &Routes,
    now_ms: i64,
) -> rusqlite::Result<i64> {
    rows::add_payloads(store, &writes.payloads, now_ms)?;
    rows::add_not_stored(store, &writes.not_stored, now_ms)?;
    rows::accept(store, &writes.accepted)?;
    rows::add_client_ids(store, &writes.client_ids)?;
    profiles::save(store, &writes.profiles)?;
    ledgers::save(store, &writes.ledgers, |write, text_bytes| cache.add(write, text_bytes))?;
    sources::add(store, &writes.sources)?;
    totals::add(store, &writes.totals)?;
    Ok(routed::add(store, &writes.deliveries, routes, now_ms, 0)?.queued)
}

/// The ids of the first and the last event of a payload.
fn span(plan: &Plan) -> Option<(crate::store::RowId, crate::store::RowId)> {
    plan.events.first().zip(plan.events.last()).map(|(first, last)| (first.id, last.id))
}

/// The week that a plan's rows go to. All of a payload was received at once.
fn week_of(plan: &Plan) -> Week {
    Week::of_ms(plan.received_ms)
}

impl Events for SqliteStore {
    fn apply(&self, plans: Vec<Arc<Plan>>, now_ms: i64) -> Answer<'_, Vec<Applied>> {
        Box::pin(async move {
            // The plans are nearly always of one week.
            let mut applied = Vec::with_capacity(plans.len());
            let mut rest = plans.as_slice();
            while let Some(run) = rest.chunk_by(|a, b| week_of(a) == week_of(b)).next() {
                let week = run.first().map_or(Week::from_number(0), |plan| week_of(plan));
                let run: Arc<[Arc<Plan>]> = run.into();
                let routes = self.routes.clone();
                let more = self.in_week("apply payloads", week, move |files, change| {
                    let applied = apply(files, week, &run, now_ms, &routes)?;
                    Ok(applied.map(|(applied, queued)| {
                        change.deliveries += queued;
                        applied
                    }))
                });
                let more = more.await?;
                rest = rest.get(more.len()..).unwrap_or_default();
                applied.extend(more);
            }
            self.changes.send_modify(|count| *count = count.wrapping_add(1));
            Ok(applied)
        })
    }

    fn reapply(&self, plans: Vec<Arc<Plan>>, now_ms: i64) -> Answer<'_, Replayed> {
        Box::pin(async move {
            let mut done = Replayed::default();
            let mut rest = plans.as_slice();
            while let Some(run) = rest.chunk_by(|a, b| week_of(a) == week_of(b)).next() {
                let week = run.first().map_or(Week::from_number(0), |plan| week_of(plan));
                let run: Arc<[Arc<Plan>]> = run.into();
                let routes = self.routes.clone();
                let more = self.in_week("apply payloads again", week, move |files, change| {
                    let replayed = reapply(files, week, &run, now_ms, &routes)?;
                    Ok(replayed.map(|(replayed, queued)| {
                        change.deliveries += queued;
                        replayed
                    }))
                });
                let more = more.await?;
                let payloads = usize::try_from(more.payloads).unwrap_or(usize::MAX);
                rest = rest.get(payloads..).unwrap_or_default();
                done += more;
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
        let folder = self.folder.clone();
        Box::pin(self.readers.read(ReadClass::Work, "read the sizes of weeks", move |reading| {
            prune::sizes(reading, &folder)
        }))
    }
}

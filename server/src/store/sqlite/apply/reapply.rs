//! Applying payloads again, on demand: a replay.
//!
//! Which arrival became a row was decided when the payload was first applied, and a row's id is computed from its
//! payload's, so a replay can only write rows that were there. It restores those that are gone, brings up to date what
//! enrichment added, and accepts what was refused and can be stored now. Ledgers do not change: no arrival is new.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::profiles::Profiles;
use super::{Closed, insert, week_of};
use super::{ledgers, totals};
use crate::store::Outcome;
use crate::store::sqlite::deliveries::routed::{Queuing, Routes};
use crate::store::sqlite::file::columns::row_id;
use crate::store::sqlite::weeks::catalog;
use crate::store::sqlite::weeks::catalog::Added;
use crate::store::sqlite::weeks::files::Files;
use crate::store::sqlite::weeks::open::OpenWeek;
use crate::store::sqlite::weeks::runs;
use crate::store::sqlite::weeks::runs::Runs;
use crate::store::{EventColumns, EventIdentity, Fate, Plan, PlannedEvent, Replayed, RowId, Week};

/// What one transaction gathers and writes last.
struct Gathered {
    profiles: Profiles,
    queuing: Queuing,
    runs: Runs,
    now_ms: i64,
}

/// Applies `plans`, all of `week`, again, in order. Gives beside what that did how many deliveries were queued.
pub(crate) fn reapply(
    files: &mut Files,
    week: Week,
    plans: &[Arc<Plan>],
    now_ms: i64,
    routes: &Routes,
) -> rusqlite::Result<Result<(Replayed, i64), Closed>> {
    let Files { store, weeks } = files;
    let mut done = Replayed { payloads: plans.len() as u64, ..Replayed::default() };
    if catalog::removed_between(store, (week, week))?.is_some() {
        done.skipped = done.payloads;
        return Ok(Ok((done, 0)));
    }
    if !weeks.has(week) {
        return Ok(Err(Closed));
    }
    let open = weeks.writable(week)?;
    let (mut sums, mut added) = (totals::Sums::default(), Added::default());
    let mut gathered = Gathered {
        profiles: Profiles::default(),
        queuing: routes.begin(),
        runs: Runs::default(),
        now_ms,
    };
    for plan in plans {
        done += match ended(store, plan)? {
            Some(endings) => reapply_one(store, open, plan, &endings, &mut gathered)?,
            None => Replayed { skipped: 1, ..Replayed::default() },
        };
    }
    // Rows that are restored were counted when they were first stored.
    added.add(week, open.batch(), done.accepted);
    sums.accepted(done.accepted);
    added.count(store)?;
    gathered.runs.save(open.connection())?;
    gathered.profiles.save(store)?;
    let queued = gathered.queuing.save(store)?;
    totals::add(store, &sums)?;
    Ok(Ok((done, queued)))
}

/// How the arrivals of a payload ended that are not in `events`. `None` if that is not, or no longer, known.
fn ended(store: &Connection, plan: &Plan) -> rusqlite::Result<Option<HashMap<RowId, Outcome>>> {
    let applied: Option<(u64, u64)> = store
        .prepare_cached("SELECT duplicates, invalid FROM applied WHERE payload_id = ?1")?
        .query_row([plan.payload.0.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((duplicates, invalid)) = applied else { return Ok(None) };
    let Some((first, last)) = plan.events.first().zip(plan.events.last()) else {
        return Ok(Some(HashMap::new()));
    };
    let endings: HashMap<RowId, Outcome> = store
        .prepare_cached("SELECT id, state FROM outcomes WHERE id BETWEEN ?1 AND ?2")?
        .query_map(params![first.id.0.as_bytes(), last.id.0.as_bytes()], |row| {
            let state: String = row.get(1)?;
            Ok((row_id(row, 0)?, Outcome::from_name(&state).unwrap_or(Outcome::Duplicate)))
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok((endings.len() as u64 == duplicates + invalid).then_some(endings))
}

fn reapply_one(
    store: &Connection,
    open: &OpenWeek,
    plan: &Plan,
    endings: &HashMap<RowId, Outcome>,
    gathered: &mut Gathered,
) -> rusqlite::Result<Replayed> {
    debug_assert!(plan.events.iter().all(|event| Week::of_row(event.id) == week_of(plan)));
    let mut done = Replayed::default();
    for event in &plan.events {
        let Fate::Store(columns) = &event.fate else { continue };
        match endings.get(&event.id) {
            Some(Outcome::Invalid) if is_its_arrival(store, plan, event)? => {
                write(store, open, plan, (event, columns), gathered)?;
                accept(store, plan, event)?;
                gathered.queuing.add(store, event.id, columns, gathered.now_ms)?;
                done.accepted += 1;
            }
            Some(_) => {}
            None if rewrite(open, event, columns)? => done.rewritten += 1,
            None => {
                write(store, open, plan, (event, columns), gathered)?;
                done.restored += 1;
            }
        }
    }
    Ok(done)
}

/// Whether the arrival that was refused is the one that counts for its event: another one may have come since.
fn is_its_arrival(store: &Connection, plan: &Plan, event: &PlannedEvent) -> rusqlite::Result<bool> {
    match &event.identity {
        EventIdentity::Numbered(producer, seq) => {
            let ledger = ledgers::find(store, *producer)?;
            Ok(ledger.is_some_and(|ledger| ledger.received.contains(*seq)))
        }
        EventIdentity::ClientId(name) => store
            .prepare_cached(
                "SELECT 1 FROM event_ids WHERE event_id = ?1 AND source = ?2 AND id = ?3",
            )?
            .exists(params![name, plan.source, event.id.0.as_bytes()]),
        EventIdentity::Anonymous => Ok(true),
    }
}

/// Writes a row that is not there.
fn write(
    store: &Connection,
    open: &OpenWeek,
    plan: &Plan,
    (event, columns): (&PlannedEvent, &EventColumns),
    gathered: &mut Gathered,
) -> rusqlite::Result<()> {
    open.writes(event.id, event.id)?;
    let profile = gathered.profiles.apply(store, columns)?;
    insert(open.connection(), plan, event, columns, profile)?;
    if !runs::has(open.connection(), &event.identity, event.id)? {
        gathered.runs.add(&event.identity, event.id);
    }
    Ok(())
}

fn accept(store: &Connection, plan: &Plan, event: &PlannedEvent) -> rusqlite::Result<()> {
    store.prepare_cached("DELETE FROM outcomes WHERE id = ?1")?.execute([event.id.0.as_bytes()])?;
    store
        .prepare_cached(
            "UPDATE applied SET stored = stored + 1, invalid = invalid - 1 WHERE payload_id = ?1",
        )?
        .execute([plan.payload.0.as_bytes()])?;
    Ok(())
}

/// Brings what enrichers added up to date. Gives whether the row is there.
fn rewrite(
    open: &OpenWeek,
    event: &PlannedEvent,
    columns: &EventColumns,
) -> rusqlite::Result<bool> {
    let rewritten = open
        .connection()
        .prepare_cached("UPDATE events SET enrichment = ?2 WHERE id = ?1")?
        .execute(params![event.id.0.as_bytes(), columns.enrichment_json])?;
    Ok(rewritten == 1)
}

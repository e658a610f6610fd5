//! Applying payloads: the one place that writes events.
//!
//! Runs inside one transaction, so a payload is applied wholly or not at all, and its row in `applied`
//! makes the second time do nothing.

pub(crate) mod ledgers;
pub(crate) mod outcomes;
pub(crate) mod profiles;
pub(crate) mod reapply;
pub(crate) mod totals;

use std::sync::Arc;

use lamplight_wire::reason::InvalidReason;
use rusqlite::{Connection, params};

use super::deliveries::routed::{Queuing, Routes};
use super::file::columns::producer_bytes;
use super::read::live;
use super::store::SqliteStore;
use super::weeks::catalog::Added;
use super::weeks::files::Files;
use super::weeks::open::OpenWeeks;
use super::weeks::runs::Runs;
use crate::store::ledger::{Arrival, RANGES_MAX};
use crate::store::{
    Answer, Applied, EventColumns, EventIdentity, Events, Fate, Keep, Outcome, Plan, PlannedEvent,
    Pruned, Replayed, Week,
};
use ledgers::Ledgers;
use outcomes::Ending;
use profiles::Profiles;

/// Nothing was changed, because the week's file is not open for writing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Closed;

/// What one transaction gathers and writes last.
#[derive(Debug)]
struct Gathered {
    ledgers: Ledgers,
    profiles: Profiles,
    sums: totals::Sums,
    added: Added,
    queuing: Queuing,
    runs: Runs,
}

/// Applies `plans`, all of `week`, in order. Gives beside what came of each how many deliveries were queued.
pub(crate) fn apply(
    files: &mut Files,
    week: Week,
    plans: &[Arc<Plan>],
    now_ms: i64,
    routes: &Routes,
) -> rusqlite::Result<Result<(Vec<Applied>, i64), Closed>> {
    let Files { store, weeks } = files;
    if !weeks.has(week) {
        return Ok(Err(Closed));
    }
    let mut gathered = Gathered {
        ledgers: Ledgers::default(),
        profiles: Profiles::default(),
        sums: totals::Sums::default(),
        added: Added::default(),
        queuing: routes.begin(),
        runs: Runs::default(),
    };
    let mut applied = Vec::with_capacity(plans.len());
    for plan in plans {
        applied.push(apply_one(store, weeks, plan, now_ms, &mut gathered)?);
    }
    let Gathered { ledgers, profiles, mut sums, added, queuing, runs } = gathered;
    if !runs.is_empty() {
        runs.save(weeks.writable(week)?.connection())?;
    }
    ledgers.save(store, &mut sums)?;
    profiles.save(store)?;
    totals::add(store, &sums)?;
    added.count(store)?;
    let queued = queuing.save(store)?;
    Ok(Ok((applied, queued)))
}

/// The week that a plan's rows go to. All of a payload was received at once.
pub(crate) fn week_of(plan: &Plan) -> Week {
    Week::of_ms(plan.received_ms)
}

fn apply_one(
    connection: &Connection,
    weeks: &mut OpenWeeks,
    plan: &Plan,
    now_ms: i64,
    gathered: &mut Gathered,
) -> rusqlite::Result<Applied> {
    let id = plan.payload.0.as_bytes().as_slice();
    let already =
        connection.prepare_cached("SELECT 1 FROM applied WHERE payload_id = ?1")?.exists([id])?;
    if already {
        return Ok(Applied { already: true, ..Applied::default() });
    }
    for (producer, note) in &plan.notes {
        let ledger = gathered.ledgers.load(connection, *producer, plan)?;
        ledger.record_contact(plan.received_ms);
        ledger.apply_declaration(note);
    }
    let mut done = Applied::default();
    for event in &plan.events {
        match apply_event(connection, weeks, plan, event, now_ms, gathered)? {
            Outcome::Stored => done.stored += 1,
            Outcome::Duplicate => done.duplicates += 1,
            Outcome::Invalid => done.invalid += 1,
        }
    }
    // Every event of the payload ended in exactly one outcome (I3).
    debug_assert_eq!(done.stored + done.duplicates + done.invalid, plan.events.len() as u64);
    if done.stored > 0
        && let Some((first, last)) = plan.events.first().zip(plan.events.last())
    {
        let open = weeks.writable(week_of(plan))?;
        open.writes(first.id, last.id)?;
        live::add(connection, first.id, last.id)?;
        gathered.added.add(week_of(plan), open.batch(), done.stored);
    }
    gathered.sums.ended(&done);
    connection
        .prepare_cached("INSERT INTO applied VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![id, now_ms, plan.attempt, done.stored, done.duplicates, done.invalid])?;
    Ok(done)
}

fn apply_event(
    connection: &Connection,
    weeks: &mut OpenWeeks,
    plan: &Plan,
    event: &PlannedEvent,
    now_ms: i64,
    gathered: &mut Gathered,
) -> rusqlite::Result<Outcome> {
    let Gathered { ledgers, profiles, sums, queuing, runs, .. } = gathered;
    let end = |ending| outcomes::add(connection, plan, event, now_ms, ending);
    match arrive(connection, plan, event, ledgers)? {
        Arrival::Again => end(Ending::Duplicate),
        Arrival::TooScattered => {
            sums.unnumbered += 1;
            let detail = format!("this producer's numbers have more than {RANGES_MAX} gaps");
            end(Ending::Invalid { reason: InvalidReason::ProducerInvalid, detail: &detail })
        }
        Arrival::First => {
            if !matches!(event.identity, EventIdentity::Numbered(..)) {
                sums.unnumbered += 1;
            }
            match &event.fate {
                Fate::Store(columns) => {
                    let open = weeks.writable(week_of(plan))?;
                    let profile = profiles.apply(connection, columns)?;
                    insert(open.connection(), plan, event, columns, profile)?;
                    runs.add(&event.identity, event.id);
                    queuing.add(connection, event.id, columns, now_ms)?;
                    Ok(Outcome::Stored)
                }
                Fate::Refuse { reason, detail } => end(Ending::Invalid { reason: *reason, detail }),
            }
        }
    }
}

/// Whether this is the event's first arrival (I2).
fn arrive(
    connection: &Connection,
    plan: &Plan,
    event: &PlannedEvent,
    ledgers: &mut Ledgers,
) -> rusqlite::Result<Arrival> {
    match &event.identity {
        EventIdentity::Numbered(producer, seq) => {
            let ledger = ledgers.load(connection, *producer, plan)?;
            ledger.record_contact(plan.received_ms);
            Ok(ledger.arrive(*seq))
        }
        EventIdentity::ClientId(name) => {
            let added = connection
                .prepare_cached(
                    "INSERT INTO event_ids (event_id, source, id, received_ms) VALUES (?1, ?2, ?3, ?4) \
                     ON CONFLICT DO NOTHING",
                )?
                .execute(params![name, plan.source, event.id.0.as_bytes(), plan.received_ms])?;
            Ok(if added == 1 { Arrival::First } else { Arrival::Again })
        }
        EventIdentity::Anonymous => Ok(Arrival::First),
    }
}

/// Writes the row of an event. Its number's run is the caller's business.
pub(crate) fn insert(
    connection: &Connection,
    plan: &Plan,
    event: &PlannedEvent,
    columns: &EventColumns,
    profile: Option<&str>,
) -> rusqlite::Result<()> {
    let (producer, seq, event_id) = match &event.identity {
        EventIdentity::Numbered(producer, seq) => {
            (Some(producer_bytes(*producer)), Some(*seq), None)
        }
        EventIdentity::ClientId(name) => (None, None, Some(name.as_str())),
        EventIdentity::Anonymous => (None, None, None),
    };
    connection
        .prepare_cached(
            "INSERT INTO events (id, type, name, source, ts_ms, time_ms, received_ms, created_day, user_id, \
             anonymous_id, session, producer, seq, event_id, payload_id, payload_index, monitor, context, enrichment, profile, properties) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)",
        )?
        .execute(params![
            event.id.0.as_bytes(),
            columns.kind.name(),
            columns.name,
            plan.source,
            columns.ts_ms,
            columns.time_ms,
            plan.received_ms,
            plan.created_day,
            columns.user_id,
            columns.anonymous_id,
            columns.session,
            producer,
            seq,
            event_id,
            plan.payload.0.as_bytes(),
            event.index,
            columns.monitor_json,
            columns.context_json,
            columns.enrichment_json,
            profile,
            columns.properties_json,
        ])?;
    Ok(())
}

impl Events for SqliteStore {
    fn apply(&self, plans: Vec<Arc<Plan>>, now_ms: i64) -> Answer<'_, Vec<Applied>> {
        Box::pin(async move {
            // Nearly always one run.
            let mut applied = Vec::with_capacity(plans.len());
            for run in plans.chunk_by(|a, b| week_of(a) == week_of(b)) {
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
                applied.extend(more.await?);
            }
            self.changes.send_modify(|count| *count = count.wrapping_add(1));
            Ok(applied)
        })
    }

    fn reapply(&self, plans: Vec<Arc<Plan>>, now_ms: i64) -> Answer<'_, Replayed> {
        Box::pin(async move {
            let mut done = Replayed::default();
            for run in plans.chunk_by(|a, b| week_of(a) == week_of(b)) {
                let week = run.first().map_or(Week::from_number(0), |plan| week_of(plan));
                let run: Arc<[Arc<Plan>]> = run.into();
                let routes = self.routes.clone();
                let more = self.in_week("apply payloads again", week, move |files, change| {
                    let replayed = reapply::reapply(files, week, &run, now_ms, &routes)?;
                    Ok(replayed.map(|(replayed, queued)| {
                        change.deliveries += queued;
                        replayed
                    }))
                });
                done += more.await?;
            }
            Ok(done)
        })
    }

    fn prune(&self, keep: Keep) -> Answer<'_, Pruned> {
        Box::pin(self.prune_all(keep))
    }
}

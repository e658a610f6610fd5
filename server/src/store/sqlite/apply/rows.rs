//! Writing what the rules of applying decided, row by row.

use rusqlite::{Connection, Statement, ToSql, params};
use uuid::Uuid;

use super::known::key_kind;
use crate::store::apply::{AppliedPayload, ClientIdWrite, NewRow, NotStored};
use crate::store::run::Runs;
use crate::store::sqlite::file::columns::producer_bytes;
use crate::store::sqlite::weeks::runs;
use crate::store::{EventColumns, EventIdentity, Plan, RowId};

/// The columns `producer`, `seq` and `event_id`.
type IdentityColumns<'a> = (Option<[u8; 16]>, Option<u64>, Option<&'a str>);

fn identity(identity: &EventIdentity) -> IdentityColumns<'_> {
    match identity {
        EventIdentity::Numbered(producer, seq) => {
            (Some(producer_bytes(*producer)), Some(*seq), None)
        }
        EventIdentity::ClientId(id) => (None, None, Some(id)),
        EventIdentity::Anonymous => (None, None, None),
    }
}

fn bytes(id: &Uuid) -> &dyn ToSql {
    id.as_bytes()
}

const INSERT: &str = "INSERT INTO events (id, type, name, source, ts_ms, time_ms, received_ms, created_day, user_id, \
     anonymous_id, session, producer, seq, event_id, payload_id, payload_index, monitor, context, enrichment, \
     profile_revision, properties) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)";

/// Writes rows of events that were never stored before.
pub(super) fn insert(events: &Connection, rows: &[NewRow<'_>]) -> rusqlite::Result<()> {
    let mut runs = Runs::default();
    let mut insert = events.prepare_cached(INSERT)?;
    for row in rows {
        insert_one(&mut insert, row)?;
        runs.add(&row.event.identity, row.scope, row.event.id);
    }
    runs::save(events, runs)
}

/// Writes rows of events that may have been stored before. The runs may still have their numbers.
pub(super) fn restore(events: &Connection, rows: &[NewRow<'_>]) -> rusqlite::Result<()> {
    let mut runs = Runs::default();
    let mut insert = events.prepare_cached(INSERT)?;
    for row in rows {
        insert_one(&mut insert, row)?;
        if !runs::has(events, &row.event.identity, row.scope, row.event.id)? {
            runs.add(&row.event.identity, row.scope, row.event.id);
        }
    }
    runs::save(events, runs)
}

fn insert_one(insert: &mut Statement<'_>, row: &NewRow<'_>) -> rusqlite::Result<()> {
    let NewRow { plan, event, columns, profile, .. } = row;
    let (producer, seq, event_id) = identity(&event.identity);
    insert.execute(params![
        bytes(&event.id.0),
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
        bytes(&plan.payload.0),
        event.index,
        columns.monitor_json,
        columns.context_json,
        columns.enrichment_json,
        profile.map(|profile| profile.revision),
        columns.properties_json,
    ])?;
    Ok(())
}

/// Replaces the times and the user of rows that are there, and what enrichers added to them. A row
/// whose user changes loses the profile, which is that of somebody else.
pub(super) fn rewrite(
    events: &Connection,
    rewrites: &[(RowId, &EventColumns)],
) -> rusqlite::Result<()> {
    let mut update = events.prepare_cached(
        "UPDATE events SET ts_ms = ?2, time_ms = ?3, enrichment = ?4, user_id = ?5, anonymous_id = ?6, \
         profile = iif(user_id IS ?5 AND anonymous_id IS ?6, profile, NULL), \
         profile_revision = iif(user_id IS ?5 AND anonymous_id IS ?6, profile_revision, NULL) WHERE id = ?1",
    )?;
    for (id, columns) in rewrites {
        update.execute(params![
            bytes(&id.0),
            columns.ts_ms,
            columns.time_ms,
            columns.enrichment_json,
            columns.user_id,
            columns.anonymous_id
        ])?;
    }
    Ok(())
}

/// Marks payloads as applied.
pub(super) fn add_payloads(
    store: &Connection,
    payloads: &[AppliedPayload<'_>],
    now_ms: i64,
) -> rusqlite::Result<()> {
    let mut insert = store.prepare_cached("INSERT INTO applied VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    for AppliedPayload { plan, applied } in payloads {
        insert.execute(params![
            bytes(&plan.payload.0),
            now_ms,
            plan.attempt,
            applied.stored,
            applied.duplicates,
            applied.invalid
        ])?;
    }
    Ok(())
}

/// Records how arrivals ended that have no row in `events`.
pub(super) fn add_not_stored(
    store: &Connection,
    not_stored: &[NotStored<'_>],
    now_ms: i64,
) -> rusqlite::Result<()> {
    let mut insert = store.prepare_cached(
        "INSERT INTO outcomes (id, state, reason, detail, source, producer, seq, event_id, payload_id, \
         payload_index, received_ms, applied_ms, content) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    for NotStored { plan, event, outcome, reason, content } in not_stored {
        let (producer, seq, event_id) = identity(&event.identity);
        insert.execute(params![
            bytes(&event.id.0),
            outcome.name(),
            reason.as_ref().map(|(reason, _)| reason.code()),
            reason.as_ref().map(|(_, detail)| detail),
            plan.source,
            producer,
            seq,
            event_id,
            bytes(&plan.payload.0),
            event.index,
            plan.received_ms,
            now_ms,
            content.as_ref().and_then(|content| serde_json::to_string(content).ok()),
        ])?;
    }
    Ok(())
}

/// Deletes the outcome of arrivals that were refused and are now stored.
pub(super) fn accept(store: &Connection, accepted: &[(&Plan, RowId)]) -> rusqlite::Result<()> {
    let mut delete = store.prepare_cached("DELETE FROM outcomes WHERE id = ?1")?;
    let mut count = store.prepare_cached(
        "UPDATE applied SET stored = stored + 1, invalid = invalid - 1 WHERE payload_id = ?1",
    )?;
    for (plan, id) in accepted {
        delete.execute([bytes(&id.0)])?;
        count.execute([bytes(&plan.payload.0)])?;
    }
    Ok(())
}

/// Records which arrival each client id belongs to.
pub(super) fn add_client_ids(
    store: &Connection,
    client_ids: &[ClientIdWrite<'_>],
) -> rusqlite::Result<()> {
    let mut insert = store.prepare_cached(
        "INSERT INTO event_ids (event_id, source, key_kind, id, received_ms, refused) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (event_id, source, key_kind) DO UPDATE SET id = excluded.id, \
         received_ms = excluded.received_ms, refused = excluded.refused WHERE refused",
    )?;
    for ClientIdWrite { key, owner, received_ms } in client_ids {
        let written = insert.execute(params![
            key.id,
            key.source,
            key_kind(key),
            bytes(&owner.arrival.0),
            received_ms,
            owner.is_refused
        ])?;
        debug_assert_eq!(written, 1, "an id of an event that is stored keeps its owner");
    }
    Ok(())
}

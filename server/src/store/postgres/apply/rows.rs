//! Writing what the rules of applying decided.

use deadpool_postgres::Transaction;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::known::key_kind;
use super::runs;
use crate::store::apply::{ClientIdWrite, NewRow, NotStored};
use crate::store::postgres::columns::{
    Json, big, bucket_of_client_id, bucket_of_event, int, producer_uuid,
};
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::copy::{self, Target};
use crate::store::postgres::partitions;
use crate::store::postgres::text::kept;
use crate::store::run::Runs;
use crate::store::{EventColumns, EventIdentity, Plan, RowId, Week};

const EVENT_COLUMNS: &str = "id, bucket, payload_index, created_day, received_ms, time_ms, ts_ms, seq, profile_revision, \
     payload_id, producer, type, name, source, user_id, anonymous_id, session, event_id, monitor, context, enrichment, \
     properties";
const EVENT_TYPES: [Type; 22] = [
    Type::UUID,
    Type::INT2,
    Type::INT4,
    Type::INT4,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::UUID,
    Type::UUID,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::JSON,
    Type::JSON,
    Type::JSON,
    Type::JSON,
];
pub(crate) const OUTCOME_COLUMNS: &str = "id, bucket, payload_index, received_ms, applied_ms, seq, producer, payload_id, state, reason, \
     detail, source, event_id, content";
pub(crate) const OUTCOME_TYPES: [Type; 14] = [
    Type::UUID,
    Type::INT2,
    Type::INT4,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::UUID,
    Type::UUID,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
];
const REWRITE: &str = "UPDATE {EVENTS} SET ts_ms = $2, time_ms = $3, enrichment = $4, user_id = $5, anonymous_id = $6, \
     profile = CASE WHEN user_id IS NOT DISTINCT FROM $5 AND anonymous_id IS NOT DISTINCT FROM $6 THEN profile END, \
     profile_revision = CASE WHEN user_id IS NOT DISTINCT FROM $5 AND anonymous_id IS NOT DISTINCT FROM $6 \
       THEN profile_revision END WHERE id = $1";
const ADD_IDS: &str = "INSERT INTO event_ids AS e (event_id, source, key_kind, bucket, is_refused, id, received_ms) \
     SELECT * FROM unnest($1::text[], $2::text[], $3::smallint[], $4::smallint[], $5::boolean[], $6::uuid[], $7::bigint[]) \
     ON CONFLICT (event_id, source, key_kind, bucket) DO UPDATE SET id = excluded.id, received_ms = excluded.received_ms, \
     is_refused = excluded.is_refused WHERE e.is_refused";
const ACCEPT: &str = "DELETE FROM outcomes WHERE id = ANY($1)";
const COUNT_ACCEPTED: &str = "UPDATE applied AS a SET stored = stored + n.accepted, invalid = invalid - n.accepted \
     FROM unnest($1::uuid[], $2::integer[]) AS n (payload_id, accepted) WHERE a.payload_id = n.payload_id";

/// The columns `producer`, `seq` and `event_id`.
fn identity(identity: &EventIdentity) -> (Option<Uuid>, Option<i64>, Option<&str>) {
    match identity {
        EventIdentity::Numbered(producer, seq) => {
            (Some(producer_uuid(*producer)), Some(big(*seq)), None)
        }
        EventIdentity::ClientId(id) => (None, None, Some(id)),
        EventIdentity::Anonymous => (None, None, None),
    }
}

/// Writes rows of events of `week` that were never stored before.
pub(super) async fn insert(
    transaction: &Transaction<'_>,
    week: Week,
    rows: &[NewRow<'_>],
) -> Result<(), Failure> {
    let mut runs = Runs::default();
    for row in rows {
        runs.add(&row.event.identity, row.scope, row.event.id);
    }
    copy_rows(transaction, week, rows).await?;
    runs::save(transaction, week, &runs).await
}

/// Writes rows of events that may have been stored before. The runs may still have their numbers.
pub(super) async fn restore(
    transaction: &Transaction<'_>,
    week: Week,
    rows: &[NewRow<'_>],
) -> Result<(), Failure> {
    let mut runs = Runs::default();
    for row in rows {
        if !runs::has(transaction, week, &row.event.identity, row.scope, row.event.id).await? {
            runs.add(&row.event.identity, row.scope, row.event.id);
        }
    }
    copy_rows(transaction, week, rows).await?;
    runs::save(transaction, week, &runs).await
}

async fn copy_rows(
    transaction: &Transaction<'_>,
    week: Week,
    rows: &[NewRow<'_>],
) -> Result<(), Failure> {
    let table = partitions::name("events", week);
    let target = Target { table: &table, columns: EVENT_COLUMNS, types: &EVENT_TYPES };
    copy::rows(transaction, target, rows, |row, to| {
        let NewRow { plan, event, columns, profile, .. } = row;
        let (producer, seq, event_id) = identity(&event.identity);
        to.put(&event.id.0)?;
        to.put(&bucket_of_event(&plan.source, event))?;
        to.put(&int(event.index))?;
        to.put(&int(plan.created_day))?;
        to.put(&plan.received_ms)?;
        to.put(&columns.time_ms)?;
        to.put(&columns.ts_ms)?;
        to.put(&seq)?;
        to.put(&profile.map(|profile| big(profile.revision)))?;
        to.put(&plan.payload.0)?;
        to.put(&producer)?;
        to.put(&columns.kind.name())?;
        to.put(&kept(&columns.name))?;
        to.put(&kept(&plan.source))?;
        to.put(&columns.user_id.as_deref().map(kept))?;
        to.put(&columns.anonymous_id.as_deref().map(kept))?;
        to.put(&columns.session.as_deref().map(kept))?;
        to.put(&event_id.map(kept))?;
        to.put(&columns.monitor_json.as_deref().map(Json))?;
        to.put(&columns.context_json.as_deref().map(Json))?;
        to.put(&columns.enrichment_json.as_deref().map(Json))?;
        to.put(&columns.properties_json.as_deref().map(Json))?;
        Ok(())
    })
    .await
}

/// Replaces the times and the user of rows that are there, and what enrichers added to them. A row
/// whose user changes loses the profile, which is that of somebody else.
pub(super) async fn rewrite(
    transaction: &Transaction<'_>,
    week: Week,
    rewrites: &[(RowId, &EventColumns)],
) -> Result<(), Failure> {
    let sql = REWRITE.replace("{EVENTS}", &partitions::name("events", week));
    let statement = transaction.prepare_cached(&sql).await?;
    for (id, columns) in rewrites {
        transaction
            .execute(
                &statement,
                &[
                    &id.0,
                    &columns.ts_ms,
                    &columns.time_ms,
                    &columns.enrichment_json.as_deref().map(Json),
                    &columns.user_id.as_deref().map(kept),
                    &columns.anonymous_id.as_deref().map(kept),
                ],
            )
            .await?;
    }
    Ok(())
}

/// Records how arrivals ended that have no row in `events`.
pub(super) async fn add_not_stored(
    transaction: &Transaction<'_>,
    not_stored: &[NotStored<'_>],
    now_ms: i64,
) -> Result<(), Failure> {
    let target = Target { table: "outcomes", columns: OUTCOME_COLUMNS, types: &OUTCOME_TYPES };
    copy::rows(transaction, target, not_stored, |arrival, to| {
        let NotStored { plan, event, outcome, reason, content } = arrival;
        let (producer, seq, event_id) = identity(&event.identity);
        to.put(&event.id.0)?;
        to.put(&bucket_of_event(&plan.source, event))?;
        to.put(&int(event.index))?;
        to.put(&plan.received_ms)?;
        to.put(&now_ms)?;
        to.put(&seq)?;
        to.put(&producer)?;
        to.put(&plan.payload.0)?;
        to.put(&outcome.name())?;
        to.put(&reason.as_ref().map(|(reason, _)| reason.code()))?;
        to.put(&reason.as_ref().map(|(_, detail)| kept(detail)))?;
        to.put(&kept(&plan.source))?;
        to.put(&event_id.map(kept))?;
        let content = content.as_ref().and_then(|content| serde_json::to_string(content).ok());
        to.put(&content.as_deref().map(kept))?;
        Ok(())
    })
    .await
}

/// Deletes the outcome of arrivals that were refused and are now stored.
///
/// # Errors
/// [`Failure`], a conflict if another transaction has accepted one.
pub(super) async fn accept(
    transaction: &Transaction<'_>,
    accepted: &[(&Plan, RowId)],
) -> Result<(), Failure> {
    if accepted.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = accepted.iter().map(|(_, id)| id.0).collect();
    let statement = transaction.prepare_cached(ACCEPT).await?;
    if transaction.execute(&statement, &[&ids]).await? != ids.len() as u64 {
        return Err(Failure::Raced);
    }
    let mut counts = std::collections::BTreeMap::<Uuid, i32>::new();
    for (plan, _) in accepted {
        *counts.entry(plan.payload.0).or_default() += 1;
    }
    let (payloads, counts): (Vec<Uuid>, Vec<i32>) = counts.into_iter().unzip();
    let statement = transaction.prepare_cached(COUNT_ACCEPTED).await?;
    transaction.execute(&statement, &[&payloads, &counts]).await?;
    Ok(())
}

/// Records which arrival each client id belongs to.
///
/// # Errors
/// [`Failure`], a conflict if another transaction gave an id to another arrival.
pub(super) async fn add_client_ids(
    transaction: &Transaction<'_>,
    client_ids: &[ClientIdWrite<'_>],
) -> Result<(), Failure> {
    // The last write of a key counts: a refused arrival may be followed by one that is stored.
    let mut last = std::collections::BTreeMap::new();
    for write in client_ids {
        last.insert((write.key.id, write.key.source, key_kind(&write.key)), write);
    }
    if last.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = last.keys().map(|(id, ..)| kept(id)).collect();
    let sources: Vec<_> = last.keys().map(|(_, source, _)| kept(source)).collect();
    let kinds: Vec<i16> = last.keys().map(|(.., kind)| *kind).collect();
    let buckets: Vec<i16> =
        last.keys().map(|(id, source, _)| bucket_of_client_id(source, id)).collect();
    let refused: Vec<bool> = last.values().map(|write| write.owner.is_refused).collect();
    let owners: Vec<Uuid> = last.values().map(|write| write.owner.arrival.0).collect();
    let received: Vec<i64> = last.values().map(|write| write.received_ms).collect();
    let statement = transaction.prepare_cached(ADD_IDS).await?;
    let written = transaction
        .execute(&statement, &[&ids, &sources, &kinds, &buckets, &refused, &owners, &received])
        .await?;
    if written != last.len() as u64 {
        return Err(Failure::Raced);
    }
    Ok(())
}

//! Pruning: removing weeks of events, and what the other tables hold about them, a limited number
//! of rows in one transaction.
//!
//! Producers' ledgers stay, so that completeness stays provable.

use deadpool_postgres::Transaction;
use uuid::Uuid;

use super::{profiles, weeks};
use crate::store::postgres::columns::{get, int};
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::deliveries::dead_letters;
use crate::store::postgres::moving::record;
use crate::store::postgres::partitions;
use crate::store::postgres::shards::gate;
use crate::store::postgres::store::PostgresStore;
use crate::store::postgres::tallies;
use crate::store::week::first_row_at;
use crate::store::{Pruned, RetentionLimits, RowId, StoreError, Week};

/// The most rows of one table that one transaction deletes.
const ROWS_MAX: i64 = 2_000;
/// The most tallies whose values one transaction looks through.
const TALLIES_MAX: u32 = 200;
/// The most weeks that are read: more than there will ever be.
const WEEKS_MAX: usize = 100_000;

/// How many bytes a week's partitions take.
pub(crate) const BYTES: &str = "SELECT coalesce(sum(pg_total_relation_size(to_regclass(name))), 0)::bigint FROM unnest($1::text[]) AS name";
/// Deletes ids that clients gave and that are old.
pub(crate) const IDS: &str = "DELETE FROM event_ids WHERE (event_id, source, key_kind) IN \
     (SELECT event_id, source, key_kind FROM event_ids WHERE received_ms < $1 ORDER BY received_ms LIMIT $2 \
     FOR UPDATE SKIP LOCKED)";
/// Deletes outcomes of what was received long ago.
pub(crate) const OUTCOMES: &str = "DELETE FROM outcomes WHERE id IN \
     (SELECT id FROM outcomes WHERE id < $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)";
/// Deletes marks of payloads that were received long ago.
pub(crate) const APPLIED: &str = "DELETE FROM applied WHERE payload_id IN \
     (SELECT payload_id FROM applied WHERE payload_id < $1 ORDER BY payload_id LIMIT $2 FOR UPDATE SKIP LOCKED)";

/// The weeks to remove.
async fn due(transaction: &Transaction<'_>, keep: &RetentionLimits) -> Result<Vec<Week>, Failure> {
    if record::is_held(transaction).await? {
        return Ok(Vec::new());
    }
    Ok(keep.weeks_to_remove(sizes(transaction, keep.events_bytes.is_some()).await?))
}

/// The weeks with events, newest first, and how many bytes each takes, if that is asked for.
async fn sizes(
    transaction: &Transaction<'_>,
    with_bytes: bool,
) -> Result<Vec<(Week, u64)>, Failure> {
    let all = (Week::from_number(0), Week::from_number(i32::MAX.cast_unsigned()));
    let mut sized = Vec::new();
    for week in weeks::between(transaction, all, WEEKS_MAX).await? {
        let bytes = if with_bytes { bytes(transaction, week).await? } else { 0 };
        sized.push((week, bytes));
    }
    Ok(sized)
}

async fn bytes(transaction: &Transaction<'_>, week: Week) -> Result<u64, Failure> {
    let names: Vec<String> =
        partitions::OF_EVENTS.iter().map(|table| partitions::name(table, week)).collect();
    let statement = transaction.prepare_cached(BYTES).await?;
    let row = transaction.query_one(&statement, &[&names]).await?;
    Ok(u64::try_from(get::<i64>(&row, 0)?).unwrap_or(0))
}

/// Removes a week's events, unless another server did.
async fn remove(transaction: &Transaction<'_>, week: Week, now_ms: i64) -> Result<(), Failure> {
    partitions::lock(transaction).await?;
    if record::is_held(transaction).await? || gate::is_moving(transaction).await? {
        return Ok(());
    }
    if !partitions::exists(transaction, "events", week).await? {
        return Ok(());
    }
    // Who reads or writes other weeks waits only while the partitions are dropped, and not while
    // this waits for them.
    let events = partitions::name("events", week);
    let sql = format!(
        "SET LOCAL lock_timeout = '3s'; SET LOCAL statement_timeout = '10min'; \
         LOCK TABLE {events} IN EXCLUSIVE MODE"
    );
    transaction.batch_execute(&sql).await?;
    let count = transaction.query_one(&format!("SELECT count(*) FROM {events}"), &[]).await?;
    let events: i64 = get(&count, 0)?;
    let sql = "UPDATE weeks SET is_removed = true, removed_ms = $2, removed_events = removed_events + $3 \
               WHERE week = $1";
    transaction.execute(sql, &[&int(week.number()), &now_ms, &events]).await?;
    for table in partitions::OF_EVENTS {
        let sql = format!("DROP TABLE {}", partitions::name(table, week));
        transaction.batch_execute(&sql).await?;
    }
    Ok(())
}

/// Deletes rows that nothing needs any more.
async fn rows(transaction: &Transaction<'_>, keep: &RetentionLimits) -> Result<u64, Failure> {
    if record::is_held(transaction).await? || gate::is_moving(transaction).await? {
        return Ok(0);
    }
    let ids_from_ms = keep.client_ids_from_ms();
    let statement = transaction.prepare_cached(IDS).await?;
    let mut rows = transaction.execute(&statement, &[&ids_from_ms, &ROWS_MAX]).await?;
    let (oldest, removed) = weeks::ends(transaction).await?;
    let Some(from_ms) = keep.outcomes_from_ms(oldest, removed) else { return Ok(rows) };
    // Row ids and payload ids both begin with the time of receipt.
    let from: Uuid = first_row_at(from_ms).0;
    for sql in [OUTCOMES, APPLIED] {
        let statement = transaction.prepare_cached(sql).await?;
        rows += transaction.execute(&statement, &[&from, &ROWS_MAX]).await?;
    }
    rows += profiles::prune(transaction, from_ms, ROWS_MAX).await?;
    rows += dead_letters::prune(transaction, RowId(from), ROWS_MAX).await?;
    rows += tallies::prune(transaction, Week::of_ms(from_ms), TALLIES_MAX).await?;
    Ok(rows)
}

impl PostgresStore {
    pub(super) async fn sizes_of_weeks(&self) -> Result<Vec<(Week, u64)>, StoreError> {
        let reading = self.database.read("read the sizes of weeks", |snapshot| {
            Box::pin(async move { sizes(snapshot, true).await })
        });
        reading.await
    }

    pub(super) async fn prune_all(&self, keep: RetentionLimits) -> Result<Pruned, StoreError> {
        let finding = self.database.read("find weeks beyond the retention limits", |snapshot| {
            Box::pin(async move { due(snapshot, &keep).await })
        });
        let due = finding.await?;
        for week in &due {
            let week = *week;
            let removing = self.database.transact("remove a week of events", move |transaction| {
                Box::pin(async move { remove(transaction, week, keep.now_ms).await })
            });
            removing.await?;
            self.database.partitions.forget();
            tracing::info!(%week, "removed a week of events: it is beyond the retention limits");
        }
        let pruning = self.database.transact("prune", move |transaction| {
            Box::pin(async move { rows(transaction, &keep).await })
        });
        Ok(Pruned { weeks: due.len() as u64, rows: pruning.await? })
    }
}

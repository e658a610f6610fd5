//! Deletes payloads that are old enough and settled.
//!
//! A week with many of them is dropped as a whole: nothing has to be read again, or be vacuumed.
//! Other payloads are deleted a few at a time.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deadpool_postgres::Transaction;
use tokio::time::Instant;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use super::queue::all_shares;
use crate::store::postgres::columns::{count, get};
use crate::store::postgres::connection::database::Database;
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::moving::record;
use crate::store::postgres::partitions;
use crate::store::{RowId, StoreError, Week};

/// The most payloads that one transaction deletes.
const PRUNED_MAX: i64 = 100;
/// The most failed and leased payloads that pruning looks past. If more wait, it deletes nothing.
const HELD_MAX: i64 = 1_000;
/// The fewest payloads of a week that are worth a lock on the whole table.
const DROPPED_MIN: i64 = 1_000;
const DOING: &str = "prune payloads";

/// The partitions, the oldest week first, each with the first id that it may hold.
const PARTITIONS: &str = "SELECT c.relname::text, substring(pg_get_expr(c.relpartbound, c.oid) FROM '''([0-9a-f-]{36})''')::uuid AS first \
     FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid \
     WHERE i.inhparent = 'payloads'::regclass ORDER BY first";
/// Whether anything between two ids still needs its payload.
pub(crate) const NEEDED: &str = "SELECT (SELECT id FROM payload_queue WHERE id >= $1 AND id < $2 ORDER BY id LIMIT 1) IS NOT NULL \
     OR (SELECT id FROM set_aside WHERE id >= $1 AND id < $2 AND discarded_ms IS NULL ORDER BY id LIMIT 1) IS NOT NULL";
/// Of those that are set aside, the discarded ones. They stay counted.
const FORGET_WEEK: &str = "DELETE FROM set_aside WHERE id >= $1 AND id < $2";
/// The first that nobody has tried yet, of each share. Everything before it was tried or settled.
pub(crate) const FIRST_FRESH: &str = "SELECT found.id FROM unnest($1::smallint[]) AS shares (share) CROSS JOIN LATERAL \
     (SELECT id FROM payload_queue AS queue WHERE queue.share = shares.share AND due_ms = 0 ORDER BY id LIMIT 1) AS found \
     ORDER BY found.id LIMIT 1";
/// The oldest payloads that nobody needs, of a limited number of them. Each is looked up on its
/// own: with an offset, the planner cannot make joins of the conditions that read whole tables.
pub(crate) const OLDEST: &str = "SELECT payload.id FROM payloads AS payload JOIN \
     (SELECT id FROM payloads AS oldest WHERE id < $1 \
      AND NOT EXISTS (SELECT FROM set_aside AS aside WHERE aside.id = oldest.id AND discarded_ms IS NULL OFFSET 0) \
      ORDER BY id LIMIT $3) AS oldest ON payload.id = oldest.id \
     WHERE received_ms < $2 AND NOT EXISTS (SELECT FROM payload_queue AS queue WHERE queue.id = payload.id OFFSET 0) \
     ORDER BY payload.id LIMIT $4 FOR UPDATE OF payload SKIP LOCKED";
/// Deletes payloads that are locked, unless someone began to need one before that.
pub(crate) const DELETE: &str = "DELETE FROM payloads AS payload WHERE id = ANY ($1) \
     AND NOT EXISTS (SELECT FROM payload_queue AS queue WHERE queue.id = payload.id OFFSET 0) \
     AND NOT EXISTS (SELECT FROM set_aside AS aside WHERE aside.id = payload.id AND discarded_ms IS NULL OFFSET 0) \
     RETURNING id";
pub(crate) const FORGET: &str = "DELETE FROM set_aside WHERE id = ANY ($1)";

/// How long no week is dropped after someone read for so long that it was given up.
const PAUSE: Duration = Duration::from_mins(1);

/// Keeps weeks from being dropped for some time, because each try lets writers wait.
#[derive(Debug, Default)]
pub(super) struct Pause(Mutex<Option<Instant>>);

impl Pause {
    fn began(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) {
        *self.began() = Some(Instant::now());
    }

    fn is_on(&self) -> bool {
        self.began().is_some_and(|began| began.elapsed() < PAUSE)
    }
}

/// Deletes the oldest payloads if they are settled and were received before `before_ms`. Returns
/// how many.
pub(super) async fn prune(
    database: &Database,
    pause: &Pause,
    before_ms: i64,
) -> Result<u64, StoreError> {
    for week in weeks(database).await.map_err(|failure| database.failed(failure, DOING))? {
        if week.to_ms() > before_ms || pause.is_on() {
            break;
        }
        let dropped = drop_week(database, week, before_ms).await;
        match dropped.map_err(|failure| database.failed(failure, DOING))? {
            Dropped::Payloads(0) | Dropped::Nothing => {}
            Dropped::Payloads(payloads) => return Ok(payloads),
            Dropped::Later => pause.begin(),
        }
    }
    database.transact(DOING, |transaction| Box::pin(delete_oldest(transaction, before_ms))).await
}

/// The weeks that have a partition, the oldest first.
async fn weeks(database: &Database) -> Result<Vec<Week>, Failure> {
    let rows = database.client().await?.query(PARTITIONS, &[]).await?;
    let week = |row| Ok(Week::of_row(RowId(get(row, 1)?)));
    rows.iter().map(week).collect()
}

/// The outcome of dropping a week.
enum Dropped {
    /// It is gone, with this many payloads.
    Payloads(u64),
    /// Someone needs some of it, or it is not worth it.
    Nothing,
    /// Someone reads for so long that writers would wait behind this.
    Later,
}

/// Drops a week if that is worth it and nobody needs any of its payloads.
async fn drop_week(database: &Database, week: Week, before_ms: i64) -> Result<Dropped, Failure> {
    let payloads = database.transaction(|transaction| {
        Box::pin(async move { count_droppable(transaction, week, before_ms).await })
    });
    let Some(payloads) = payloads.await? else { return Ok(Dropped::Nothing) };
    let dropped = database.transaction(|transaction| Box::pin(drop_unneeded(transaction, week)));
    match dropped.await {
        Ok(true) => {
            database.partitions.forget();
            tracing::info!(%week, payloads, "deleted the payloads of a week");
            Ok(Dropped::Payloads(payloads))
        }
        Ok(false) => Ok(Dropped::Nothing),
        Err(Failure::Postgres(error)) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
            Ok(Dropped::Later)
        }
        Err(failure) => Err(failure),
    }
}

/// How many payloads a week has, if it may be dropped: none, or so many that it is worth it, all
/// of them old enough. Not under a lock, because counting takes long.
async fn count_droppable(
    transaction: &Transaction<'_>,
    week: Week,
    before_ms: i64,
) -> Result<Option<u64>, Failure> {
    if !partitions::exists(transaction, "payloads", week).await?
        || needed(transaction, week).await?
    {
        return Ok(None);
    }
    let partition = partitions::name("payloads", week);
    let some =
        format!("SELECT count(*) FROM (SELECT FROM {partition} LIMIT {DROPPED_MIN}) AS found");
    let some: i64 = get(&transaction.query_one(&some, &[]).await?, 0)?;
    if some == 0 {
        return Ok(Some(0));
    }
    if some < DROPPED_MIN {
        return Ok(None);
    }
    transaction.batch_execute("SET LOCAL statement_timeout = '10min'").await?;
    let all = format!("SELECT count(*), max(received_ms) FROM {partition}");
    let all = transaction.query_one(&all, &[]).await?;
    let newest: Option<i64> = get(&all, 1)?;
    Ok(if newest.is_some_and(|newest| newest >= before_ms) { None } else { Some(count(&all, 0)?) })
}

/// Drops a week unless someone needs one of its payloads. Nobody can begin to meanwhile: to stage a
/// payload, or to take one back that was discarded, takes a lock on the table.
async fn drop_unneeded(transaction: &Transaction<'_>, week: Week) -> Result<bool, Failure> {
    // Whoever wants to write waits behind this lock, so it waits for readers only briefly itself.
    transaction.batch_execute("SET LOCAL lock_timeout = '100ms'").await?;
    partitions::lock(transaction).await?;
    transaction.batch_execute("LOCK TABLE ONLY payloads IN ACCESS EXCLUSIVE MODE").await?;
    if record::is_held(transaction).await? || needed(transaction, week).await? {
        return Ok(false);
    }
    let (first, end) = ids(week);
    transaction.execute(FORGET_WEEK, &[&first, &end]).await?;
    let partition = partitions::name("payloads", week);
    transaction.batch_execute(&format!("DROP TABLE IF EXISTS {partition}")).await?;
    Ok(true)
}

async fn needed(transaction: &Transaction<'_>, week: Week) -> Result<bool, Failure> {
    let (first, end) = ids(week);
    let needed = transaction.prepare_cached(NEEDED).await?;
    get(&transaction.query_one(&needed, &[&first, &end]).await?, 0)
}

/// The first id of a week, and the first after it.
fn ids(week: Week) -> (Uuid, Uuid) {
    (week.first_row().0, Week::from_number(week.number() + 1).first_row().0)
}

/// Deletes the oldest payloads that nobody needs.
async fn delete_oldest(transaction: &Transaction<'_>, before_ms: i64) -> Result<u64, Failure> {
    if record::is_held(transaction).await? {
        return Ok(0);
    }
    let find = transaction.prepare_cached(FIRST_FRESH).await?;
    let fresh = transaction.query_opt(&find, &[&all_shares()]).await?;
    let fresh: Uuid = fresh.map_or(Ok(Uuid::max()), |row| get(&row, 0))?;
    let looked_at = PRUNED_MAX + HELD_MAX;
    let find = transaction.prepare_cached(OLDEST).await?;
    let oldest = transaction.query(&find, &[&fresh, &before_ms, &looked_at, &PRUNED_MAX]).await?;
    let oldest: Vec<Uuid> = oldest.iter().map(|row| get(row, 0)).collect::<Result<_, _>>()?;
    if oldest.is_empty() {
        return Ok(0);
    }
    let delete = transaction.prepare_cached(DELETE).await?;
    let deleted = transaction.query(&delete, &[&oldest]).await?;
    let deleted: Vec<Uuid> = deleted.iter().map(|row| get(row, 0)).collect::<Result<_, _>>()?;
    let forget = transaction.prepare_cached(FORGET).await?;
    transaction.execute(&forget, &[&deleted]).await?;
    Ok(deleted.len() as u64)
}

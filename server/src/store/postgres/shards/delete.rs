//! Deleting a chunk of buckets where it was, in one transaction of the source.

use std::pin::pin;

use deadpool_postgres::Transaction;
use futures_util::StreamExt;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::copy::{Tick, UNLIMITED};
use super::counts::{Counted, MovedCounts, MovedEvent, MovedOutcome, SinkCount};
use super::database::ShardDatabase;
use super::error::ShardError;
use super::gate::Gate;
use super::record::{Record, is_done, record};
use super::tables::weeks;
use crate::store::postgres::columns::{get, text, text_or_null};
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::partitions;
use crate::store::shard_map;
use crate::store::{Outcome, Week};

const QUEUE: &str = "DELETE FROM delivery_queue AS q USING held_deliveries AS h \
     WHERE q.sink = h.sink AND q.event_id = h.event_id RETURNING q.sink";
const HELD: &str = "DELETE FROM held_deliveries";
const LETTERS: &str = "DELETE FROM {TABLE} AS l USING {EVENTS} AS e \
     WHERE e.id = l.event_id AND e.bucket = ANY ($1) RETURNING l.sink";
const DELIVERIES: &str =
    "DELETE FROM {TABLE} AS l USING {EVENTS} AS e WHERE e.id = l.event_id AND e.bucket = ANY ($1)";
const EVENTS: &str = "DELETE FROM {EVENTS} WHERE bucket = ANY ($1) \
     RETURNING source, name, received_ms, seq IS NOT NULL, payload_id, bucket";
const OUTCOMES: &str = "DELETE FROM outcomes WHERE bucket = ANY ($1) \
     RETURNING id, state, reason, source, received_ms, seq IS NOT NULL, payload_id, bucket";
const PRODUCERS: &str = "DELETE FROM producers WHERE bucket = ANY ($1) \
     RETURNING source, made, received, declared, missing";
const CLIENT_IDS: &str = "DELETE FROM event_ids WHERE bucket = ANY ($1)";

/// Deletes a chunk, unless that was done. Returns what it was. Until `left`, the live view may have
/// events of it.
pub(super) async fn chunk(
    from: &ShardDatabase,
    (epoch, moving, left): (u64, &shard_map::Moving, i64),
    now_ms: i64,
    tick: Tick<'_>,
) -> Result<MovedCounts, ShardError> {
    let work = |failure: Failure| ShardError::work("delete buckets", &from.place(), &failure);
    let mut client = from.database.client().await.map_err(work)?;
    let transaction = client.transaction().await.map_err(|it| work(it.into()))?;
    let deleting = async {
        transaction.batch_execute(UNLIMITED).await?;
        if let Some(counts) = is_done(&transaction, moving).await? {
            return Ok(Some(counts));
        }
        let mut counted = Counted::taken();
        if !everything(&transaction, &moving.buckets.numbers(), &mut counted, tick).await? {
            return Ok(None);
        }
        // Before the counts that other transactions wait for: they hold the gate.
        Gate::take(&transaction, epoch).await?;
        let (moved, _) = counted.write(&transaction, &transaction).await?;
        let done = Record { moved: &moved, counts: None, at: None, left: Some(left) };
        record(&transaction, moving, now_ms, &done).await?;
        Ok(Some(moved))
    };
    match deleting.await.map_err(work)? {
        Some(counts) => {
            transaction.commit().await.map_err(|it| work(Failure::of_commit(it)))?;
            Ok(counts)
        }
        None => Err(ShardError::Stopped),
    }
}

async fn everything(
    transaction: &Transaction<'_>,
    buckets: &[i16],
    counted: &mut Counted,
    tick: Tick<'_>,
) -> Result<bool, Failure> {
    for row in transaction.query(QUEUE, &[]).await? {
        counted.delivery(get(&row, 0)?, |it| &mut it.waiting);
    }
    transaction.execute(HELD, &[]).await?;
    for week in weeks(transaction).await? {
        deliveries(transaction, week, buckets, counted).await?;
        let sql = format!("DELETE FROM {} WHERE bucket = ANY ($1)", partitions::name("runs", week));
        transaction.execute(&sql, &[&buckets]).await?;
        let sql = EVENTS.replace("{EVENTS}", &partitions::name("events", week));
        each(transaction, &sql, buckets, |row| event(row, counted)).await?;
        if counted.is_full() {
            counted.write_tallies(transaction).await?;
        }
        if !tick(counted.moved.events) {
            return Ok(false);
        }
    }
    each(transaction, OUTCOMES, buckets, |row| outcome(row, counted)).await?;
    each(transaction, PRODUCERS, buckets, |row| {
        let sums = [get(row, 1)?, get(row, 2)?, get(row, 3)?, get(row, 4)?];
        counted.producer(&text(row, 0)?, sums);
        Ok(())
    })
    .await?;
    transaction.execute(CLIENT_IDS, &[&buckets]).await?;
    Ok(true)
}

async fn deliveries(
    transaction: &Transaction<'_>,
    week: Week,
    buckets: &[i16],
    counted: &mut Counted,
) -> Result<(), Failure> {
    let events = partitions::name("events", week);
    let on = |sql: &str, table: &str| sql.replace("{TABLE}", table).replace("{EVENTS}", &events);
    let lists: [(&str, SinkCount); 2] =
        [("dead_letters", |it| &mut it.dead), ("discarded_letters", |it| &mut it.discarded)];
    for (table, of) in lists {
        for row in transaction.query(&on(LETTERS, table), &[&buckets]).await? {
            counted.delivery(get(&row, 0)?, of);
        }
    }
    let sql = on(DELIVERIES, &partitions::name("deliveries", week));
    transaction.execute(&sql, &[&buckets]).await?;
    Ok(())
}

/// Looks at each row that a statement returns.
async fn each(
    transaction: &Transaction<'_>,
    sql: &str,
    buckets: &[i16],
    mut look: impl FnMut(&Row) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let parameters: [&(dyn ToSql + Sync); 1] = [&buckets];
    let mut rows = pin!(transaction.query_raw(sql, parameters).await?);
    while let Some(row) = rows.next().await {
        look(&row?)?;
    }
    Ok(())
}

fn event(row: &Row, counted: &mut Counted) -> Result<(), Failure> {
    counted.event(&MovedEvent {
        source: &text(row, 0)?,
        name: &text(row, 1)?,
        received_ms: get(row, 2)?,
        has_number: get(row, 3)?,
        payload: get(row, 4)?,
        bucket: get(row, 5)?,
        properties: None,
    });
    Ok(())
}

fn outcome(row: &Row, counted: &mut Counted) -> Result<(), Failure> {
    counted.outcome(&MovedOutcome {
        id: get(row, 0)?,
        is_duplicate: get::<&str>(row, 1)? == Outcome::Duplicate.name(),
        reason: text_or_null(row, 2)?.as_deref(),
        detail: None,
        source: &text(row, 3)?,
        received_ms: get(row, 4)?,
        has_number: get(row, 5)?,
        payload: get(row, 6)?,
        bucket: get(row, 7)?,
    });
    Ok(())
}

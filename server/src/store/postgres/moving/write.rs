//! Writing rows: by a copy, or one at a time where a running server may have rows, too.

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use lamplight_wire::Producer;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::cell::Cell;
use super::tables::{Computed, Fill, Layout, Writing, layout, number, table_of};
use crate::store::moving::{Batch, Part, Row, Table, Value};
use crate::store::postgres::columns::{
    bucket_of_client_id, bucket_of_id, bucket_of_producer, get, hash, text,
};
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::copy::{self, Target};
use crate::store::share::SHARES;

/// Adds payloads to what waits or is set aside. Who takes in others adds to other lanes.
const COUNT_QUEUE: &str =
    "UPDATE queue_counts SET payloads = payloads + $1, events = events + $2 WHERE lane = 0";
const COUNT_ASIDE: &str = "UPDATE queue_counts SET set_aside = set_aside + $1, \
     set_aside_events = set_aside_events + $2 WHERE lane = 0";

/// The numbers that the database has given sinks, by their names.
pub(super) type Sinks = HashMap<String, i64>;

/// Reads the numbers of sinks.
pub(super) async fn sinks(transaction: &Transaction<'_>) -> Result<Sinks, Failure> {
    let rows = transaction.query("SELECT name, id FROM sinks", &[]).await?;
    rows.iter().map(|row| Ok((text(row, 0)?, get::<i32>(row, 1)?.into()))).collect()
}

/// Writes rows.
pub(super) async fn rows(
    transaction: &Transaction<'_>,
    part: Part,
    batch: &Batch,
    sinks: &Sinks,
) -> Result<(), Failure> {
    if batch.rows.is_empty() {
        return Ok(());
    }
    let layout = layout(part.table);
    match layout.writing {
        Writing::Each(sql) => {
            let statement = transaction.prepare_cached(sql).await?;
            for row in &batch.rows {
                let cells = cells(&layout, row);
                let cells: Vec<&(dyn ToSql + Sync)> = cells.iter().map(|it| it as _).collect();
                transaction.execute(&statement, &cells).await?;
            }
        }
        Writing::Copied(columns) => copy(transaction, part, &layout, columns, batch, sinks).await?,
    }
    match part.table {
        Table::PayloadQueue => count(transaction, COUNT_QUEUE, &batch.rows, 3, |_| true).await,
        Table::SetAside => {
            let is_aside = |row: &Row| row.last() == Some(&Value::Null);
            count(transaction, COUNT_ASIDE, &batch.rows, 2, is_aside).await
        }
        _ => Ok(()),
    }
}

/// Adds what was written to the counts of the queue.
async fn count(
    transaction: &Transaction<'_>,
    sql: &str,
    rows: &[Row],
    events_at: usize,
    counts: impl Fn(&Row) -> bool,
) -> Result<(), Failure> {
    let (mut payloads, mut events) = (0_i64, 0_i64);
    for row in rows.iter().filter(|row| counts(row)) {
        payloads += 1;
        events += row.get(events_at).and_then(Value::int).unwrap_or_default();
    }
    transaction.execute(sql, &[&payloads, &events]).await?;
    Ok(())
}

fn cells<'v>(layout: &Layout, row: &'v Row) -> Vec<Cell<'v>> {
    let cell = |(at, value)| Cell { value, is_raw: layout.is_raw(at) };
    row.iter().enumerate().map(cell).collect()
}

async fn copy(
    transaction: &Transaction<'_>,
    part: Part,
    layout: &Layout,
    columns: &[(&str, Fill)],
    batch: &Batch,
    sinks: &Sinks,
) -> Result<(), Failure> {
    let table = table_of(part);
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let names = names.join(", ");
    let types = types(transaction, &table, &names).await?;
    let target = Target { table: &table, columns: &names, types: &types };
    copy::rows(transaction, target, &batch.rows, |row, to| {
        for (_, from) in columns {
            match from {
                Fill::Column(at) => {
                    let value = row.get(*at).ok_or(Failure::Column("a column of a row"))?;
                    to.put(&Cell { value, is_raw: layout.is_raw(*at) })?;
                }
                Fill::Computed(by) => {
                    let value = computed(*by, row, part, sinks)
                        .ok_or(Failure::Column("what a column is computed from"))?;
                    to.put(&Cell { value: &value, is_raw: true })?;
                }
            }
        }
        Ok(())
    })
    .await
}

/// The types of columns.
async fn types(
    transaction: &Transaction<'_>,
    table: &str,
    names: &str,
) -> Result<Vec<Type>, Failure> {
    let sql = format!("SELECT {names} FROM {table}");
    let statement = transaction.prepare_cached(&sql).await?;
    Ok(statement.columns().iter().map(|column| column.type_().clone()).collect())
}

fn computed(by: Computed, row: &Row, part: Part, sinks: &Sinks) -> Option<Value> {
    let id = |at: usize| Uuid::from_slice(row.get(at)?.bytes()?).ok();
    let producer = |at: usize| Some(Producer::from_bits(id(at)?.as_u128()));
    let text = |at: usize| row.get(at)?.text();
    let bucket = match by {
        Computed::ProducerBucket(at) => bucket_of_producer(producer(at)?),
        Computed::ArrivalBucket([row_id, producer_at, seq, client_id, source]) => {
            let is_numbered = row.get(seq)?.int().is_some();
            match (producer(producer_at).filter(|_| is_numbered), text(client_id)) {
                (Some(producer), _) => bucket_of_producer(producer),
                (None, Some(client_id)) => bucket_of_client_id(text(source)?, client_id),
                (None, None) => bucket_of_id(id(row_id)?),
            }
        }
        Computed::ClientIdBucket(client_id, source) => {
            bucket_of_client_id(text(source)?, text(client_id)?)
        }
        Computed::Hash(at) => return Some(Value::Bytes(hash(text(at)?).as_bytes().to_vec())),
        Computed::Share(at) => {
            let share = id(at)?.as_u128() % u128::from(SHARES);
            return i64::try_from(share).ok().map(Value::Int);
        }
        Computed::Sink(at) => return sinks.get(text(at)?).copied().map(Value::Int),
        Computed::Week => return part.week.map(number).map(Value::Int),
    };
    Some(Value::Int(bucket.into()))
}

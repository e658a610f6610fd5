//! Reading rows in the order of their keys.

use deadpool_postgres::Transaction;
use tokio_postgres::Row as DatabaseRow;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::cell::{Cell, value};
use super::profile_keys::ProfileKeys;
use super::tables::layout;
use crate::store::moving::{Batch, Key, Part, Row, Table};
use crate::store::postgres::connection::failure::Failure;

/// How many rows are fetched at once. Each may have a megabyte.
const FETCHED: i32 = 50;

/// Some rows of a part, from a place on.
pub(super) async fn batch(
    transaction: &Transaction<'_>,
    part: Part,
    after: Option<&Key>,
    profile_keys: &ProfileKeys,
) -> Result<Batch, Failure> {
    let layout = layout(part.table);
    let (from, keys, columns) = (layout.read_from(part), layout.keys, layout.columns);
    let key_count = keys.split(", ").count();
    let places: Vec<String> = (1..=key_count).map(|at| format!("${at}")).collect();
    let condition = match after {
        Some(_) => format!("WHERE ({keys}) > ({})", places.join(", ")),
        None => String::new(),
    };
    let limit = Batch::ROWS_MAX;
    let sql =
        format!("SELECT {keys}, {columns} FROM {from} {condition} ORDER BY {keys} LIMIT {limit}");
    let statement = transaction.prepare_cached(&sql).await?;
    let after: Vec<Cell<'_>> = after
        .into_iter()
        .flat_map(|key| &key.0)
        .map(|value| Cell { value, is_raw: false })
        .collect();
    let after: Vec<&(dyn ToSql + Sync)> = after.iter().map(|it| it as _).collect();
    let portal = transaction.bind(&statement, &after).await?;
    let (mut batch, mut count, mut bytes) = (Batch::default(), 0, 0);
    loop {
        let fetched = transaction.query_portal(&portal, FETCHED).await?;
        if fetched.is_empty() {
            return Ok(batch);
        }
        for row in &fetched {
            let of_table = of_table(row, key_count, part, profile_keys)?;
            count += 1;
            bytes +=
                of_table.iter().flatten().map(crate::store::moving::Value::size).sum::<usize>();
            batch.rows.extend(of_table);
            if count >= Batch::ROWS_MAX || bytes >= Batch::BYTES_MAX {
                let key = (0..key_count).map(|at| value(row, at, false));
                batch.next = Some(Key(key.collect::<Result<_, _>>()?));
                return Ok(batch);
            }
        }
    }
}

/// The rows of these payloads in a part whose first column is their id.
pub(super) async fn of_payloads(
    transaction: &Transaction<'_>,
    part: Part,
    ids: &[Uuid],
) -> Result<Vec<Row>, Failure> {
    let layout = layout(part.table);
    let (from, columns) = (layout.read_from(part), layout.columns);
    let sql = format!("SELECT {columns} FROM {from} WHERE id = ANY ($1)");
    let statement = transaction.prepare_cached(&sql).await?;
    let rows = transaction.query(&statement, &[&ids]).await?;
    let keys = ProfileKeys::default();
    rows.iter().filter_map(|row| of_table(row, 0, part, &keys).transpose()).collect()
}

/// All rows of a part that has few.
pub(super) async fn all(transaction: &Transaction<'_>, part: Part) -> Result<Vec<Row>, Failure> {
    let layout = layout(part.table);
    let sql = format!("SELECT {} FROM {}", layout.columns, layout.read_from(part));
    let rows = transaction.query(&sql, &[]).await?;
    let keys = ProfileKeys::default();
    rows.iter().filter_map(|row| of_table(row, 0, part, &keys).transpose()).collect()
}

/// How many rows a part has.
pub(super) async fn count(transaction: &Transaction<'_>, part: Part) -> Result<u64, Failure> {
    let sql = format!("SELECT count(*) FROM {}", layout(part.table).read_from(part));
    crate::store::postgres::columns::count(&transaction.query_one(&sql, &[]).await?, 0)
}

/// The columns of a table, which come after `begin` others. `None` if nothing refers to the row.
fn of_table(
    row: &DatabaseRow,
    begin: usize,
    part: Part,
    profile_keys: &ProfileKeys,
) -> Result<Option<Row>, Failure> {
    let layout = layout(part.table);
    let values = (begin..row.len()).map(|at| value(row, at, layout.is_raw(at - begin)));
    let mut values = values.collect::<Result<Row, Failure>>()?;
    if part.table == Table::ProfileVersions {
        let Some(key) = values.first().and_then(|hash| profile_keys.of_hash(hash)) else {
            return Ok(None);
        };
        if let Some(first) = values.first_mut() {
            *first = key;
        }
    }
    Ok(Some(values))
}

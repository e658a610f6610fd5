//! Reading rows in the order of their keys.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params_from_iter};
use uuid::Uuid;

use super::tables::{Layout, layout};
use crate::store::moving::{Batch, Key, Row, Table, Value};
use crate::store::sqlite::file::columns::column_error;
use crate::store::sqlite::payloads::kept_body;
use crate::store::{RowId, Week};

/// Some rows of a table, from a place on.
pub(super) fn batch(
    file: &Connection,
    table: Table,
    after: Option<&Key>,
    removed: &[Week],
) -> rusqlite::Result<Batch> {
    let Layout { from, keys, columns, .. } = layout(table);
    let key_count = keys.split(',').count();
    let places: Vec<String> = (1..=key_count).map(|at| format!("?{at}")).collect();
    let condition = match after {
        Some(_) => format!("WHERE ({keys}) > ({})", places.join(", ")),
        None => String::new(),
    };
    let limit = Batch::ROWS_MAX;
    let sql =
        format!("SELECT {keys}, {columns} FROM {from} {condition} ORDER BY {keys} LIMIT {limit}");
    let mut statement = file.prepare_cached(&sql)?;
    let width = statement.column_count();
    let after = after.into_iter().flat_map(|key| key.0.iter().map(stored));
    let mut rows = statement.query(params_from_iter(after))?;
    let (mut batch, mut count, mut bytes) = (Batch::default(), 0, 0);
    while let Some(row) = rows.next()? {
        let values = (0..width).map(|at| value(row.get_ref(at)?, at));
        let mut values = values.collect::<rusqlite::Result<Row>>()?;
        let mut of_table = values.split_off(key_count);
        if table == Table::Payloads {
            kept_body::decompress_row(&mut of_table)?;
        }
        count += 1;
        bytes += of_table.iter().map(Value::size).sum::<usize>();
        if !is_outdated(table, &of_table, removed) {
            batch.rows.push(of_table);
        }
        if count >= Batch::ROWS_MAX || bytes >= Batch::BYTES_MAX {
            batch.next = Some(Key(values));
            break;
        }
    }
    Ok(batch)
}

/// How many rows a table has.
pub(super) fn count(file: &Connection, table: Table) -> rusqlite::Result<u64> {
    let sql = format!("SELECT count(*) FROM {}", layout(table).from);
    file.query_row(&sql, [], |row| row.get(0))
}

/// Whether a row is what retention has not deleted yet of a week that it removed: the log of
/// deliveries of events that are gone.
fn is_outdated(table: Table, row: &[Value], removed: &[Week]) -> bool {
    if table != Table::Deliveries || removed.is_empty() {
        return false;
    }
    let id = row.first().and_then(Value::bytes).and_then(|bytes| Uuid::from_slice(bytes).ok());
    id.is_some_and(|id| removed.contains(&Week::of_row(RowId(id))))
}

fn value(value: ValueRef<'_>, at: usize) -> rusqlite::Result<Value> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Text(text) => {
            let text = std::str::from_utf8(text).map_err(|_| column_error(at, "a text"))?;
            Value::Text(text.to_owned())
        }
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
        ValueRef::Real(_) => return Err(column_error(at, "a number")),
    })
}

/// A value, as SQLite stores it.
pub(super) fn stored(value: &Value) -> rusqlite::types::ToSqlOutput<'_> {
    rusqlite::types::ToSqlOutput::Borrowed(match value {
        Value::Null => ValueRef::Null,
        Value::Int(number) => ValueRef::Integer(*number),
        Value::Text(text) => ValueRef::Text(text.as_bytes()),
        Value::Bytes(bytes) => ValueRef::Blob(bytes),
    })
}

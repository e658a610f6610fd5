//! Pages of arrivals that are not in `events`, newest first, along one index and over a limited
//! number of rows.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::events::Conditions;
use super::trace::{REFUSED_COLUMN_COUNT, REFUSED_COLUMNS, refused};
use crate::store::sqlite::file::columns::{producer_bytes, row_id};
use crate::store::week::first_row_at;
use crate::store::{RefusedPage, RefusedQuery};

/// The most rows that one page reads.
const SCAN_ROWS_MAX: u32 = 20_000;

/// A page of refused arrivals.
pub(crate) fn page(connection: &Connection, query: &RefusedQuery) -> rusqlite::Result<RefusedPage> {
    let (sql, values) = statement(query);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut page = RefusedPage::default();
    let (mut looked_at, mut last) = (0, None);
    while let Some(row) = rows.next()? {
        if page.events.len() >= query.limit as usize || looked_at >= SCAN_ROWS_MAX {
            page.next = last;
            break;
        }
        looked_at += 1;
        last = Some(row_id(row, 0)?);
        if row.get(REFUSED_COLUMN_COUNT)? {
            page.events.push(refused(row)?);
        }
    }
    Ok(page)
}

pub(crate) fn statement(query: &RefusedQuery) -> (String, Vec<Value>) {
    let id = |id: uuid::Uuid| [Value::Blob(id.as_bytes().to_vec())];
    let (mut check, mut seek) = (Conditions::default(), Conditions::default());
    check.push("state = ?", [Value::Text(query.outcome.name().to_owned())]);
    if let Some(source) = &query.source {
        check.push("source = ?", [Value::Text(source.clone())]);
    }
    seek.push("id >= ?", id(query.from_ms.map_or(uuid::Uuid::nil(), |ms| first_row_at(ms).0)));
    if let Some(to_ms) = query.to_ms {
        seek.push("id < ?", id(first_row_at(to_ms).0));
    }
    if let Some(after) = query.after {
        seek.push("id < ?", id(after.0));
    }
    if let Some(producer) = query.producer {
        seek.push("producer = ?", [Value::Blob(producer_bytes(producer).to_vec())]);
    }
    let index = query.producer.map_or("", |_| "INDEXED BY outcomes_producer");
    let sql = format!(
        "SELECT {REFUSED_COLUMNS}, ({}) FROM outcomes {index} WHERE {} ORDER BY id DESC",
        check.sql.join(" AND "),
        seek.sql.join(" AND ")
    );
    (sql, check.values.into_iter().chain(seek.values).collect())
}

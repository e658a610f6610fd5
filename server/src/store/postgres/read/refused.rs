//! Pages of arrivals that are not in `events`, newest first, along one index and over a limited
//! number of rows.

use tokio_postgres::Row;
use uuid::Uuid;

use super::reading::Reading;
use super::statement::Statement;
use crate::store::postgres::columns::{
    get, number, payload_id, producer_uuid, row_id, small_count, text, text_or_null,
};
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::text::kept;
use crate::store::week::first_row_at;
use crate::store::{Outcome, RefusedEvent, RefusedPage, RefusedQuery, RowId};

/// The most rows that one page reads.
const SCAN_ROWS_MAX: usize = 20_000;
/// How many rows are read in one statement.
const AT_A_TIME: usize = 256;

/// What [`refused`] reads, in its order.
pub(crate) const REFUSED_COLUMNS: &str = "id, state, reason, detail, source, producer, seq, event_id, payload_id, \
     payload_index, received_ms, applied_ms, content";
/// The number of columns in [`REFUSED_COLUMNS`]. Whatever is selected after them begins here.
const REFUSED_COLUMN_COUNT: usize = 13;

/// Reads an arrival from [`REFUSED_COLUMNS`].
pub(crate) fn refused(row: &Row) -> Result<RefusedEvent, Failure> {
    let content = text_or_null(row, 12)?;
    Ok(RefusedEvent {
        id: row_id(row, 0)?,
        outcome: Outcome::from_name(get(row, 1)?).ok_or(Failure::Column("state"))?,
        reason: text_or_null(row, 2)?,
        detail: text_or_null(row, 3)?,
        source: text(row, 4)?,
        number: number(row, 5, 6)?,
        event_id: text_or_null(row, 7)?,
        payload: payload_id(row, 8)?,
        index: small_count(row, 9)?,
        received_ms: get(row, 10)?,
        applied_ms: get(row, 11)?,
        content: content.and_then(|json| serde_json::from_str(&json).ok()),
    })
}

/// A page of refused arrivals.
pub(crate) async fn page(
    reading: &Reading<'_>,
    query: &RefusedQuery,
) -> Result<RefusedPage, Failure> {
    let mut page = RefusedPage::default();
    let (mut looked_at, mut last, mut time) = (0, query.after, reading.budget());
    loop {
        let rows = statement(query, last).query(reading).await?;
        for row in &rows {
            let is_full = page.events.len() >= query.limit as usize;
            if is_full || looked_at >= SCAN_ROWS_MAX || time.is_spent() {
                page.next = last;
                return Ok(page);
            }
            looked_at += 1;
            last = Some(row_id(row, 0)?);
            if get(row, REFUSED_COLUMN_COUNT)? {
                page.events.push(refused(row)?);
            }
        }
        if rows.len() < AT_A_TIME {
            return Ok(page);
        }
    }
}

/// The next rows, last first, each with whether it is one of those that the query asks for. The
/// producer is sought and ordered by, so that no other index gives the order.
fn statement(query: &RefusedQuery, after: Option<RowId>) -> Statement {
    let mut statement = Statement::default();
    let mut tests = format!("state = {}", statement.bind(query.outcome.name()));
    if let Some(source) = &query.source {
        tests += " AND source = ";
        tests += &statement.bind(kept(source).into_owned());
    }
    let at = |ms| first_row_at(ms).0;
    let from = query.from_ms.map_or(Uuid::nil(), at);
    let to = query.to_ms.map_or(Uuid::max(), at);
    let to = to.min(after.map_or(Uuid::max(), |after| after.0));
    let (from, to) = (statement.bind(from), statement.bind(to));
    let (seek, order) = match query.producer {
        None => (format!("id >= {from} AND id < {to}"), ""),
        Some(producer) => {
            let producer = statement.bind(producer_uuid(producer));
            let seek = format!(
                "(producer, id) >= ({producer}, {from}) AND (producer, id) < ({producer}, {to}) \
                 AND producer IS NOT NULL"
            );
            (seek, "producer DESC, ")
        }
    };
    statement.sql = format!(
        "SELECT {REFUSED_COLUMNS}, ({tests}) FROM outcomes WHERE {seek} ORDER BY {order}id DESC LIMIT {AT_A_TIME}"
    );
    statement
}

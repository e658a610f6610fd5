//! Rows of events, as reads return them.

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::store::postgres::apply::versions;
use crate::store::postgres::columns::{
    get, number, payload_id, row_id, small_count, text, text_or_null,
};
use crate::store::postgres::connection::failure::Failure;
use crate::store::{EventRow, ProfileKey, RowId, Week};

/// What [`read`] reads, in its order.
pub(crate) const COLUMNS: &str = "id, type, name, source, ts_ms, time_ms, received_ms, created_day, user_id, \
     anonymous_id, session, producer, seq, event_id, payload_id, payload_index, properties::text, context::text, \
     monitor::text, enrichment::text, profile::text, profile_revision";

/// A row whose profile may still have to be read.
#[derive(Debug)]
pub(crate) struct ReadRow {
    pub(crate) event: EventRow,
    revision: Option<i64>,
}

/// Reads a row with [`COLUMNS`].
pub(crate) fn read(row: &Row) -> Result<ReadRow, Failure> {
    let event = EventRow {
        id: row_id(row, 0)?,
        kind: text(row, 1)?,
        name: text(row, 2)?,
        source: text(row, 3)?,
        ts_ms: get(row, 4)?,
        time_ms: get(row, 5)?,
        received_ms: get(row, 6)?,
        created_day: small_count(row, 7)?,
        user_id: text_or_null(row, 8)?,
        anonymous_id: text_or_null(row, 9)?,
        session: text_or_null(row, 10)?,
        number: number(row, 11, 12)?,
        event_id: text_or_null(row, 13)?,
        payload: payload_id(row, 14)?,
        index: small_count(row, 15)?,
        properties_json: get(row, 16)?,
        context_json: get(row, 17)?,
        monitor_json: get(row, 18)?,
        enrichment_json: get(row, 19)?,
        profile_json: get(row, 20)?,
        outdated_traits: Vec::new(),
    };
    Ok(ReadRow { event, revision: get(row, 21)? })
}

/// The rows with their profiles.
pub(crate) async fn with_profiles(
    transaction: &Transaction<'_>,
    rows: Vec<ReadRow>,
) -> Result<Vec<EventRow>, Failure> {
    let wanted = rows.iter().filter_map(|ReadRow { event, revision }| {
        let key = ProfileKey::new(event.user_id.as_deref(), event.anonymous_id.as_deref())?;
        Some((versions::key(key), Week::of_row(event.id), (*revision)?))
    });
    let shown = versions::shown(transaction, wanted.collect()).await?;
    let complete = |ReadRow { mut event, revision }: ReadRow| {
        if let Some(revision) = revision {
            let key = ProfileKey::new(event.user_id.as_deref(), event.anonymous_id.as_deref());
            let key = key.map(|key| (versions::key(key), Week::of_row(event.id), revision));
            event.profile_json = key.and_then(|key| shown.get(&key).cloned());
        }
        event.with_valid_unicode()
    };
    Ok(rows.into_iter().map(complete).collect())
}

/// Rows by their ids. The bounds leave out the partitions of other weeks.
pub(crate) const BY_IDS: &str =
    "SELECT {COLUMNS} FROM events WHERE id = ANY($1) AND id BETWEEN $2 AND $3";

/// The rows with these ids, of those that are there.
pub(crate) async fn by_ids(
    transaction: &Transaction<'_>,
    ids: &[RowId],
) -> Result<HashMap<RowId, EventRow>, Failure> {
    let (Some(first), Some(last)) = (ids.iter().min(), ids.iter().max()) else {
        return Ok(HashMap::new());
    };
    let (first, last) = (first.0, last.0);
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let statement = transaction.prepare_cached(&BY_IDS.replace("{COLUMNS}", COLUMNS)).await?;
    let rows = transaction.query(&statement, &[&ids, &first, &last]).await?;
    let rows = rows.iter().map(read).collect::<Result<_, _>>()?;
    let rows = with_profiles(transaction, rows).await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

//! All that is known about one event.

use lamplight_wire::Producer;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::event_row;
use super::event_scan::span;
use super::reading::Reading;
use super::refused::{REFUSED_COLUMNS, refused};
use super::runs;
use crate::store::apply::StoredLedger;
use crate::store::ledger::Ledger;
use crate::store::postgres::apply::{ledgers, weeks};
use crate::store::postgres::columns::{big, get, payload_id, producer_uuid, row_id, small_count};
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::text::kept;
use crate::store::{EventFilter, EventRef, EventTrace, Outcome, Repeat, RowId, StoredEvent, Week};

/// The most weeks that are searched for one producer's event. A producer lives as long as a page,
/// so it has one or two.
const WEEKS_MAX: usize = 64;

/// The arrival that an id of a client belongs to.
pub(crate) const OF_CLIENT_ID: &str = "SELECT id FROM event_ids WHERE event_id = $1 AND ($2::text IS NULL OR source = $2) \
     ORDER BY is_refused, key_kind DESC, received_ms LIMIT 1";
/// The row of a week with an id of a client.
pub(crate) const ROW_OF_CLIENT_ID: &str = "SELECT id FROM events WHERE event_id = $1 AND ($2::text IS NULL OR source = $2) \
     AND id >= $3 AND id < $4 ORDER BY source, id LIMIT 1";
/// An arrival with an id of a client that cannot be stored.
pub(crate) const REFUSED_OF_CLIENT_ID: &str = "SELECT id FROM outcomes WHERE event_id = $1 \
     AND ($2::text IS NULL OR source = $2) AND state = 'invalid' LIMIT 1";
/// An arrival with a number that cannot be stored.
pub(crate) const REFUSED_OF_NUMBER: &str = "SELECT id FROM outcomes WHERE producer = $1 AND seq = $2 \
     AND ($3::text IS NULL OR source = $3) AND state = 'invalid' LIMIT 1";
/// An arrival by its id.
pub(crate) const REFUSED: &str = "SELECT {COLUMNS} FROM outcomes WHERE id = $1";
/// When a payload was applied.
pub(crate) const APPLIED: &str = "SELECT applied_ms, attempt FROM applied WHERE payload_id = $1";
/// Later arrivals of a number.
pub(crate) const REPEATS_OF_NUMBER: &str = "SELECT payload_id, received_ms, applied_ms FROM outcomes \
     WHERE producer = $1 AND seq = $2 AND source = $3 AND state = 'duplicate' AND id <> $4 ORDER BY id LIMIT 100";
/// Later arrivals of an id of a client.
pub(crate) const REPEATS_OF_CLIENT_ID: &str = "SELECT payload_id, received_ms, applied_ms FROM outcomes \
     WHERE event_id = $1 AND source = $2 AND state = 'duplicate' AND id <> $3 ORDER BY id LIMIT 100";

/// Finds an event by any of its ids.
pub(crate) async fn find(
    reading: &Reading<'_>,
    event: &EventRef,
) -> Result<Option<EventTrace>, Failure> {
    match event {
        EventRef::Row(id) => by_row(reading, *id).await,
        EventRef::Number(producer, seq) => by_number(reading, *producer, *seq, None).await,
        EventRef::NumberOf(source, producer, seq) => {
            by_number(reading, *producer, *seq, Some(source)).await
        }
        EventRef::ClientId(name) => by_name(reading, name, None).await,
        EventRef::ClientIdOf(source, name) => by_name(reading, name, Some(source)).await,
    }
}

/// Client ids are pruned before the events are. Then the events themselves are searched. An event
/// that is stored comes before one of another source that cannot be, and one that came with a
/// secret key before one that anybody can have sent.
async fn by_name(
    reading: &Reading<'_>,
    name: &str,
    source: Option<&str>,
) -> Result<Option<EventTrace>, Failure> {
    let (name, source) = (kept(name), source.map(kept));
    if let Some(id) = first(reading, OF_CLIENT_ID, &[&name, &source]).await? {
        return by_row(reading, id).await;
    }
    let all = (Week::from_number(0), Week::from_number(u32::MAX));
    for week in weeks::between(reading, all, WEEKS_MAX).await? {
        let (from, to): (Uuid, Uuid) = span(&EventFilter::default(), week, None);
        let stored = first(reading, ROW_OF_CLIENT_ID, &[&name, &source, &from, &to]).await?;
        if let Some(id) = stored {
            return by_row(reading, id).await;
        }
    }
    match first(reading, REFUSED_OF_CLIENT_ID, &[&name, &source]).await? {
        Some(id) => by_row(reading, id).await,
        None => Ok(None),
    }
}

async fn first(
    reading: &Reading<'_>,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Option<RowId>, Failure> {
    let statement = reading.prepare_cached(sql).await?;
    reading.query_opt(&statement, values).await?.map(|row| row_id(&row, 0)).transpose()
}

/// Each source has numbers of its own. One that arrived comes before one that did not.
async fn by_number(
    reading: &Reading<'_>,
    producer: Producer,
    seq: u64,
    source: Option<&str>,
) -> Result<Option<EventTrace>, Failure> {
    let mut missing = None;
    for StoredLedger { ledger, .. } in ledgers::of_producer(reading, producer, source).await? {
        if ledger.received.contains(seq) {
            return arrived(reading, producer, seq, &ledger).await;
        }
        missing = missing.or_else(|| ledger.missing(producer, seq));
    }
    Ok(missing)
}

/// A number that arrived, according to its ledger.
async fn arrived(
    reading: &Reading<'_>,
    producer: Producer,
    seq: u64,
    ledger: &Ledger,
) -> Result<Option<EventTrace>, Failure> {
    let heard = ledger.heard_weeks();
    let source = Some(kept(&ledger.source)).filter(|_| !ledger.is_shared);
    let key = (producer_uuid(producer), big(seq));
    if let Some(id) = first(reading, REFUSED_OF_NUMBER, &[&key.0, &key.1, &source]).await? {
        return by_row(reading, id).await;
    }
    for week in weeks::between(reading, heard, WEEKS_MAX).await? {
        if let Some(id) = runs::find(reading, (producer, ledger.scope()), week, seq).await? {
            return by_row(reading, id).await;
        }
    }
    removed(reading, heard).await
}

async fn by_row(reading: &Reading<'_>, id: RowId) -> Result<Option<EventTrace>, Failure> {
    if let Some(event) = stored(reading, id).await? {
        let row = &event.row;
        let repeats =
            repeats(reading, row.number, row.event_id.as_deref(), &row.source, id).await?;
        return Ok(Some(EventTrace::Stored { event: Box::new(event), repeats }));
    }
    let sql = REFUSED.replace("{COLUMNS}", REFUSED_COLUMNS);
    let statement = reading.prepare_cached(&sql).await?;
    let row = reading.query_opt(&statement, &[&id.0]).await?;
    let Some(event) = row.map(|row| refused(&row)).transpose()? else {
        return removed(reading, (Week::of_row(id), Week::of_row(id))).await;
    };
    let repeats = match event.outcome {
        Outcome::Invalid => {
            let name = event.event_id.as_deref();
            repeats(reading, event.number, name, &event.source, id).await?
        }
        Outcome::Duplicate | Outcome::Stored => Vec::new(),
    };
    Ok(Some(EventTrace::Refused { event: Box::new(event), repeats }))
}

/// Whether an event that is not found may have been in a week that was removed.
async fn removed(
    reading: &Reading<'_>,
    between: (Week, Week),
) -> Result<Option<EventTrace>, Failure> {
    let removed_ms = weeks::removed_between(reading, between).await?;
    Ok(removed_ms.map(|removed_ms| EventTrace::Removed { removed_ms }))
}

/// An event in its week's partition.
async fn stored(reading: &Reading<'_>, id: RowId) -> Result<Option<StoredEvent>, Failure> {
    let Some(row) = event_row::by_ids(reading, &[id]).await?.remove(&id) else { return Ok(None) };
    let statement = reading.prepare_cached(APPLIED).await?;
    let applied = reading.query_opt(&statement, &[&row.payload.0]).await?;
    let Some(applied) = applied else { return Ok(None) };
    let (applied_ms, attempt) = (get(&applied, 0)?, small_count(&applied, 1)?);
    Ok(Some(StoredEvent { row, applied_ms, attempt }))
}

async fn repeats(
    reading: &Reading<'_>,
    number: Option<(Producer, u64)>,
    event_id: Option<&str>,
    source: &str,
    but: RowId,
) -> Result<Vec<Repeat>, Failure> {
    let source = kept(source);
    let rows = match (number, event_id) {
        (Some((producer, seq)), _) => {
            let key = (producer_uuid(producer), big(seq));
            let statement = reading.prepare_cached(REPEATS_OF_NUMBER).await?;
            reading.query(&statement, &[&key.0, &key.1, &source, &but.0]).await?
        }
        (None, Some(name)) => {
            let statement = reading.prepare_cached(REPEATS_OF_CLIENT_ID).await?;
            reading.query(&statement, &[&kept(name), &source, &but.0]).await?
        }
        (None, None) => Vec::new(),
    };
    let read = |row: &Row| {
        let (received_ms, applied_ms) = (get(row, 1)?, get(row, 2)?);
        Ok(Repeat { payload: payload_id(row, 0)?, received_ms, applied_ms })
    };
    rows.iter().map(read).collect()
}

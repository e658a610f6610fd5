//! Payloads as rows.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::store::postgres::columns::{get, payload_id, small_count, text, text_or_null};
use crate::store::postgres::connection::failure::Failure;
use crate::store::{Encoding, KeptPayload, PayloadMetadata};

/// The columns that [`metadata`] reads.
pub(super) const METADATA: &str =
    "id, received_ms, key_id, source, encoding, events, unpacked_bytes, user_agent, origin, client";

/// These payloads with their bodies, in this order. Each id is looked up in the partition of its
/// week only: with a limit, the planner cannot make a join of it that reads all of them.
pub(crate) fn bodies_sql() -> String {
    format!(
        "SELECT payload.* FROM unnest($1::uuid[]) WITH ORDINALITY AS wanted (id, place) CROSS JOIN LATERAL \
         (SELECT {METADATA}, body FROM payloads WHERE payloads.id = wanted.id LIMIT 1) AS payload \
         ORDER BY wanted.place"
    )
}

/// Reads the metadata from the first 10 columns of a row.
pub(super) fn metadata(row: &Row) -> Result<PayloadMetadata, Failure> {
    Ok(PayloadMetadata {
        id: payload_id(row, 0)?,
        received_ms: get(row, 1)?,
        key_id: text(row, 2)?,
        source: text(row, 3)?,
        encoding: Encoding::from_name(get(row, 4)?).ok_or(Failure::Column("encoding"))?,
        events: small_count(row, 5)?,
        unpacked_bytes: small_count(row, 6)?,
        user_agent: text_or_null(row, 7)?,
        origin: text_or_null(row, 8)?,
        client: text_or_null(row, 9)?,
    })
}

/// Reads a payload: its metadata, then its body.
pub(super) fn payload(row: &Row) -> Result<KeptPayload, Failure> {
    let body: &[u8] = get(row, 10)?;
    Ok(KeptPayload { metadata: metadata(row)?, body: body.to_vec().into() })
}

/// Reads these payloads, in this order. Those that are gone are left out.
pub(super) async fn bodies(
    transaction: &Transaction<'_>,
    ids: &[Uuid],
) -> Result<Vec<KeptPayload>, Failure> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let find = transaction.prepare_cached(&bodies_sql()).await?;
    transaction.query(&find, &[&ids]).await?.iter().map(payload).collect()
}

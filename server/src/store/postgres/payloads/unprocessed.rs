//! Where a payload is, and the payloads that are not processed yet.

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use uuid::Uuid;

use super::queue::all_shares;
use super::rows;
use crate::store::postgres::columns::{get, small_count, text, text_or_null};
use crate::store::postgres::connection::failure::Failure;
use crate::store::{PayloadId, PayloadState, Unprocessed, UnprocessedPayload};

const WAITING: &str =
    "id, unpacked_bytes, due_ms, attempts, lease_token IS NOT NULL AS is_leased, last_error";
const SET_ASIDE: &str = "id, unpacked_bytes, attempts, error, set_aside_ms, discarded_ms";

/// Whether a payload is there.
pub(crate) const IS_KEPT: &str = "SELECT 1 FROM payloads WHERE id = $1";

/// One payload in the queue.
pub(crate) fn one_waiting_sql() -> String {
    format!("SELECT {WAITING} FROM payload_queue WHERE id = $1")
}

/// One payload that is set aside.
pub(crate) fn one_aside_sql() -> String {
    format!("SELECT {SET_ASIDE} FROM set_aside WHERE id = $1")
}

/// Some payloads in the queue that were tried before, and the newest of the others.
pub(crate) fn waiting_sql(was_tried: bool) -> String {
    let which =
        if was_tried { "due_ms > 0 ORDER BY due_ms" } else { "due_ms = 0 ORDER BY id DESC" };
    format!(
        "SELECT waiting.* FROM unnest($1::smallint[]) AS shares (share) CROSS JOIN LATERAL \
         (SELECT {WAITING} FROM payload_queue AS queue \
         WHERE queue.share = shares.share AND {which} LIMIT $2) AS waiting ORDER BY waiting.id DESC"
    )
}

/// The newest payloads that are set aside.
pub(crate) fn aside_sql() -> String {
    format!("SELECT {SET_ASIDE} FROM set_aside ORDER BY id DESC LIMIT $1")
}

/// Where a payload is.
pub(super) async fn state(
    transaction: &Transaction<'_>,
    id: PayloadId,
) -> Result<Option<PayloadState>, Failure> {
    let find = transaction.prepare_cached(IS_KEPT).await?;
    if transaction.query_opt(&find, &[&id.0]).await?.is_none() {
        return Ok(None);
    }
    let find = transaction.prepare_cached(&one_waiting_sql()).await?;
    if let Some(row) = transaction.query_opt(&find, &[&id.0]).await? {
        return Ok(Some(waiting(&row)?.state));
    }
    let find = transaction.prepare_cached(&one_aside_sql()).await?;
    let aside = transaction.query_opt(&find, &[&id.0]).await?;
    Ok(Some(
        aside.map_or(Ok(PayloadState::Settled), |row| Ok::<_, Failure>(set_aside(&row)?.state))?,
    ))
}

/// A payload that was found, without its body.
struct Found {
    id: Uuid,
    unpacked_bytes: u64,
    state: PayloadState,
}

fn waiting(row: &Row) -> Result<Found, Failure> {
    let (due_ms, is_leased): (i64, bool) = (get(row, 2)?, get(row, 4)?);
    let state = PayloadState::Waiting {
        attempts: small_count(row, 3)?,
        due_ms: (due_ms > 0 && !is_leased).then_some(due_ms),
        is_leased,
        error: text_or_null(row, 5)?,
    };
    Ok(Found { id: get(row, 0)?, unpacked_bytes: u64::from(small_count(row, 1)?), state })
}

fn set_aside(row: &Row) -> Result<Found, Failure> {
    let state = PayloadState::SetAside {
        attempts: small_count(row, 2)?,
        error: text(row, 3)?,
        set_aside_ms: get(row, 4)?,
        discarded_ms: get(row, 5)?,
    };
    Ok(Found { id: get(row, 0)?, unpacked_bytes: u64::from(small_count(row, 1)?), state })
}

/// Payloads that are not processed yet, within limits: those that failed before, those that are set
/// aside, and the newest of the others.
pub(super) async fn page(
    transaction: &Transaction<'_>,
    payloads_max: u32,
    unpacked_bytes_max: u64,
) -> Result<Unprocessed, Failure> {
    let limit = i64::from(payloads_max) + 1;
    let mut found = Vec::new();
    for was_tried in [true, false] {
        let find = transaction.prepare_cached(&waiting_sql(was_tried)).await?;
        for row in &transaction.query(&find, &[&all_shares(), &limit]).await? {
            found.push(waiting(row)?);
        }
        if was_tried {
            let find = transaction.prepare_cached(&aside_sql()).await?;
            for row in &transaction.query(&find, &[&limit]).await? {
                found.push(set_aside(row)?);
            }
        }
    }
    let (all, mut bytes) = (found.len(), 0);
    let chosen = found.into_iter().take(payloads_max as usize);
    let chosen: Vec<Found> = chosen
        .take_while(|it| {
            let fits = bytes < unpacked_bytes_max;
            bytes += it.unpacked_bytes;
            fits
        })
        .collect();
    let has_more = chosen.len() < all;
    let ids: Vec<Uuid> = chosen.iter().map(|it| it.id).collect();
    let bodies = rows::bodies(transaction, &ids).await?;
    let mut states: HashMap<Uuid, PayloadState> =
        chosen.into_iter().map(|it| (it.id, it.state)).collect();
    let payloads = bodies.into_iter().filter_map(|payload| {
        let state = states.remove(&payload.metadata.id.0)?;
        Some(UnprocessedPayload { payload, state })
    });
    Ok(Unprocessed { payloads: payloads.collect(), has_more })
}

//! Payloads that are set aside: `set_aside`.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use uuid::Uuid;

use super::queue::{all_or_nothing, number, token};
use super::rows::{self, METADATA};
use crate::store::postgres::columns::{count, get, small_count, text};
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::lanes::LANE;
use crate::store::postgres::text::kept;
use crate::store::share::SHARES;
use crate::store::{ExhaustedPayload, Lease, PayloadId, SetAsidePayload};

/// Moves what a lease holds from the queue, and gives how many payloads that were.
pub(crate) fn move_sql() -> String {
    format!(
        "WITH given AS (SELECT * FROM unnest($1::uuid[], $4::text[]) AS given (id, error)), \
         moved AS (DELETE FROM payload_queue AS queue USING given \
           WHERE queue.id = given.id AND queue.lease_token = $2 AND queue.due_ms = $3 \
           RETURNING queue.id, queue.received_ms, queue.events, queue.unpacked_bytes, queue.attempts, given.error), \
         aside AS (INSERT INTO set_aside (id, received_ms, events, unpacked_bytes, attempts, error, set_aside_ms) \
           SELECT id, received_ms, events, unpacked_bytes, attempts, error, $5 FROM moved), \
         sums AS (SELECT count(*) AS payloads, coalesce(sum(events), 0) AS events FROM moved) \
         UPDATE queue_counts AS counts SET payloads = counts.payloads - sums.payloads, \
         events = counts.events - sums.events, set_aside = counts.set_aside + sums.payloads, \
         set_aside_events = counts.set_aside_events + sums.events \
         FROM sums WHERE lane = {LANE} RETURNING sums.payloads"
    )
}

/// Moves one back into the queue, and gives how many that were.
pub(crate) fn put_back_sql() -> String {
    format!(
        "WITH found AS (DELETE FROM set_aside WHERE id = $1 AND discarded_ms IS NULL \
           RETURNING id, received_ms, events, unpacked_bytes, attempts, error), \
         queued AS (INSERT INTO payload_queue \
           (id, share, due_ms, received_ms, events, unpacked_bytes, attempts, last_error) \
           SELECT id, $3, $2, received_ms, events, unpacked_bytes, attempts, error FROM found), \
         sums AS (SELECT count(*) AS payloads, coalesce(sum(events), 0) AS events FROM found) \
         UPDATE queue_counts AS counts SET payloads = counts.payloads + sums.payloads, \
         events = counts.events + sums.events, set_aside = counts.set_aside - sums.payloads, \
         set_aside_events = counts.set_aside_events - sums.events \
         FROM sums WHERE lane = {LANE} RETURNING sums.payloads"
    )
}

/// Keeps a payload from being pruned until the transaction ends.
pub(crate) const HOLD: &str = "SELECT 1 FROM payloads WHERE id = $1 FOR KEY SHARE";

/// Marks one as discarded, or as set aside again, and gives how many that changed.
pub(crate) fn mark_sql() -> String {
    format!(
        "WITH changed AS (UPDATE set_aside SET discarded_ms = $2 \
           WHERE id = $1 AND (discarded_ms IS NULL) <> ($2::bigint IS NULL) RETURNING events), \
         sums AS (SELECT count(*) AS payloads, $3::bigint * count(*) AS more, \
           $3::bigint * coalesce(sum(events), 0) AS events FROM changed), \
         discarded AS (UPDATE discarded_sums AS all_of SET payloads = all_of.payloads + sums.more, \
           events = all_of.events + sums.events FROM sums WHERE id = 1 AND sums.payloads > 0) \
         UPDATE queue_counts AS counts SET set_aside = counts.set_aside - sums.more, \
         set_aside_events = counts.set_aside_events - sums.events \
         FROM sums WHERE lane = {LANE} RETURNING sums.payloads"
    )
}

/// A page of them.
pub(crate) fn page_sql() -> String {
    format!(
        "SELECT payload.*, attempts, error, set_aside_ms, discarded_ms FROM \
         (SELECT * FROM set_aside WHERE id > $1 AND (discarded_ms IS NOT NULL) = $3 ORDER BY id LIMIT $2) AS aside \
         CROSS JOIN LATERAL (SELECT {METADATA} FROM payloads WHERE payloads.id = aside.id LIMIT 1) AS payload \
         ORDER BY aside.id"
    )
}

/// Moves leased payloads here, if the lease holds all of them.
pub(super) async fn insert(
    transaction: &Transaction<'_>,
    lease: Lease,
    ids: &[Uuid],
    exhausted: &[ExhaustedPayload],
    now_ms: i64,
) -> Result<(), Failure> {
    let errors: Vec<_> = exhausted.iter().map(|payload| kept(&payload.error)).collect();
    let insert = transaction.prepare_cached(&move_sql()).await?;
    let row = transaction
        .query_one(&insert, &[&ids, &token(lease), &lease.until_ms, &errors, &now_ms])
        .await?;
    all_or_nothing(count(&row, 0)?, ids)
}

/// Moves a payload back into the queue, if it is set aside.
pub(super) async fn put_back(
    transaction: &Transaction<'_>,
    id: PayloadId,
    due_ms: i64,
) -> Result<bool, Failure> {
    let share = number(u32::from(id.0.as_bytes()[15]) % SHARES);
    let put_back = transaction.prepare_cached(&put_back_sql()).await?;
    let row = transaction.query_one(&put_back, &[&id.0, &due_ms.max(1), &share]).await?;
    Ok(count(&row, 0)? == 1)
}

/// Marks a payload that is set aside as discarded, or one that was discarded as set aside again.
/// Gives whether that changed it.
pub(super) async fn mark_discarded(
    transaction: &Transaction<'_>,
    id: PayloadId,
    discarded_ms: Option<i64>,
) -> Result<bool, Failure> {
    let hold = transaction.prepare_cached(HOLD).await?;
    if transaction.query_opt(&hold, &[&id.0]).await?.is_none() {
        return Ok(false);
    }
    let sign: i64 = if discarded_ms.is_some() { 1 } else { -1 };
    let mark = transaction.prepare_cached(&mark_sql()).await?;
    let row = transaction.query_one(&mark, &[&id.0, &discarded_ms, &sign]).await?;
    Ok(count(&row, 0)? == 1)
}

/// Payloads after `after` that are set aside, or that were discarded, in the order of their ids.
pub(super) async fn page(
    transaction: &Transaction<'_>,
    is_discarded: bool,
    after: Option<PayloadId>,
    limit: u32,
) -> Result<Vec<SetAsidePayload>, Failure> {
    let after = after.map_or(Uuid::nil(), |id| id.0);
    let find = transaction.prepare_cached(&page_sql()).await?;
    let rows = transaction.query(&find, &[&after, &i64::from(limit), &is_discarded]).await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<SetAsidePayload, Failure> {
    Ok(SetAsidePayload {
        metadata: rows::metadata(row)?,
        attempts: small_count(row, 10)?,
        error: text(row, 11)?,
        set_aside_ms: get(row, 12)?,
        discarded_ms: get(row, 13)?,
    })
}

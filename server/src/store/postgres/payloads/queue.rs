//! The queue of payloads that wait to be processed: `payload_queue`.

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use uuid::Uuid;

use super::rows::{self, METADATA};
use crate::store::fair_share::FairShare;
use crate::store::postgres::columns::{count, get, small_count, text_or_null};
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::lanes::LANE;
use crate::store::postgres::text::kept;
use crate::store::share::{SHARES, shares_of};
use crate::store::{
    Backlog, DiscardedSums, FailedPayload, Lease, LeaseAsk, LeasedPayload, PayloadId, SetAsideSums,
    StoreError, Ticket,
};

/// What is due in a span of time in some shares, the longest waiting first. What another server or
/// worker is taking at the same time is left to it. During a migration nothing is.
pub(crate) const DUE: &str = "SELECT due.id, due.unpacked_bytes FROM unnest($1::smallint[]) AS shares (share) CROSS JOIN LATERAL \
     (SELECT id, due_ms, unpacked_bytes FROM payload_queue AS queue \
      WHERE queue.share = shares.share AND due_ms BETWEEN $2 AND $3 \
      AND NOT EXISTS (SELECT FROM migration WHERE ended_ms IS NULL OR is_leaving) ORDER BY due_ms, id LIMIT $4 \
      FOR UPDATE SKIP LOCKED) AS due \
     ORDER BY due.due_ms, due.id LIMIT $4";
/// Ends what is left of a lease.
pub(crate) const END_LEASE: &str = "UPDATE payload_queue SET due_ms = 1, lease_token = NULL \
     WHERE id = ANY ($1) AND lease_token = $2";
/// Makes failed payloads due again.
pub(crate) const RELEASE: &str = "UPDATE payload_queue AS queue SET due_ms = failed.due_ms, lease_token = NULL, \
     last_error = failed.error, own_failures = own_failures + failed.own \
     FROM unnest($1::uuid[], $4::bigint[], $5::text[], $6::integer[]) AS failed (id, due_ms, error, own) \
     WHERE queue.id = failed.id AND queue.lease_token = $2 AND queue.due_ms = $3";
/// The backlog. Beside the counts it reads one fresh row of each share, and those that were tried
/// before, which are few.
pub(crate) const BACKLOG: &str = "SELECT counts.*, tried.*, fresh.received_ms, \
     (SELECT failed.last_error FROM unnest($1::smallint[]) AS shares (share) CROSS JOIN LATERAL \
       (SELECT due_ms, last_error FROM payload_queue AS queue WHERE queue.share = shares.share \
        AND due_ms > 0 AND last_error IS NOT NULL ORDER BY due_ms DESC LIMIT 1) AS failed \
      ORDER BY failed.due_ms DESC LIMIT 1), \
     (SELECT received_ms FROM set_aside ORDER BY id LIMIT 1), discarded.payloads, discarded.events \
     FROM (SELECT sum(payloads)::bigint, sum(events)::bigint, sum(set_aside)::bigint, \
       sum(set_aside_events)::bigint FROM queue_counts) AS counts \
     CROSS JOIN (SELECT min(received_ms), count(last_error) FROM unnest($1::smallint[]) AS shares (share) \
       CROSS JOIN LATERAL (SELECT received_ms, last_error FROM payload_queue AS queue \
       WHERE queue.share = shares.share AND due_ms > 0 LIMIT 10000) AS found) AS tried \
     CROSS JOIN (SELECT min(received_ms) AS received_ms FROM unnest($1::smallint[]) AS shares (share) \
       CROSS JOIN LATERAL (SELECT received_ms FROM payload_queue AS queue \
       WHERE queue.share = shares.share AND due_ms = 0 ORDER BY id LIMIT 1) AS found) AS fresh \
     CROSS JOIN discarded_sums AS discarded";

/// Takes payloads that are locked, and reads them.
pub(crate) fn take_sql() -> String {
    format!(
        "WITH taken AS (UPDATE payload_queue SET due_ms = $2, lease_token = $3, attempts = attempts + 1 \
         WHERE id = ANY ($1) RETURNING id, attempts - 1 AS attempts, own_failures) \
         SELECT payload.*, taken.attempts, taken.own_failures FROM taken CROSS JOIN LATERAL \
         (SELECT {METADATA}, body FROM payloads WHERE payloads.id = taken.id LIMIT 1) AS payload"
    )
}

/// Removes what a lease holds, and gives how many payloads that were.
pub(crate) fn settle_sql() -> String {
    format!(
        "WITH settled AS (DELETE FROM payload_queue WHERE id = ANY ($1) AND lease_token = $2 AND due_ms = $3 \
         RETURNING events) \
         UPDATE queue_counts SET payloads = payloads - (SELECT count(*) FROM settled), \
         events = events - (SELECT coalesce(sum(events), 0) FROM settled) WHERE lane = {LANE} \
         RETURNING (SELECT count(*) FROM settled)"
    )
}

/// The number of a share, as the database keeps it.
pub(crate) fn number(share: u32) -> i16 {
    i16::try_from(share).unwrap_or(0)
}

/// All shares.
pub(crate) fn all_shares() -> Vec<i16> {
    (0..SHARES).map(number).collect()
}

/// The lease that `ask` asks for.
pub(super) fn lease_of(ask: LeaseAsk) -> Lease {
    Lease { token: ask.token, until_ms: ask.now_ms.saturating_add(ask.lease_ms) }
}

/// The token of a lease, as the database keeps it.
pub(super) fn token(lease: Lease) -> Uuid {
    Uuid::from_u128(lease.token.0)
}

fn ticket(id: PayloadId) -> Ticket {
    Ticket::new(id.0.as_bytes())
}

/// The ids of tickets, if this backend made all of them and none is there twice.
fn ids<'t>(tickets: impl Iterator<Item = &'t Ticket>) -> Option<Vec<Uuid>> {
    let ids: Option<Vec<_>> = tickets.map(|it| Uuid::from_slice(it.name()).ok()).collect();
    let mut sorted = ids.clone()?;
    sorted.sort_unstable();
    sorted.dedup();
    ids.filter(|ids| ids.len() == sorted.len())
}

/// The payloads of tickets, unless the time of their lease is over or one is unknown.
pub(super) fn held<'t>(
    lease: Lease,
    tickets: impl Iterator<Item = &'t Ticket>,
    now_ms: i64,
) -> Result<Vec<Uuid>, StoreError> {
    let ids = if now_ms < lease.until_ms { ids(tickets) } else { None };
    ids.ok_or(StoreError::LeaseLost)
}

/// Fails unless a change applied to everything that it should.
pub(super) fn all_or_nothing(changed: u64, ids: &[Uuid]) -> Result<(), Failure> {
    if changed == ids.len() as u64 { Ok(()) } else { Err(StoreError::LeaseLost.into()) }
}

/// Lets a transaction end before it is on disk. If a crash takes back a lease or its end, another
/// worker applies the payload again, which changes nothing.
async fn need_not_last(transaction: &Transaction<'_>) -> Result<(), Failure> {
    Ok(transaction.batch_execute("SET LOCAL synchronous_commit = off").await?)
}

/// Leases what is due for one worker.
pub(super) async fn lease(
    transaction: &Transaction<'_>,
    ask: LeaseAsk,
) -> Result<Vec<LeasedPayload>, Failure> {
    let share = FairShare { places: ask.payloads_max as usize, bytes_max: ask.unpacked_bytes_max };
    need_not_last(transaction).await?;
    let retries = due(transaction, ask, (1, ask.now_ms), share.places).await?;
    let fresh = due(transaction, ask, (0, 0), share.fresh_max(retries.len())).await?;
    let taken = share.choose(retries, fresh, |(_, bytes)| *bytes);
    if taken.is_empty() {
        return Ok(Vec::new());
    }
    let (lease, ids) = (lease_of(ask), taken.iter().map(|(id, _)| *id).collect::<Vec<_>>());
    let take = transaction.prepare_cached(&take_sql()).await?;
    let rows = transaction.query(&take, &[&ids, &lease.until_ms, &token(lease)]).await?;
    let read = |row| leased(row, lease).map(|leased| (leased.metadata.id.0, leased));
    let mut rows: HashMap<_, _> = rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok(ids.iter().filter_map(|id| rows.remove(id)).collect())
}

fn leased(row: &Row, lease: Lease) -> Result<LeasedPayload, Failure> {
    let payload = rows::payload(row)?;
    Ok(LeasedPayload {
        lease,
        ticket: ticket(payload.metadata.id),
        attempts: small_count(row, 11)?,
        own_failures: small_count(row, 12)?,
        metadata: payload.metadata,
        body: payload.body,
    })
}

/// What is due in a span of time, and its bytes.
async fn due(
    transaction: &Transaction<'_>,
    ask: LeaseAsk,
    span: (i64, i64),
    limit: usize,
) -> Result<Vec<(Uuid, u64)>, Failure> {
    let shares: Vec<i16> = shares_of(ask.worker).map(number).collect();
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let find = transaction.prepare_cached(DUE).await?;
    let rows = transaction.query(&find, &[&shares, &span.0, &span.1, &limit]).await?;
    rows.iter().map(|row| Ok((get(row, 0)?, u64::from(small_count(row, 1)?)))).collect()
}

/// Removes finished payloads, if the lease holds all of them.
pub(super) async fn settle(
    transaction: &Transaction<'_>,
    lease: Lease,
    ids: &[Uuid],
) -> Result<(), Failure> {
    need_not_last(transaction).await?;
    let settle = transaction.prepare_cached(&settle_sql()).await?;
    let row = transaction.query_one(&settle, &[&ids, &token(lease), &lease.until_ms]).await?;
    all_or_nothing(count(&row, 0)?, ids)
}

/// Makes failed payloads due again, if the lease holds all of them.
pub(super) async fn release(
    transaction: &Transaction<'_>,
    lease: Lease,
    ids: &[Uuid],
    failed: &[FailedPayload],
) -> Result<(), Failure> {
    let due: Vec<i64> = failed.iter().map(|failed| failed.due_ms.max(1)).collect();
    let errors: Vec<_> = failed.iter().map(|failed| kept(&failed.error)).collect();
    let own: Vec<i32> = failed.iter().map(|failed| i32::from(failed.is_own)).collect();
    let release = transaction.prepare_cached(RELEASE).await?;
    let changed = transaction
        .execute(&release, &[&ids, &token(lease), &lease.until_ms, &due, &errors, &own])
        .await?;
    all_or_nothing(changed, ids)
}

/// The backlog.
pub(super) async fn backlog(transaction: &Transaction<'_>) -> Result<Backlog, Failure> {
    let read = transaction.prepare_cached(BACKLOG).await?;
    let row = transaction.query_one(&read, &[&all_shares()]).await?;
    let oldest: [Option<i64>; 2] = [get(&row, 4)?, get(&row, 6)?];
    Ok(Backlog {
        payloads: count(&row, 0)?,
        events: count(&row, 1)?,
        oldest_ms: oldest.into_iter().flatten().min(),
        failing: count(&row, 5)?,
        last_error: text_or_null(&row, 7)?,
        set_aside: SetAsideSums {
            payloads: count(&row, 2)?,
            events: count(&row, 3)?,
            oldest_ms: get(&row, 8)?,
        },
        discarded: DiscardedSums { payloads: count(&row, 9)?, events: count(&row, 10)? },
        stream: None,
    })
}

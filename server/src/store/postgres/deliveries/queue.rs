//! The queue of deliveries: leasing what is due, and settling it.
//!
//! Several servers lease at the same time. Each skips the rows that another one is choosing from,
//! so that none waits and none gets what another has.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use uuid::Uuid;

use super::log::{self, Line};
use super::{dead_letters, sinks};
use crate::store::postgres::columns::{big, count, get, int, row_id, small_count};
use crate::store::postgres::connection::failure::Failure;
use crate::store::{
    DeliveryAsk, DeliveryFailures, DeliveryState, DeliveryTicket, RowId, SettledDelivery,
    Settlement, SinkMove, StoreError,
};

/// What is due of a sink that runs and does not rest, and that nobody else is leasing now. A rest
/// is at most [`crate::store::REST_MS_MAX`]. During a migration nothing is due.
macro_rules! due {
    ($condition:literal) => {
        concat!(
            "SELECT event_id, bytes, queued_ms, steps, attempts, first_failed_ms, alone_failed_ms, own_failures \
             FROM delivery_queue WHERE sink = $1 AND ",
            $condition,
            " AND EXISTS (SELECT 1 FROM sinks WHERE id = $1 AND paused_ms IS NULL AND stopped IS NULL \
             AND coalesce(rests_until_ms, 0) NOT BETWEEN $2::bigint + 1 AND $2::bigint + 900000) \
             AND NOT EXISTS (SELECT FROM migration WHERE ended_ms IS NULL OR is_leaving) \
             ORDER BY due_ms, event_id LIMIT $3 FOR UPDATE SKIP LOCKED"
        )
    };
}
/// Never tried. A range, though only 0 is in it: for one value, the planner would take the order of
/// the primary key, and search all that failed before for it.
pub(crate) const DUE_FRESH: &str = due!("due_ms <= 0 AND $2::bigint IS NOT NULL");
/// Failed before.
pub(crate) const DUE_AGAIN: &str = due!("due_ms BETWEEN 1 AND $2 AND own_failures = 0");
/// Fails by itself.
pub(crate) const DUE_ISOLATED: &str = due!("due_ms BETWEEN 1 AND $2 AND own_failures > 0");
/// Takes rows that this transaction has locked. The lock of the sink makes whoever pauses it wait
/// for this transaction, and this one for a pause that is under way: no lease begins in a pause.
pub(crate) const TAKE: &str = "WITH running AS (SELECT id FROM sinks WHERE id = $1 AND paused_ms IS NULL AND stopped IS NULL \
     FOR SHARE) UPDATE delivery_queue SET due_ms = $3, lease_token = $4, attempts = attempts + 1 \
     WHERE sink = (SELECT id FROM running) AND event_id = ANY ($2)";
/// How many of these deliveries a lease holds. They are locked.
pub(crate) const HELD: &str = "SELECT count(*) FROM (SELECT FROM delivery_queue WHERE sink = $1 AND event_id = ANY ($2) \
     AND due_ms = $3 AND lease_token = $4 ORDER BY event_id FOR UPDATE) AS held";
/// Removes deliveries that ended.
pub(crate) const END: &str = "DELETE FROM delivery_queue WHERE sink = $1 AND event_id = ANY ($2)";
/// Queues deliveries for another attempt.
pub(crate) const RETRY: &str = "UPDATE delivery_queue AS it SET due_ms = again.due_ms, steps = again.steps, \
     first_failed_ms = again.first_failed_ms, alone_failed_ms = again.alone_failed_ms, own_failures = again.own_failures, \
     lease_token = NULL FROM unnest($2::uuid[], $3::bigint[], $4::integer[], $5::bigint[], $6::bigint[], $7::integer[]) \
     AS again (event_id, due_ms, steps, first_failed_ms, alone_failed_ms, own_failures) \
     WHERE it.sink = $1 AND it.event_id = again.event_id";
/// Queues deliveries that were not tried yet.
pub(crate) const PUSH: &str = "INSERT INTO delivery_queue (sink, event_id, due_ms, bytes, steps, queued_ms, attempts) \
     SELECT sink, event_id, due_ms, bytes, steps, $1::bigint, 0 \
     FROM unnest($2::integer[], $3::uuid[], $4::bigint[], $5::bigint[], $6::integer[]) \
     AS it (sink, event_id, due_ms, bytes, steps) ORDER BY sink, event_id";

/// A delivery to queue that was not tried since.
#[derive(Debug)]
pub(super) struct Pushed {
    pub(super) sink: i32,
    pub(super) event: RowId,
    pub(super) due_ms: i64,
    pub(super) bytes: u64,
    pub(super) steps: u32,
}

/// Queues deliveries.
pub(super) async fn push(
    transaction: &Transaction<'_>,
    pushed: &[Pushed],
    now_ms: i64,
) -> Result<(), Failure> {
    if pushed.is_empty() {
        return Ok(());
    }
    let sinks: Vec<i32> = pushed.iter().map(|it| it.sink).collect();
    let events: Vec<Uuid> = pushed.iter().map(|it| it.event.0).collect();
    let due_ms: Vec<i64> = pushed.iter().map(|it| it.due_ms).collect();
    let bytes: Vec<i64> = pushed.iter().map(|it| big(it.bytes)).collect();
    let steps: Vec<i32> = pushed.iter().map(|it| int(it.steps)).collect();
    let push = transaction.prepare_cached(PUSH).await?;
    transaction.execute(&push, &[&now_ms, &sinks, &events, &due_ms, &bytes, &steps]).await?;
    Ok(())
}

/// Leases what is due. Leases none if the sink is paused or stopped.
pub(super) async fn lease(
    transaction: &Transaction<'_>,
    sink: i32,
    ask: &DeliveryAsk,
) -> Result<Vec<DeliveryTicket>, Failure> {
    let places = ask.events_max as usize;
    let retries = due(transaction, DUE_AGAIN, sink, ask.now_ms, places).await?;
    let fresh_max = ask.fresh_max(retries.len());
    let fresh = due(transaction, DUE_FRESH, sink, ask.now_ms, fresh_max).await?;
    let isolated = due(transaction, DUE_ISOLATED, sink, ask.now_ms, 1).await?.pop();
    let chosen = ask.choose(retries, fresh, isolated, DeliveryTicket::bytes);
    if chosen.is_empty() {
        return Ok(chosen);
    }
    let events: Vec<Uuid> = chosen.iter().map(|ticket| ticket.event.0).collect();
    let lease = ask.lease();
    let (token, until_ms) = (Uuid::from_u128(lease.token.0), lease.until_ms);
    let statement = transaction.prepare_cached(TAKE).await?;
    let moved = transaction.execute(&statement, &[&sink, &events, &until_ms, &token]).await?;
    // Without a row, the sink was paused or stopped meanwhile.
    Ok(if moved == 0 { Vec::new() } else { chosen })
}

async fn due(
    transaction: &Transaction<'_>,
    list: &str,
    sink: i32,
    now_ms: i64,
    limit: usize,
) -> Result<Vec<DeliveryTicket>, Failure> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let list = transaction.prepare_cached(list).await?;
    let rows = transaction.query(&list, &[&sink, &now_ms, &big(limit as u64)]).await?;
    rows.iter().map(ticket).collect()
}

fn ticket(row: &Row) -> Result<DeliveryTicket, Failure> {
    let (first_ms, alone_ms) = (get(row, 5)?, get(row, 6)?);
    Ok(DeliveryTicket {
        event: row_id(row, 0)?,
        bytes: count(row, 1)?,
        queued_ms: get(row, 2)?,
        steps: small_count(row, 3)?,
        attempts: small_count(row, 4)?.saturating_add(1),
        failures: DeliveryFailures { first_ms, alone_ms, own: small_count(row, 7)? },
        shard: 0,
    })
}

/// Settles leased deliveries.
///
/// # Errors
/// [`StoreError::LeaseLost`], unless the lease holds all of them.
pub(super) async fn settle(
    transaction: &Transaction<'_>,
    sink: i32,
    settlement: &Settlement,
) -> Result<(), Failure> {
    hold(transaction, sink, settlement).await?;
    let deliveries = &settlement.deliveries;
    let lines: Vec<_> = deliveries.iter().map(|settled| line(sink, settled)).collect();
    let over = log::record(transaction, &lines, settlement.now_ms).await?;
    let steps = |ticket: &DeliveryTicket| {
        let is_over = over.contains(&(ticket.event.0, sink));
        ticket.steps.saturating_add(u32::from(!is_over))
    };
    let (again, ended): (Vec<_>, Vec<_>) =
        deliveries.iter().partition(|it| it.ending.state() == DeliveryState::Retry);
    retry(transaction, sink, &again, steps).await?;
    end(transaction, sink, &ended).await?;
    let dead = ended.iter().filter_map(|settled| {
        let reason = settled.ending.reason().filter(|_| is_dead(settled))?;
        let SettledDelivery { ticket, .. } = settled;
        let (event, bytes, steps) = (ticket.event, ticket.bytes, steps(ticket));
        Some(dead_letters::Letter { sink, event, bytes, steps, reason: reason.code.to_owned() })
    });
    dead_letters::insert(transaction, false, &dead.collect::<Vec<_>>()).await?;
    let mut moved = SinkMove::default();
    for settled in deliveries {
        moved += SinkMove::of(&settled.ending);
    }
    if let Some(condition) = &settlement.condition {
        sinks::set_condition(transaction, sink, condition).await?;
    }
    sinks::count(transaction, &[(sink, moved)]).await
}

fn is_dead(settled: &SettledDelivery) -> bool {
    settled.ending.state() == DeliveryState::Dead
}

/// Makes sure that the lease holds every delivery, until the transaction ends.
async fn hold(
    transaction: &Transaction<'_>,
    sink: i32,
    settlement: &Settlement,
) -> Result<(), Failure> {
    let deliveries = &settlement.deliveries;
    if deliveries.is_empty() {
        return Ok(());
    }
    let events: Vec<Uuid> = deliveries.iter().map(|it| it.ticket.event.0).collect();
    let (until_ms, token) = (settlement.lease.until_ms, settlement.lease.token.0);
    let held = transaction.prepare_cached(HELD).await?;
    let held =
        transaction.query_one(&held, &[&sink, &events, &until_ms, &Uuid::from_u128(token)]).await?;
    if count(&held, 0)? == deliveries.len() as u64 {
        Ok(())
    } else {
        Err(StoreError::LeaseLost.into())
    }
}

/// What the log says about the end of an attempt.
fn line(sink: i32, settled: &SettledDelivery) -> Line<'_> {
    let SettledDelivery { ticket, ending } = settled;
    Line {
        event: ticket.event,
        sink,
        step: ticket.steps,
        state: ending.state(),
        attempt: ticket.attempts,
        due_ms: ending.due_ms(),
        reason: ending.reason().map(|reason| (reason.code, &*reason.detail)),
    }
}

async fn retry(
    transaction: &Transaction<'_>,
    sink: i32,
    again: &[&SettledDelivery],
    steps: impl Fn(&DeliveryTicket) -> u32,
) -> Result<(), Failure> {
    if again.is_empty() {
        return Ok(());
    }
    let tickets = || again.iter().map(|settled| &settled.ticket);
    let events: Vec<Uuid> = tickets().map(|it| it.event.0).collect();
    let due_ms: Vec<Option<i64>> = again.iter().map(|it| it.ending.due_ms()).collect();
    let steps: Vec<i32> = tickets().map(|it| int(steps(it))).collect();
    let first_ms: Vec<Option<i64>> = tickets().map(|it| it.failures.first_ms).collect();
    let alone_ms: Vec<Option<i64>> = tickets().map(|it| it.failures.alone_ms).collect();
    let own: Vec<i32> = tickets().map(|it| int(it.failures.own)).collect();
    let retry = transaction.prepare_cached(RETRY).await?;
    transaction
        .execute(&retry, &[&sink, &events, &due_ms, &steps, &first_ms, &alone_ms, &own])
        .await?;
    Ok(())
}

async fn end(
    transaction: &Transaction<'_>,
    sink: i32,
    ended: &[&SettledDelivery],
) -> Result<(), Failure> {
    if ended.is_empty() {
        return Ok(());
    }
    let events: Vec<Uuid> = ended.iter().map(|it| it.ticket.event.0).collect();
    let end = transaction.prepare_cached(END).await?;
    transaction.execute(&end, &[&sink, &events]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::REST_MS_MAX;

    #[test]
    fn the_longest_rest_is_that_of_circuits() {
        let rest = format!("+ {REST_MS_MAX})");
        assert!([DUE_FRESH, DUE_AGAIN, DUE_ISOLATED].iter().all(|due| due.contains(&rest)));
    }
}

//! Holding the deliveries of buckets that leave: nobody leases them until they are elsewhere.

use std::time::Duration;

use deadpool_postgres::Transaction;

use super::database::ShardDatabase;
use super::error::ShardError;
use super::tables::weeks;
use crate::store::Week;
use crate::store::postgres::columns::get;
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::partitions;
use crate::store::shard_map::BucketSet;
use crate::system::clock::Clock;

/// How often it is tried again to hold those that are leased.
const AGAIN: Duration = Duration::from_millis(200);
/// Holds deliveries of events of a week that nobody has leased. Says how many are still leased.
const HOLD: &str = "WITH own AS (SELECT q.sink, q.event_id, q.due_ms, \
       q.lease_token IS NULL OR q.due_ms <= $1 AS is_free \
       FROM delivery_queue AS q JOIN {EVENTS} AS e ON e.id = q.event_id \
       WHERE e.bucket = ANY ($2) AND q.due_ms < 9223372036854775807 \
       ORDER BY q.sink, q.event_id FOR UPDATE OF q), \
     held AS (INSERT INTO held_deliveries (sink, event_id, due_ms) \
       SELECT sink, event_id, due_ms FROM own WHERE is_free), \
     kept AS (UPDATE delivery_queue AS q SET due_ms = 9223372036854775807, lease_token = NULL FROM own \
       WHERE own.is_free AND q.sink = own.sink AND q.event_id = own.event_id) \
     SELECT count(*) FROM own WHERE NOT is_free";

/// Holds all deliveries of these buckets. Those that are leased are waited for: they are settled,
/// or their leases end.
pub(super) async fn all(
    shard: &ShardDatabase,
    (buckets, clock): (&BucketSet, &dyn Clock),
    tick: &mut (dyn FnMut() -> bool + Send),
) -> Result<(), ShardError> {
    let numbers = buckets.numbers();
    let listing = shard.work("read its weeks", |transaction| Box::pin(weeks(transaction)));
    for week in listing.await? {
        loop {
            let now_ms = clock.now_ms();
            let holding = shard.work("hold deliveries", |transaction| {
                let numbers = numbers.clone();
                Box::pin(async move { hold(transaction, week, &numbers, now_ms).await })
            });
            if holding.await? == 0 {
                break;
            }
            if !tick() {
                return Err(ShardError::Stopped);
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
    Ok(())
}

async fn hold(
    transaction: &Transaction<'_>,
    week: Week,
    buckets: &[i16],
    now_ms: i64,
) -> Result<i64, Failure> {
    let sql = HOLD.replace("{EVENTS}", &partitions::name("events", week));
    get(&transaction.query_one(&sql, &[&now_ms, &buckets]).await?, 0)
}

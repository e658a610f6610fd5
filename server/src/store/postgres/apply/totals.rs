//! The counters, in lanes, changed in the transactions that change what they count.

use deadpool_postgres::Transaction;

use crate::store::apply::TotalsChange;
use crate::store::postgres::columns::get;
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::lanes::LANE;
use crate::store::postgres::shards::hidden;
use crate::store::shard_view::ShardView;
use crate::store::{IN_FLIGHT_MS, Totals};

const ADD: &str = "UPDATE totals SET stored = stored + $1, duplicates = duplicates + $2, invalid = invalid + $3, \
     unnumbered = unnumbered + $4, made = made + $5, declared = declared + $6, missing = missing + $7 WHERE lane = {LANE}";
/// Only holes that are still in flight are added up, along an index that holds only those.
pub(crate) const READ: &str = "SELECT sum(stored)::bigint, sum(duplicates)::bigint, sum(invalid)::bigint, \
     sum(unnumbered)::bigint, sum(made)::bigint, sum(declared)::bigint, sum(missing)::bigint, \
     (SELECT coalesce(sum(missing), 0)::bigint FROM producers WHERE missing > 0 AND last_heard_ms >= $1), \
     (SELECT coalesce(sum(removed_events), 0)::bigint FROM weeks) FROM totals";

/// Adds a change to the counters.
pub(crate) async fn add(
    transaction: &Transaction<'_>,
    change: &TotalsChange,
) -> Result<(), Failure> {
    if *change == TotalsChange::default() {
        return Ok(());
    }
    let statement = transaction.prepare_cached(&ADD.replace("{LANE}", LANE)).await?;
    let TotalsChange { stored, duplicates, invalid, unnumbered, made, declared, missing } = change;
    transaction
        .execute(&statement, &[stored, duplicates, invalid, unnumbered, made, declared, missing])
        .await?;
    Ok(())
}

/// Reads the counters.
pub(crate) async fn read(transaction: &Transaction<'_>, now_ms: i64) -> Result<Totals, Failure> {
    let from_ms = now_ms.saturating_sub(IN_FLIGHT_MS);
    let row = match ShardView::hidden_of_read() {
        None => {
            let statement = transaction.prepare_cached(READ).await?;
            transaction.query_one(&statement, &[&from_ms]).await?
        }
        Some(hidden) => {
            let sql =
                READ.replace("last_heard_ms >= $1", "last_heard_ms >= $1 AND bucket <> ALL ($2)");
            let statement = transaction.prepare_cached(&sql).await?;
            transaction.query_one(&statement, &[&from_ms, &*hidden.buckets]).await?
        }
    };
    let sum = |at| -> Result<u64, Failure> {
        Ok(u64::try_from(get::<Option<i64>>(&row, at)?.unwrap_or(0)).unwrap_or(0))
    };
    let (stored, duplicates, invalid) = (sum(0)?, sum(1)?, sum(2)?);
    let (missing, in_flight) = (sum(6)?, sum(7)?);
    let mut totals = Totals {
        made: sum(4)? + sum(3)?,
        received: stored + duplicates + invalid,
        stored,
        removed: sum(8)?,
        duplicates,
        invalid,
        in_flight,
        declared: sum(5)?,
        lost: missing.saturating_sub(in_flight),
    };
    if let Some(counts) = hidden::counts(transaction).await? {
        counts.take_from_totals(&mut totals);
    }
    Ok(totals)
}

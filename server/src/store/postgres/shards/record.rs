//! The records of what was done with a chunk, in the transactions that did it.

use deadpool_postgres::Transaction;

use super::counts::MovedCounts;
use crate::store::postgres::columns::{big, get};
use crate::store::postgres::connection::failure::Failure;
use crate::store::shard_map;

const IS_DONE: &str = "SELECT counts_json FROM shard_moves WHERE begun = $1";
const RECORD: &str = "INSERT INTO shard_moves (begun, from_shard, to_shard, buckets, done_ms, counts_json) \
     VALUES ($1, $2, $3, $4, $5, $6)";

/// Says whether this step of a chunk is recorded here.
pub(super) async fn is_done(
    transaction: &Transaction<'_>,
    moving: &shard_map::Moving,
) -> Result<Option<MovedCounts>, Failure> {
    let row = transaction.query_opt(IS_DONE, &[&big(moving.begun)]).await?;
    let Some(row) = row else { return Ok(None) };
    let counts = serde_json::from_str(get(&row, 0)?).map_err(|_| Failure::Column("counts_json"))?;
    Ok(Some(counts))
}

/// Records that this step of a chunk is done here.
pub(super) async fn record(
    transaction: &Transaction<'_>,
    moving: &shard_map::Moving,
    now_ms: i64,
    counts: &MovedCounts,
) -> Result<(), Failure> {
    let counts = serde_json::to_string(counts).map_err(|_| Failure::Column("counts_json"))?;
    let (from, to) = (i32::from(moving.from), i32::from(moving.to));
    let (begun, buckets) = (big(moving.begun), moving.buckets.to_string());
    transaction.execute(RECORD, &[&begun, &from, &to, &buckets, &now_ms, &counts]).await?;
    Ok(())
}

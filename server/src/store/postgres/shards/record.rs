//! The records of what was done with a chunk, in the transactions that did it.

use deadpool_postgres::Transaction;
use serde::Serialize;

use super::counts::MovedCounts;
use crate::store::postgres::columns::{big, get};
use crate::store::postgres::connection::failure::Failure;
use crate::store::{ChunkCounts, shard_map};

const IS_DONE: &str = "SELECT counts_json FROM shard_moves WHERE begun = $1";
const RECORD: &str = "INSERT INTO shard_moves (begun, from_shard, to_shard, buckets, done_ms, counts_json) \
     VALUES ($1, $2, $3, $4, $5, $6)";

const FORGET: &str = "UPDATE shard_moves SET \
     counts_json = (counts_json::jsonb - ARRAY['totals', 'sources', 'sinks', 'tallies'])::text WHERE begun = $1";

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

/// What is recorded.
#[derive(Debug, Serialize)]
pub(super) struct Record<'a> {
    #[serde(flatten)]
    pub(super) moved: &'a MovedCounts,
    /// What it counts as, for readers while two shards have it.
    #[serde(flatten)]
    pub(super) counts: Option<&'a ChunkCounts>,
    /// The position in the live view at which it was copied here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<i64>,
    /// The last position in the live view that may have events of it which are not here any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) left: Option<i64>,
}

/// Records that this step of a chunk is done here.
pub(super) async fn record(
    transaction: &Transaction<'_>,
    moving: &shard_map::Moving,
    now_ms: i64,
    record: &Record<'_>,
) -> Result<(), Failure> {
    let counts = serde_json::to_string(record).map_err(|_| Failure::Column("counts_json"))?;
    let (from, to) = (i32::from(moving.from), i32::from(moving.to));
    let (begun, buckets) = (big(moving.begun), moving.buckets.to_string());
    transaction.execute(RECORD, &[&begun, &from, &to, &buckets, &now_ms, &counts]).await?;
    Ok(())
}

/// Forgets what a chunk counts as that no two shards have any more.
pub(super) async fn forget_counts(
    transaction: &Transaction<'_>,
    moving: &shard_map::Moving,
) -> Result<(), Failure> {
    transaction.execute(FORGET, &[&big(moving.begun)]).await?;
    Ok(())
}

//! What a read must not show or count, because another shard does: see [`ShardView`].

use std::sync::Arc;

use deadpool_postgres::Transaction;

use crate::store::postgres::columns::{big, count, get};
use crate::store::postgres::connection::failure::Failure;
use crate::store::shard_view::{HiddenCounts, ShardView};
use crate::store::{ChunkCounts, StoreError};

const EPOCH: &str = "SELECT epoch FROM shard WHERE id = 1";
const RECORD: &str = "SELECT counts_json FROM shard_moves WHERE begun = $1";

/// Refuses a read that goes by an older map than this shard has.
///
/// # Errors
/// [`StoreError::OtherEpoch`], in a [`Failure`].
pub(crate) async fn check_epoch(snapshot: &Transaction<'_>) -> Result<(), Failure> {
    let Some(known) = ShardView::epoch_of_read() else { return Ok(()) };
    let epoch = snapshot.prepare_cached(EPOCH).await?;
    let found = count(&snapshot.query_one(&epoch, &[]).await?, 0)?;
    if found > known {
        return Err(StoreError::OtherEpoch { known, found }.into());
    }
    Ok(())
}

/// What this shard counts, and another one too.
pub(crate) async fn counts(
    snapshot: &Transaction<'_>,
) -> Result<Option<Arc<ChunkCounts>>, Failure> {
    let Some(hidden) = ShardView::hidden_of_read() else { return Ok(None) };
    let record = recorded(snapshot, hidden.begun).await?;
    Ok(match hidden.counts {
        HiddenCounts::Copied => record.map(Arc::new),
        HiddenCounts::NotDeleted(counts) => counts.filter(|_| record.is_none()),
    })
}

/// What a chunk counts as, if this shard has recorded that it was copied here or deleted here.
pub(super) async fn recorded(
    snapshot: &Transaction<'_>,
    begun: u64,
) -> Result<Option<ChunkCounts>, Failure> {
    let record = snapshot.prepare_cached(RECORD).await?;
    let Some(row) = snapshot.query_opt(&record, &[&big(begun)]).await? else { return Ok(None) };
    let counts = serde_json::from_str(get(&row, 0)?).map_err(|_| Failure::Column("counts_json"))?;
    Ok(Some(counts))
}

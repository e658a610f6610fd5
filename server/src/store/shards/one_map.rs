//! Reads of all databases by one map: what a chunk of buckets counts as that moves counts once.

use std::future::Future;
use std::sync::Arc;

use super::{MAPS_MAX, Shards};
use crate::store::shard_map::ShardMap;
use crate::store::shard_view::ShardView;
use crate::store::{ChunkCounts, StoreError};

tokio::task_local! {
    static MAP: OneMap;
}

/// The map that a read goes by, and what the chunk counts as that it moves.
#[derive(Clone)]
struct OneMap {
    map: Arc<ShardMap>,
    counts: Option<Arc<ChunkCounts>>,
}

impl Shards {
    /// Reads by one map, once more by the next one if a database has that already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) async fn by_one_map<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        read: impl Fn() -> F,
    ) -> Result<T, StoreError> {
        let mut tried = 0;
        loop {
            let map = self.map.current();
            let counts = self.map.moving_counts(&map).await?;
            match MAP.scope(OneMap { map, counts }, read()).await {
                Err(StoreError::OtherEpoch { .. }) if tried < MAPS_MAX => tried += 1,
                read => return read,
            }
            self.map.refresh().await?;
        }
    }

    /// The map of this read.
    pub(super) fn map_of_read(&self) -> Arc<ShardMap> {
        MAP.try_with(|it| Arc::clone(&it.map)).unwrap_or_else(|_| self.map.current())
    }

    /// What a database must know of the map of this read. `None` if it goes by none.
    pub(super) fn view_of_read(shard: u16) -> Option<ShardView> {
        MAP.try_with(|it| ShardView::of(&it.map, shard, it.counts.clone())).ok()
    }
}

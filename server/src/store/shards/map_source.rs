//! Where the map of the databases comes from.

use std::sync::Arc;

use crate::store::shard_map::ShardMap;
use crate::store::{Answer, ChunkCounts, StoreError};

/// Says which database has which bucket, as far as this server knows. Buckets may move.
pub trait MapSource: Send + Sync + 'static {
    /// The map that is known.
    fn current(&self) -> Arc<ShardMap>;

    /// Reads the map again, because a database refused something: it knows a newer one.
    fn refresh(&self) -> Answer<'_, ()>;

    /// What the chunk counts as that this map moves, if that is known: everything of it must have
    /// been copied.
    fn moving_counts<'m>(&'m self, _: &'m ShardMap) -> Answer<'m, Option<Arc<ChunkCounts>>> {
        Box::pin(async { Ok(None) })
    }
}

/// A map that never changes.
#[derive(Debug, Clone)]
pub struct FixedMap(pub Arc<ShardMap>);

impl MapSource for FixedMap {
    fn current(&self) -> Arc<ShardMap> {
        Arc::clone(&self.0)
    }

    fn refresh(&self) -> Answer<'_, ()> {
        Box::pin(async { Ok::<(), StoreError>(()) })
    }
}

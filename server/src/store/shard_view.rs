//! What a read of one of several databases must know of the map. Pure.
//!
//! While a chunk of buckets moves, two databases have its rows, and both count them. A read of all
//! databases goes by one map: in the database that does not own the chunk by that map, its rows are
//! hidden, and its counts are taken away. A database that has a newer map refuses the read, which
//! is then done again by that map.

use std::future::Future;
use std::sync::Arc;

use super::ChunkCounts;
use super::shard_map::{MoveStep, ShardMap};

tokio::task_local! {
    static VIEW: ShardView;
}

/// What a read of one of several databases must know of the map.
#[derive(Debug, Clone)]
pub struct ShardView {
    /// The epoch of the map that the read goes by.
    pub epoch: u64,
    /// The chunk that another database shows.
    pub hidden: Option<HiddenChunk>,
}

/// A chunk that a database may have, and another one shows.
#[derive(Debug, Clone)]
pub struct HiddenChunk {
    /// The epoch in which it began to leave.
    pub begun: u64,
    /// Its buckets.
    pub buckets: Arc<Vec<i16>>,
    /// What it counts as.
    pub counts: HiddenCounts,
}

/// What a hidden chunk counts as.
#[derive(Debug, Clone)]
pub enum HiddenCounts {
    /// The database is the target, and knows it once everything was copied.
    Copied,
    /// The database is the source, which counts it until everything was deleted. `None` if that is
    /// not known, because the target is down.
    NotDeleted(Option<Arc<ChunkCounts>>),
}

impl ShardView {
    /// The view of a shard, by this map. `counts` is what the chunk counts as that moves.
    pub fn of(map: &ShardMap, shard: u16, counts: Option<Arc<ChunkCounts>>) -> Self {
        let hidden = map.moving.as_ref().and_then(|moving| {
            let counts = match moving.step {
                MoveStep::Leaving if moving.to == shard => HiddenCounts::Copied,
                MoveStep::Arrived if moving.from == shard => HiddenCounts::NotDeleted(counts),
                _ => return None,
            };
            let buckets = Arc::new(moving.buckets.numbers());
            Some(HiddenChunk { begun: moving.begun, buckets, counts })
        });
        Self { epoch: map.epoch, hidden }
    }

    /// Reads with this view.
    pub async fn during<T>(self, read: impl Future<Output = T>) -> T {
        VIEW.scope(self, read).await
    }

    /// The epoch of the map that this read goes by. `None` if it does not matter.
    pub(crate) fn epoch_of_read() -> Option<u64> {
        VIEW.try_with(|view| view.epoch).ok()
    }

    /// The chunk that this read must not show.
    pub(crate) fn hidden_of_read() -> Option<HiddenChunk> {
        VIEW.try_with(|view| view.hidden.clone()).ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moving_chunk_is_hidden_in_exactly_one_shard() {
        let map = ShardMap::even(&[1, 2, 3]);
        let planned = map.plan(&[2, 3]).remove(0);
        let leaving = map.leaving(&planned).unwrap();
        let arrived = leaving.arrived().unwrap();
        let hidden = |map: &ShardMap| -> Vec<u16> {
            let is_hidden = |shard: &u16| ShardView::of(map, *shard, None).hidden.is_some();
            map.shards.iter().copied().filter(is_hidden).collect()
        };
        assert_eq!(hidden(&map), Vec::<u16>::new());
        assert_eq!(hidden(&leaving), [planned.to]);
        assert_eq!(hidden(&arrived), [planned.from]);
        assert_eq!(hidden(&arrived.finished().unwrap()), Vec::<u16>::new());
    }
}

//! Which buckets to move so that every shard has about as many.

use std::collections::{BTreeMap, BTreeSet};

use super::{BUCKETS, BucketSet, ShardMap};

/// Buckets to move from one shard to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The shard that owns them.
    pub from: u16,
    /// The shard that is to own them.
    pub to: u16,
    /// The buckets.
    pub buckets: BucketSet,
}

impl ShardMap {
    /// The fewest moves after which each of `shards` has as many buckets as any other, or one less,
    /// and all others have none. Nothing if there are no shards.
    pub fn plan(&self, shards: &[u16]) -> Vec<Move> {
        let shards: BTreeSet<u16> = shards.iter().copied().collect();
        let Some(count) = u16::try_from(shards.len()).ok().filter(|count| *count > 0) else {
            return Vec::new();
        };
        let mut owned = BTreeMap::<u16, Vec<u16>>::new();
        for bucket in 0..BUCKETS {
            owned.entry(self.owner(bucket)).or_default().push(bucket);
        }
        // Those that have the most keep one more, so that the fewest move.
        let mut by_size: Vec<(usize, u16)> =
            shards.iter().map(|shard| (owned.get(shard).map_or(0, Vec::len), *shard)).collect();
        by_size.sort_by_key(|(size, shard)| (std::cmp::Reverse(*size), *shard));
        let (even, more) = (BUCKETS / count, usize::from(BUCKETS % count));
        let size_at = |at: usize| usize::from(even) + usize::from(at < more);
        let wanted: BTreeMap<u16, usize> =
            by_size.iter().enumerate().map(|(at, (_, shard))| (*shard, size_at(at))).collect();

        let mut left_over = Vec::new();
        for (shard, buckets) in &mut owned {
            let kept = wanted.get(shard).copied().unwrap_or(0).min(buckets.len());
            left_over.extend(buckets.drain(kept..).map(|bucket| (*shard, bucket)));
        }
        let mut moves = BTreeMap::<(u16, u16), BucketSet>::new();
        let mut left_over = left_over.into_iter();
        for (shard, size) in &wanted {
            let has = owned.get(shard).map_or(0, Vec::len);
            for (from, bucket) in left_over.by_ref().take(size - has) {
                moves.entry((from, *shard)).or_default().insert(bucket);
            }
        }
        moves.into_iter().map(|((from, to), buckets)| Move { from, to, buckets }).collect()
    }
}

impl Move {
    /// The first chunk of it, of at most this many buckets, and of one at least.
    #[must_use]
    pub fn chunk(&self, buckets_max: usize) -> Self {
        let buckets = self.buckets.iter().take(buckets_max.max(1)).collect();
        Self { buckets, ..self.clone() }
    }
}

//! Which shard has which bucket. Pure.
//!
//! A shard is a database of several that keep the data of one installation. Every row that grows
//! with events belongs to one of [`BUCKETS`] buckets, and each bucket has one owner. Every shard
//! stores the whole map with its epoch, which grows by one with each change. A map of a later epoch
//! replaces one of an earlier epoch, wherever it is found.
//!
//! Buckets move in chunks, one chunk at a time. While a chunk is [`MoveStep::Leaving`], its rows
//! are copied and nobody writes them. Then the target becomes the owner, in the same change as the
//! step becomes [`MoveStep::Arrived`], and the old rows are deleted. Meanwhile both shards have the
//! rows of the chunk, so what counts is what the owner has: see [`ShardMap::shows`].

mod bucket_set;
mod plan;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeSet;

pub use bucket_set::BucketSet;
pub use plan::Move;
pub use text::MapError;

/// How many buckets there are. It never changes.
pub const BUCKETS: u16 = 1_024;

/// The number of a database that is alone.
pub const ALONE: u16 = 1;

/// Which shard has which bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardMap {
    /// How often the map has changed. 0 for a database that has always been alone.
    pub epoch: u64,
    /// The numbers of all shards, also of those without buckets.
    pub shards: BTreeSet<u16>,
    /// Those of them that are to have no buckets.
    pub drained: BTreeSet<u16>,
    /// The numbers of shards that were removed. They are never given again.
    pub removed: BTreeSet<u16>,
    /// The owner of each bucket.
    pub owners: [u16; BUCKETS as usize],
    /// The buckets that are being moved.
    pub moving: Option<Moving>,
}

/// A chunk of buckets on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moving {
    /// The shard that had them.
    pub from: u16,
    /// The shard that gets them.
    pub to: u16,
    /// How far they are.
    pub step: MoveStep,
    /// The epoch in which they began to leave: it tells this chunk from all others.
    pub begun: u64,
    /// The buckets.
    pub buckets: BucketSet,
}

/// How far a chunk of buckets is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveStep {
    /// The source owns them, and nobody writes them. The target may have all of their rows already.
    Leaving,
    /// The target owns them and takes writes. The source may still have their rows.
    Arrived,
}

impl ShardMap {
    /// The map of a database that is alone.
    pub fn alone() -> Self {
        Self::of([ALONE], ALONE)
    }

    /// A new map in which the shards have about as many buckets each. For databases that are empty.
    /// Without a shard, it is that of a database that is alone.
    pub fn even(shards: &[u16]) -> Self {
        let shards: BTreeSet<u16> = shards.iter().copied().collect();
        let Some(first) = shards.first() else { return Self::alone() };
        let mut map = Self::of(shards.iter().copied(), *first);
        for planned in map.plan(&shards.into_iter().collect::<Vec<_>>()) {
            map.give(&planned.buckets, planned.to);
        }
        map.epoch = 1;
        map
    }

    fn of(shards: impl IntoIterator<Item = u16>, owner: u16) -> Self {
        let owners = [owner; BUCKETS as usize];
        Self {
            epoch: 0,
            shards: shards.into_iter().collect(),
            drained: BTreeSet::new(),
            removed: BTreeSet::new(),
            owners,
            moving: None,
        }
    }

    /// Whether one database has everything, and always had.
    pub fn is_alone(&self) -> bool {
        self.epoch == 0
    }

    /// The shard that owns a bucket. What is no bucket belongs to the first shard.
    pub fn owner(&self, bucket: u16) -> u16 {
        self.owners.get(usize::from(bucket)).copied().unwrap_or_else(|| self.control())
    }

    /// The shard that keeps what there is once: the lowest number.
    pub fn control(&self) -> u16 {
        self.shards.first().copied().unwrap_or(ALONE)
    }

    /// The buckets that a shard owns.
    pub fn owned_by(&self, shard: u16) -> BucketSet {
        (0..BUCKETS).filter(|bucket| self.owner(*bucket) == shard).collect()
    }

    /// The buckets that a shard takes writes for: those that it owns and that are not leaving.
    pub fn writable_by(&self, shard: u16) -> BucketSet {
        (0..BUCKETS).filter(|it| self.owner(*it) == shard && !self.is_leaving(*it)).collect()
    }

    /// Whether nobody may write a bucket now, because it is being copied.
    pub fn is_leaving(&self, bucket: u16) -> bool {
        let moving = self.moving.as_ref().filter(|it| it.step == MoveStep::Leaving);
        moving.is_some_and(|it| it.buckets.contains(bucket))
    }

    /// Whether two shards may have rows of a bucket.
    pub fn may_be_twice(&self, bucket: u16) -> bool {
        self.moving.as_ref().is_some_and(|it| it.buckets.contains(bucket))
    }

    /// Whether a reader shows the rows of a bucket that it finds in a shard. Exactly one shard's
    /// are shown, also while two have them.
    pub fn shows(&self, shard: u16, bucket: u16) -> bool {
        self.owner(bucket) == shard
    }

    /// The shards that are to have buckets.
    pub fn filled(&self) -> Vec<u16> {
        self.shards.difference(&self.drained).copied().collect()
    }

    /// The next map, in which a database without any data is a shard too.
    #[must_use]
    pub fn joined(&self, shard: u16) -> Self {
        let mut map = self.next();
        map.shards.insert(shard);
        map
    }

    /// The next map, in which these shards are to have no buckets, and all others are. Nothing
    /// moves by this alone.
    #[must_use]
    pub fn draining(&self, shards: impl IntoIterator<Item = u16>) -> Self {
        let mut map = self.next();
        map.drained = shards.into_iter().filter(|it| self.shards.contains(it)).collect();
        map
    }

    /// The next map, without a shard. `None` if there is no such shard, if it has buckets or may
    /// have rows of some, or if it is the one that keeps what there is once.
    #[must_use]
    pub fn without(&self, shard: u16) -> Option<Self> {
        let is_free = self.moving.is_none() && self.owned_by(shard).is_empty();
        if !is_free || shard == self.control() {
            return None;
        }
        let mut map = self.next();
        map.drained.remove(&shard);
        map.removed.insert(shard);
        map.shards.remove(&shard).then_some(map)
    }

    /// The next map, in which a chunk begins to leave. `None` while another is on its way, or if
    /// the shard does not own all of it.
    #[must_use]
    pub fn leaving(&self, planned: &Move) -> Option<Self> {
        let Move { from, to, buckets } = planned;
        let owns_all = buckets.iter().all(|bucket| self.owner(bucket) == *from);
        let is_known = self.shards.contains(to) && from != to && !buckets.is_empty();
        if self.moving.is_some() || !owns_all || !is_known {
            return None;
        }
        let mut map = self.next();
        let (step, begun) = (MoveStep::Leaving, map.epoch);
        let buckets = buckets.clone();
        map.moving = Some(Moving { from: *from, to: *to, step, begun, buckets });
        Some(map)
    }

    /// The next map, in which the chunk that was leaving belongs to its target. `None` if none is.
    #[must_use]
    pub fn arrived(&self) -> Option<Self> {
        let moving = self.moving.clone().filter(|it| it.step == MoveStep::Leaving)?;
        let mut map = self.next();
        map.give(&moving.buckets, moving.to);
        map.moving = Some(Moving { step: MoveStep::Arrived, ..moving });
        Some(map)
    }

    /// The next map, in which the chunk that arrived is nowhere else any more. `None` if none is.
    #[must_use]
    pub fn finished(&self) -> Option<Self> {
        self.moving.as_ref().filter(|it| it.step == MoveStep::Arrived)?;
        Some(Self { moving: None, ..self.next() })
    }

    fn next(&self) -> Self {
        Self { epoch: self.epoch + 1, ..self.clone() }
    }

    fn give(&mut self, buckets: &BucketSet, to: u16) {
        for bucket in buckets.iter() {
            if let Some(owner) = self.owners.get_mut(usize::from(bucket)) {
                *owner = to;
            }
        }
    }
}

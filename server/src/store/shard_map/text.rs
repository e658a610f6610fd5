//! The map as text, which every shard stores.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{BUCKETS, BucketSet, MoveStep, Moving, ShardMap};

/// The JSON of a map.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    epoch: u64,
    /// The buckets of each shard.
    shards: BTreeMap<u16, String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    drained: BTreeSet<u16>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    removed: BTreeSet<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    moving: Option<MovingText>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MovingText {
    from: u16,
    to: u16,
    step: StepText,
    begun: u64,
    buckets: String,
}

#[derive(Serialize, Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum StepText {
    Leaving,
    Arrived,
}

/// It is no map.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// Its text is not that of a map.
    #[error("read the shard map: {0}")]
    Text(#[from] serde_json::Error),
    /// It has something in it that is no set of buckets.
    #[error(transparent)]
    Buckets(#[from] super::bucket_set::NoBuckets),
    /// A bucket does not have exactly one owner.
    #[error("read the shard map: bucket {0} does not have exactly one owner")]
    Owners(u16),
    /// A shard is named that the map does not have.
    #[error("read the shard map: it names shard {0}, and has no such shard")]
    Shard(u16),
    /// A shard is there and was removed.
    #[error("read the shard map: it has shard {0}, and says that it was removed")]
    Removed(u16),
}

impl fmt::Display for ShardMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = |step| match step {
            MoveStep::Leaving => StepText::Leaving,
            MoveStep::Arrived => StepText::Arrived,
        };
        let text = Text {
            epoch: self.epoch,
            shards: self.shards.iter().map(|it| (*it, self.owned_by(*it).to_string())).collect(),
            drained: self.drained.clone(),
            removed: self.removed.clone(),
            moving: self.moving.as_ref().map(|it| MovingText {
                from: it.from,
                to: it.to,
                step: step(it.step),
                begun: it.begun,
                buckets: it.buckets.to_string(),
            }),
        };
        f.write_str(&serde_json::to_string(&text).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for ShardMap {
    type Err = MapError;

    fn from_str(text: &str) -> Result<Self, MapError> {
        let Text { epoch, shards, drained, removed, moving } = serde_json::from_str(text)?;
        let mut found: [Option<u16>; BUCKETS as usize] = [None; BUCKETS as usize];
        for (shard, buckets) in &shards {
            for bucket in buckets.parse::<BucketSet>()?.iter() {
                let owner = found.get_mut(usize::from(bucket));
                if owner.is_none_or(|owner| owner.replace(*shard).is_some()) {
                    return Err(MapError::Owners(bucket));
                }
            }
        }
        let mut owners = [0; BUCKETS as usize];
        for (bucket, (owner, found)) in (0..BUCKETS).zip(owners.iter_mut().zip(found)) {
            *owner = found.ok_or(MapError::Owners(bucket))?;
        }
        let moving = moving.map(Moving::try_from).transpose()?;
        let shards: BTreeSet<u16> = shards.into_keys().collect();
        let named = moving.iter().flat_map(|it| [it.from, it.to]).chain(drained.iter().copied());
        if let Some(unknown) = named.into_iter().find(|shard| !shards.contains(shard)) {
            return Err(MapError::Shard(unknown));
        }
        if let Some(both) = removed.intersection(&shards).next() {
            return Err(MapError::Removed(*both));
        }
        Ok(Self { epoch, shards, drained, removed, owners, moving })
    }
}

impl TryFrom<MovingText> for Moving {
    type Error = MapError;

    fn try_from(text: MovingText) -> Result<Self, MapError> {
        let step = match text.step {
            StepText::Leaving => MoveStep::Leaving,
            StepText::Arrived => MoveStep::Arrived,
        };
        let MovingText { from, to, begun, buckets, .. } = text;
        Ok(Self { from, to, step, begun, buckets: buckets.parse()? })
    }
}

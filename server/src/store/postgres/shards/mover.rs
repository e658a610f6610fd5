//! Changes of the map, and moving buckets, step by step.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Client;
use uuid::Uuid;

use super::counts::MovedCounts;
use super::error::ShardError;
use super::map::Shards;
use super::{copy, delete, hold, prepare};
use crate::store::Opening;
use crate::store::postgres::connection::url::DatabaseUrl;
use crate::store::postgres::locks::Lock;
use crate::store::shard_map::{Move, MoveStep, Moving, ShardMap};
use crate::system::clock::Clock;

/// A chunk has about this many events, so that what waits for it waits for seconds.
const CHUNK_EVENTS: u64 = 500_000;
/// Every chunk reads all weeks of its source, so there are at most about this many of all buckets
/// of a shard.
const CHUNKS_MAX: u64 = 64;

/// What a mover has done last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// A database is a shard now.
    Joined,
    /// The map says that a chunk leaves.
    Leaving,
    /// Its deliveries are held.
    Held,
    /// All of it is in the target.
    Copied,
    /// The map says that it belongs to the target.
    Arrived,
    /// None of it is in the source.
    Deleted,
    /// The map says that nothing moves.
    Finished,
}

/// Watches a move.
pub trait MoveWatch: Send {
    /// A chunk of about this number of events begins.
    fn begin(&mut self, what: &str, rows: u64);

    /// This number of its rows is done. Answers whether to go on with the chunk. If not, it is left
    /// as it is, and what it was doing is rolled back.
    fn reach(&mut self, rows: u64) -> bool;

    /// A step is done. Answers whether to go on.
    fn done(&mut self, step: Step) -> bool;

    /// Whether to go on with another chunk.
    fn wants_more(&mut self) -> bool;

    /// Something worth knowing.
    fn note(&mut self, text: &str);
}

/// What to move.
#[derive(Debug, Clone, Default)]
pub struct MoveOptions {
    /// Shards that are to have no buckets any more.
    pub drain: Vec<u16>,
    /// Shards that are to have buckets again.
    pub fill: Vec<u16>,
    /// The most buckets of a chunk. By the number of events without it.
    pub buckets_max: Option<usize>,
    /// How long a chunk that has arrived stays where it was, so that whoever follows the live view
    /// has seen all of it there.
    pub stay: Duration,
}

/// What was moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    /// Chunks.
    pub chunks: u64,
    /// Buckets.
    pub buckets: u64,
    /// Events.
    pub events: u64,
    /// Shards that are new.
    pub joined: u64,
}

/// Moves buckets. There is one at a time.
pub struct Mover {
    pub(super) shards: Shards,
    clock: Arc<dyn Clock>,
    /// Ends with the connection.
    lock: Client,
}

impl std::fmt::Debug for Mover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mover").field("shards", &self.shards).finish_non_exhaustive()
    }
}

impl Mover {
    /// Connects to all shards, and keeps others from moving.
    ///
    /// # Errors
    /// [`ShardError`].
    pub async fn open(urls: &[DatabaseUrl], clock: Arc<dyn Clock>) -> Result<Self, ShardError> {
        let shards = Shards::open(urls, &Opening::Change).await?;
        let lock = shards.shard(shards.map.control())?.lock().await?;
        shards.close();
        // What others did before they gave the lock back counts.
        let shards = Shards::open(urls, &Opening::Change).await?;
        Ok(Self { shards, clock, lock })
    }

    /// Lets others move, and closes all connections.
    ///
    /// # Errors
    /// [`ShardError::Work`]. Others can move as soon as the database notices that this is gone.
    pub async fn close(self) -> Result<(), ShardError> {
        let released = Lock::Shards.release(&self.lock).await;
        let place = self.shards.shard(self.shards.map.control())?.place();
        self.shards.close();
        released.map_err(|error| ShardError::work("end the move", &place, &error.into()))
    }

    /// All shards.
    pub fn shards(&self) -> &Shards {
        &self.shards
    }

    /// Moves everything that is not where it must be, after what was under way.
    ///
    /// # Errors
    /// [`ShardError`]. The same call goes on where it stopped.
    pub async fn run(
        &mut self,
        options: &MoveOptions,
        installation: Uuid,
        watch: &mut dyn MoveWatch,
    ) -> Result<Moved, ShardError> {
        let mut moved = Moved::default();
        self.catch_up(watch).await?;
        if self.shards.map.moving.is_some() {
            watch.note("going on with the buckets that were on their way");
            self.finish(options, &mut moved, watch).await?;
        }
        self.join(installation, &mut moved, watch).await?;
        self.drain(options, watch).await?;
        while watch.wants_more() {
            let map = &self.shards.map;
            let Some(planned) = map.plan(&map.filled()).into_iter().next() else { break };
            let (chunk, rows) = self.chunk(&planned, options.buckets_max).await?;
            let Move { from, to, buckets } = &chunk;
            let count = buckets.len();
            watch.begin(&format!("move {count} buckets from shard {from} to {to}"), rows);
            let leaving = map.leaving(&chunk).ok_or(ShardError::Changed)?;
            self.publish(leaving, watch).await?;
            reached(watch, Step::Leaving)?;
            self.finish(options, &mut moved, watch).await?;
        }
        Ok(moved)
    }

    /// Makes shards of databases that are in no map yet. They have no buckets.
    ///
    /// # Errors
    /// [`ShardError`].
    pub(super) async fn join_all(
        &mut self,
        installation: Uuid,
        watch: &mut dyn MoveWatch,
    ) -> Result<(), ShardError> {
        self.catch_up(watch).await?;
        self.join(installation, &mut Moved::default(), watch).await
    }

    /// The first chunk of a move, and about how many events it has.
    async fn chunk(
        &self,
        planned: &Move,
        buckets_max: Option<usize>,
    ) -> Result<(Move, u64), ShardError> {
        let size = self.shards.shard(planned.from)?.size().await?;
        let owned = self.shards.map.owned_by(planned.from).len().max(1) as u64;
        let by_events = chunk_buckets(size.events, owned);
        let chunk = planned.chunk(buckets_max.unwrap_or(by_events));
        let rows = size.events.saturating_mul(chunk.buckets.len() as u64) / owned;
        Ok((chunk, rows))
    }

    /// Goes on with the chunk that is under way.
    async fn finish(
        &mut self,
        options: &MoveOptions,
        moved: &mut Moved,
        watch: &mut dyn MoveWatch,
    ) -> Result<(), ShardError> {
        let moving = self.shards.map.moving.clone().ok_or(ShardError::Changed)?;
        if moving.step == MoveStep::Leaving {
            self.copy(&moving, watch).await?;
            reached(watch, Step::Copied)?;
            let arrived = self.shards.map.arrived().ok_or(ShardError::Changed)?;
            self.publish(arrived, watch).await?;
            reached(watch, Step::Arrived)?;
        }
        let deleted = self.delete(&moving, options.stay, watch).await?;
        reached(watch, Step::Deleted)?;
        let finished = self.shards.map.finished().ok_or(ShardError::Changed)?;
        self.publish(finished, watch).await?;
        self.shards.shard(moving.to)?.forget_counts(&moving).await?;
        moved.chunks += 1;
        moved.buckets += moving.buckets.len() as u64;
        moved.events += deleted.events;
        reached(watch, Step::Finished)
    }

    async fn copy(
        &self,
        moving: &Moving,
        watch: &mut dyn MoveWatch,
    ) -> Result<MovedCounts, ShardError> {
        let (from, to) = (self.shards.shard(moving.from)?, self.shards.shard(moving.to)?);
        let held = (&moving.buckets, &*self.clock);
        hold::all(from, held, &mut || watch.reach(0)).await?;
        reached(watch, Step::Held)?;
        prepare::target(from, to).await?;
        let at = (self.shards.map.epoch, moving);
        copy::chunk((from, to), at, self.clock.now_ms(), &mut |rows| watch.reach(rows)).await
    }

    async fn delete(
        &self,
        moving: &Moving,
        stay: Duration,
        watch: &mut dyn MoveWatch,
    ) -> Result<MovedCounts, ShardError> {
        let from = self.shards.shard(moving.from)?;
        let left = from.live_end().await?;
        tokio::time::sleep(stay).await;
        let at = (self.shards.map.epoch, moving, left);
        delete::chunk(from, at, self.clock.now_ms(), &mut |rows| watch.reach(rows)).await
    }

    /// Makes databases shards that are in no map yet.
    async fn join(
        &mut self,
        installation: Uuid,
        moved: &mut Moved,
        watch: &mut dyn MoveWatch,
    ) -> Result<(), ShardError> {
        for number in self.shards.unmapped() {
            let map = self.shards.map.joined(number);
            self.publish(map, watch).await?;
            moved.joined += 1;
        }
        if self.shards.new.is_empty() {
            return Ok(());
        }
        for database in &self.shards.new {
            if !database.is_empty().await? {
                return Err(ShardError::NotEmpty { place: database.place() });
            }
        }
        if self.shards.map.is_alone() {
            self.begin(installation).await?;
        }
        let installation = self.shards.installation.unwrap_or(installation);
        while !self.shards.new.is_empty() {
            let number = self.shards.next_number();
            let database = self.shards.new.remove(0);
            // It belongs to the installation before it is in a map, and takes nothing until then.
            if !database.join(installation, number, &self.shards.map).await? {
                return Err(ShardError::Changed);
            }
            watch.note(&format!("{} is shard {number} now", database.place()));
            self.shards.known.insert(number, database);
            reached(watch, Step::Joined)?;
            let map = self.shards.map.joined(number);
            self.publish(map, watch).await?;
            moved.joined += 1;
        }
        Ok(())
    }

    /// Makes a database that is alone the first shard.
    async fn begin(&mut self, installation: Uuid) -> Result<(), ShardError> {
        let control = self.shards.map.control();
        let map = ShardMap { epoch: 1, ..self.shards.map.clone() };
        if !self.shards.shard(control)?.join(installation, control, &map).await? {
            return Err(ShardError::Changed);
        }
        self.shards.installation = Some(installation);
        self.shards.map = map;
        Ok(())
    }

    /// Records which shards are to have no buckets.
    async fn drain(
        &mut self,
        options: &MoveOptions,
        watch: &mut dyn MoveWatch,
    ) -> Result<(), ShardError> {
        let map = &self.shards.map;
        let named = options.drain.iter().chain(&options.fill);
        if let Some(number) = named.into_iter().find(|it| !map.shards.contains(it)) {
            return Err(ShardError::Drain { number: *number });
        }
        let mut drained = map.drained.clone();
        drained.extend(&options.drain);
        drained.retain(|number| !options.fill.contains(number));
        if drained.len() >= map.shards.len() {
            let number = options.drain.last().copied().unwrap_or_default();
            return Err(ShardError::Drain { number });
        }
        if drained == map.drained {
            return Ok(());
        }
        let map = map.draining(drained);
        self.publish(map, watch).await
    }

    /// Gives every shard the newest map, which a process that died may not have done.
    pub(super) async fn catch_up(&mut self, watch: &mut dyn MoveWatch) -> Result<(), ShardError> {
        let control = self.shards.map.control();
        self.shards.shard(control)?.adopt(&self.shards.map).await?;
        self.spread(watch).await
    }

    /// Replaces the map: first where it is decided, then where buckets move, then everywhere.
    async fn publish(
        &mut self,
        map: ShardMap,
        watch: &mut dyn MoveWatch,
    ) -> Result<(), ShardError> {
        self.shards.shard(map.control())?.replace(&map).await?;
        self.shards.map = map;
        self.spread(watch).await
    }

    /// Gives the map to all other shards. One that is not a part of the move and does not answer
    /// gets it from the servers later.
    pub(super) async fn spread(&mut self, watch: &mut dyn MoveWatch) -> Result<(), ShardError> {
        let map = &self.shards.map;
        let needed = map.moving.as_ref().map(|it| [it.from, it.to]).unwrap_or_default();
        for (number, shard) in &self.shards.known {
            match shard.adopt(map).await {
                Ok(_) => {}
                Err(error) if needed.contains(number) => return Err(error),
                Err(error) => watch.note(&format!("shard {number} has an older map: {error}")),
            }
        }
        Ok(())
    }
}

/// How many buckets a chunk has, of a shard with this number of events in this number of buckets.
fn chunk_buckets(events: u64, buckets: u64) -> usize {
    let of_each = (events / buckets.max(1)).max(1);
    let wanted = CHUNK_EVENTS.max(events / CHUNKS_MAX);
    usize::try_from(wanted / of_each).unwrap_or(usize::MAX).max(1)
}

fn reached(watch: &mut dyn MoveWatch, step: Step) -> Result<(), ShardError> {
    if watch.done(step) { Ok(()) } else { Err(ShardError::Stopped) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_large_enough_that_weeks_are_not_read_too_often() {
        assert_eq!(chunk_buckets(0, 1_024), 500_000);
        assert_eq!(chunk_buckets(1_024_000, 1_024), 500);
        assert_eq!(chunk_buckets(10_240_000, 1_024), 50);
        assert_eq!(chunk_buckets(1_024_000_000, 1_024), 16);
        assert_eq!(chunk_buckets(u64::MAX, 1), 1);
    }
}

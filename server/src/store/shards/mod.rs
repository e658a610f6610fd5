//! Several databases that are one storage. Each has some of the buckets, and everything that
//! belongs to them.
//!
//! What is stored of an event is in the database that has the bucket of its producer, of the id
//! that its client gave it, or of its own id. So whether an event arrived before is decided in one
//! database, in one transaction, as without shards. A payload may hold events of several databases.
//! Its plan is divided, each part is applied in its database, and only when all parts are applied
//! is the payload settled in the database whose queue has it. Applying a part again does nothing,
//! because each database marks the payload as applied.
//!
//! Lists of databases are merged, and counts are added up. Keys, sessions, saved views, trends,
//! alerts, replays and the choice of the leader are in the database with the lowest number, the
//! control database.
//!
//! **Invariant:** a database that is down holds up only what belongs to its buckets. What
//! lacks its part says so ([`crate::store::partial`]), or is an error.

mod absent;
mod aggregate;
mod archive;
mod changes;
mod database;
mod deliveries;
mod delivery_leases;
mod event_traces;
mod events;
mod gather;
mod homes;
mod live;
mod map_source;
mod one_map;
mod open;
mod pages;
mod payload_leases;
mod payload_queue;
mod peers;
mod postgres_map;
mod reader;
mod shard;
mod split;
mod sql;
mod tallies;
mod trends;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use changes::Changes;
use homes::Homes;
pub use map_source::{FixedMap, MapSource};
pub use open::{OpenError, OpenShards, open, open_as};
pub use shard::Shard;

use crate::store::Storage;
use crate::store::shard_map::ShardMap;

/// How often work is done again by another map. A move of a chunk changes the map three times.
const MAPS_MAX: u32 = 4;

/// Several databases.
pub struct Shards {
    /// By number.
    all: Vec<Shard>,
    control: Shard,
    map: Arc<dyn MapSource>,
    /// Where the payloads are that this process has leased.
    homes: Homes,
    stored: Changes,
    queued: Changes,
    /// With which database the next lease begins.
    turn: AtomicUsize,
}

impl Shards {
    /// The storage that these databases are together. `None` without any. Runs tasks on the current
    /// runtime, which end with the databases.
    pub fn storage(mut all: Vec<Shard>, map: Arc<dyn MapSource>) -> Option<Storage> {
        all.sort_by_key(|shard| shard.number);
        let control = all.first()?.clone();
        let stored = Changes::of(all.iter().map(|shard| shard.storage.reader.changes()));
        let queued = Changes::of(all.iter().map(|shard| shard.storage.delivery_queue.queued()));
        let (homes, turn) = (Homes::default(), AtomicUsize::new(0));
        let of_control = control.storage.clone();
        let shards = Arc::new(Self { all, control, map, homes, stored, queued, turn });
        Some(Storage {
            payload_queue: Arc::<Self>::clone(&shards),
            archive: Arc::<Self>::clone(&shards),
            events: Arc::<Self>::clone(&shards),
            reader: Arc::<Self>::clone(&shards),
            delivery_queue: Arc::<Self>::clone(&shards),
            trends: Arc::<Self>::clone(&shards),
            tallies: Arc::<Self>::clone(&shards),
            peers: Arc::<Self>::clone(&shards),
            intake_database: Arc::new(database::Databases::intake(&shards.all)),
            events_database: Arc::new(database::Databases::events(&shards.all)),
            ..of_control
        })
    }

    /// The database with a number.
    fn numbered(&self, number: u16) -> Option<&Shard> {
        self.all.iter().find(|shard| shard.number == number)
    }

    /// The number of the database that has a bucket.
    fn owner(&self, bucket: i16) -> u16 {
        owner_in(&self.map_of_read(), bucket)
    }

    /// The databases, each time beginning with another one.
    fn in_turn(&self) -> Vec<&Shard> {
        let first = self.turn.fetch_add(1, Ordering::Relaxed) % self.all.len().max(1);
        self.all.iter().cycle().skip(first).take(self.all.len()).collect()
    }
}

/// The number of the database that has a bucket.
fn owner_in(map: &ShardMap, bucket: i16) -> u16 {
    map.owner(u16::try_from(bucket).unwrap_or_default())
}

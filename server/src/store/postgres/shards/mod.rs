//! Shards: several databases that keep the data of one installation, divided by bucket.
//!
//! Every database has one row in `shard`: which one it is, and the whole map. `gate` keeps
//! servers from writing what the map does not allow. [`Mover`] changes the map, and moves buckets:
//!
//! 1. `leaving`: the map says that a chunk leaves. From then on nobody writes it.
//! 2. Its deliveries are held, so that nobody leases them.
//! 3. Everything of it is copied in one transaction of the target, with its counts.
//! 4. `arrived`: the map says that the target owns it.
//! 5. It is deleted in one transaction of the source, with its counts.
//! 6. The map says that nothing moves.
//!
//! The first shard has the newest map, always, and whoever finds an older one elsewhere replaces
//! it. Steps 3 and 5 record in their transaction that they were done. So wherever a process dies,
//! the next one sees how far it came, and goes on from there.

mod copy;
mod counts;
mod database;
mod delete;
mod error;
mod found;
pub(crate) mod gate;
pub(crate) mod hidden;
mod hold;
mod map;
mod mover;
mod prepare;
mod profiles;
mod raw;
mod record;
mod remains;
mod remove;
mod tables;

pub use counts::MovedCounts;
pub use database::{ShardDatabase, ShardSize, ShardState};
pub use error::ShardError;
pub use found::found;
pub use gate::ShardEpoch;
pub use map::Shards;
pub use mover::{MoveOptions, MoveWatch, Moved, Mover, Step};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deadpool_postgres::Transaction;

use super::apply::parts;
use super::columns::get;
use super::connection::database::Database;
use super::connection::failure::Failure;
use super::connection::open_error::OpenError;
use crate::store::shard_map::ShardMap;
use crate::store::{Opening, Plan, StoreError};

/// Refuses a database that is a shard to a server that knows no shards.
///
/// # Errors
/// [`OpenError::Shard`].
pub(crate) async fn check_open(
    database: &Database,
    opening: &Opening,
    epoch: &ShardEpoch,
) -> Result<(), OpenError> {
    if opening.only_reads() || epoch.known() > 0 {
        return Ok(());
    }
    let taking = database
        .transaction(|transaction| Box::pin(async move { gate::Gate::take(transaction, 0).await }));
    match taking.await {
        Ok(_) => Ok(()),
        Err(Failure::Refused(StoreError::OtherEpoch { .. })) => Err(OpenError::Shard),
        Err(failure) => Err(OpenError::Prepare { source: Arc::new(failure) }),
    }
}

/// Whether a database has everything of its installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastOne {
    /// It was always alone, or all others were removed.
    Yes,
    /// The same, and it has payloads that were applied in part when there were others.
    Parts,
    /// There are others.
    No { number: u16, count: usize, control: u16 },
}

const PARTS: &str = "SELECT EXISTS (SELECT FROM payload_queue AS q JOIN applied AS a ON a.payload_id = q.id \
     WHERE a.buckets IS NOT NULL)";

/// Whether this database has everything.
pub(crate) async fn last_one(transaction: &Transaction<'_>) -> Result<LastOne, Failure> {
    let state = database::state(transaction).await?;
    let (number, count, control) = (state.number, state.map.shards.len(), state.map.control());
    if !state.map.is_alone() && (count > 1 || number != control) {
        return Ok(LastOne::No { number, count, control });
    }
    let has_parts = get(&transaction.query_one(PARTS, &[]).await?, 0)?;
    Ok(if has_parts { LastOne::Parts } else { LastOne::Yes })
}

/// The parts of a plan that each shard applies, by the owners of their buckets. A plan without any
/// belongs to nobody.
pub fn split(plan: &Arc<Plan>, map: &ShardMap) -> BTreeMap<u16, Arc<Plan>> {
    let owner = |bucket: i16| u16::try_from(bucket).map_or(map.control(), |it| map.owner(it));
    let owners: BTreeSet<u16> = parts::buckets(plan).into_iter().map(owner).collect();
    let part = |number: u16| (number, parts::part(plan, |bucket| owner(bucket) == number));
    owners.into_iter().map(part).collect()
}

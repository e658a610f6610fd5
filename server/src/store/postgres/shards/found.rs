//! How databases become the shards of one installation: the first server that has all of their URLs
//! makes the map.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::database::ShardDatabase;
use super::error::ShardError;
use super::map::Shards;
use super::mover::{MoveWatch, Mover, Step};
use crate::store::Opening;
use crate::store::postgres::connection::url::DatabaseUrl;
use crate::store::shard_map::{ALONE, ShardMap};
use crate::system::clock::Clock;

/// How long a server waits for another one that makes or changes the map.
const WAIT_MAX: Duration = Duration::from_secs(30);
const AGAIN: Duration = Duration::from_millis(300);

/// Connects to the databases of these URLs, and makes shards of those that are not in the map yet.
/// Shards that are down are left out, if the others know their numbers.
///
/// Databases that are all empty get a new map, in which each has its part. Otherwise, empty ones
/// join without buckets.
///
/// # Errors
/// [`ShardError`].
pub async fn found(
    urls: &[DatabaseUrl],
    clock: &Arc<dyn Clock>,
    installation: Uuid,
) -> Result<Shards, ShardError> {
    let begun = Instant::now();
    loop {
        match Box::pin(attempt(urls, clock, installation)).await {
            Ok(Some(shards)) => return Ok(shards),
            Ok(None) => {}
            // Another server, or `lamplight shards move`.
            Err(ShardError::Busy) if begun.elapsed() < WAIT_MAX => {
                tokio::time::sleep(AGAIN).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Gives the shards if nothing is left to do. Otherwise does a part of it.
async fn attempt(
    urls: &[DatabaseUrl],
    clock: &Arc<dyn Clock>,
    installation: Uuid,
) -> Result<Option<Shards>, ShardError> {
    let mut shards = Shards::connect_to_present(urls, &Opening::Change).await?;
    for (number, place) in &shards.removed {
        tracing::warn!(
            "shard {number} was removed, and nothing is read from {place}: take its URL out of the \
             configuration"
        );
    }
    if let Some(why) = shards.why_absent.take() {
        shards.why_absent = Some(shards.check_absent(why)?);
        shards.spread().await;
        return Ok(Some(shards));
    }
    if shards.is_complete() {
        shards.spread().await;
        return Ok(Some(shards));
    }
    shards.check_twins().await?;
    if !shards.is_fresh().await? {
        shards.check_missing()?;
        shards.close();
        let mut mover = Mover::open(urls, Arc::clone(clock)).await?;
        mover.join_all(installation, &mut Log).await?;
        mover.close().await?;
        return Ok(None);
    }
    // All servers find the same one, in whichever order their URLs are.
    let (first, _) = shards
        .identities()
        .await?
        .into_iter()
        .min_by_key(|(_, id)| id.clone())
        .ok_or(ShardError::NoUrl)?;
    let lock = first.lock().await?;
    // What another server did before it gave the lock back counts.
    let mut again = Shards::connect(urls, &Opening::Change).await?;
    if !again.is_complete() && again.is_fresh().await? {
        again.make_map(installation).await?;
    }
    again.close();
    shards.close();
    drop(lock);
    Ok(None)
}

impl Shards {
    /// Whether every database is in the map, and every shard of the map is there.
    fn is_complete(&self) -> bool {
        let is_there = |number: &u16| self.known.contains_key(number);
        let is_new = self.map.is_alone() || !self.new.is_empty() || !self.unmapped().is_empty();
        !is_new && self.map.shards.iter().all(is_there)
    }

    /// Refuses to go on without the databases that are down, unless they are all that is missing,
    /// and none of them is the first shard.
    fn check_absent(&self, why: ShardError) -> Result<ShardError, ShardError> {
        let missing = self.map.shards.iter().filter(|number| !self.known.contains_key(number));
        let is_map_known = !self.map.is_alone() && self.new.is_empty();
        if !is_map_known || !self.unmapped().is_empty() || missing.count() != self.absent.len() {
            return Err(why);
        }
        let number = self.map.control();
        if !self.known.contains_key(&number) {
            return Err(ShardError::NoControl { number, reason: why.to_string() });
        }
        Ok(why)
    }

    /// Whether nothing was ever stored in any of them. A server may have died while it made the
    /// map.
    async fn is_fresh(&self) -> Result<bool, ShardError> {
        if self.map.epoch > 1 {
            return Ok(false);
        }
        for database in self.known.values().chain(&self.new) {
            if !database.is_empty().await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Every database with what tells it from all others.
    async fn identities(&self) -> Result<Vec<(&ShardDatabase, String)>, ShardError> {
        let mut identities = Vec::new();
        for database in self.known.values().chain(&self.new) {
            identities.push((database, database.identity().await?));
        }
        Ok(identities)
    }

    /// Refuses two URLs that lead to one database.
    async fn check_twins(&self) -> Result<(), ShardError> {
        let mut places = BTreeMap::<String, String>::new();
        for (database, identity) in self.identities().await? {
            let place = database.place();
            if let Some(other) = places.insert(identity, place.clone()) {
                return Err(ShardError::SameDatabase { place, other });
            }
        }
        Ok(())
    }

    /// Makes the map of databases that are all empty, and tells it to each.
    async fn make_map(&mut self, installation: Uuid) -> Result<(), ShardError> {
        let mut fresh = std::mem::take(&mut self.new);
        if self.installation.is_none()
            && let Some(first) = self.known.remove(&ALONE)
        {
            fresh.insert(0, first);
        }
        let installation = self.installation.unwrap_or(installation);
        if self.map.is_alone() {
            let last = u16::try_from(fresh.len()).unwrap_or(u16::MAX);
            self.map = ShardMap::even(&(ALONE..=last).collect::<Vec<_>>());
        }
        let free = self.map.shards.iter().filter(|number| !self.known.contains_key(number));
        for (number, database) in free.copied().collect::<Vec<_>>().into_iter().zip(fresh) {
            if !database.join(installation, number, &self.map).await? {
                return Err(ShardError::Changed);
            }
            tracing::info!("the database {} is shard {number} now", database.place());
            self.known.insert(number, database);
        }
        Ok(())
    }

    /// Gives the newest map to the shards that have an older one. One that does not answer gets it
    /// later.
    async fn spread(&self) {
        for (number, database) in &self.known {
            if self.epochs.get(number).is_some_and(|epoch| *epoch < self.map.epoch)
                && let Err(error) = database.adopt(&self.map).await
            {
                tracing::warn!(%error, "shard {number} has an older map");
            }
        }
    }
}

/// Says in the log what happens to databases.
struct Log;

impl MoveWatch for Log {
    fn begin(&mut self, _: &str, _: u64) {}

    fn reach(&mut self, _: u64) -> bool {
        true
    }

    fn done(&mut self, _: Step) -> bool {
        true
    }

    fn wants_more(&mut self) -> bool {
        false
    }

    fn note(&mut self, text: &str) {
        tracing::info!("{text}");
    }
}

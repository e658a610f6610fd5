//! The map of PostgreSQL databases, which each of them has.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{sleep, timeout};

use super::{MapSource, Shard};
use crate::store::postgres::shards::{ShardDatabase, ShardEpoch};
use crate::store::shard_map::{MoveStep, ShardMap};
use crate::store::{Answer, ChunkCounts, StoreError};

/// How often the map is read, also if no database has refused anything.
const READ_EVERY: Duration = Duration::from_secs(2);
/// How long a database may take to tell its map.
const ANSWER_MAX: Duration = Duration::from_secs(3);

/// The map of PostgreSQL databases. Its connections are closed when it is dropped.
pub(super) struct PostgresMap {
    databases: RwLock<BTreeMap<u16, Arc<ShardDatabase>>>,
    map: RwLock<Arc<ShardMap>>,
    /// What the chunk counts as that began to leave in this epoch.
    moving: Mutex<Option<(u64, Arc<ChunkCounts>)>>,
    /// What the databases compare with theirs when this server writes.
    epoch: ShardEpoch,
}

impl PostgresMap {
    pub(super) fn new(
        databases: BTreeMap<u16, ShardDatabase>,
        map: ShardMap,
        epoch: ShardEpoch,
    ) -> Self {
        epoch.set(map.epoch);
        let databases = databases.into_iter().map(|(number, it)| (number, Arc::new(it))).collect();
        let databases = RwLock::new(databases);
        Self { databases, map: RwLock::new(Arc::new(map)), moving: Mutex::default(), epoch }
    }

    /// The number and the place of each database.
    pub(super) fn places(&self) -> Vec<(u16, String)> {
        self.databases().iter().map(|(number, database)| (*number, database.place())).collect()
    }

    /// Follows the map also in this database, which was down before.
    pub(super) fn add(&self, number: u16, database: ShardDatabase) {
        let mut databases = self.databases.write().unwrap_or_else(PoisonError::into_inner);
        databases.insert(number, Arc::new(database));
    }

    fn databases(&self) -> BTreeMap<u16, Arc<ShardDatabase>> {
        self.databases.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Follows the map until nobody uses it any more.
    pub(super) async fn follow(map: Weak<Self>) {
        loop {
            sleep(READ_EVERY).await;
            let Some(map) = map.upgrade() else { return };
            if let Err(error) = map.read_again().await {
                tracing::debug!(%error, "the map of the shards cannot be read");
            }
        }
    }

    /// Reads the newest map of all databases that answer, and gives it to those that have an older
    /// one.
    async fn read_again(&self) -> Result<(), StoreError> {
        let databases = self.databases();
        let asking = databases.values().map(|database| timeout(ANSWER_MAX, database.state()));
        let states: Vec<_> = join_all(asking)
            .await
            .into_iter()
            .map(|answer| answer.ok().and_then(Result::ok))
            .collect();
        let newest = states.iter().flatten().map(|state| &state.map).max_by_key(|map| map.epoch);
        let newest = newest.ok_or_else(Shard::down)?;
        if newest.epoch > self.current().epoch {
            tracing::info!("the shards have another map, of epoch {}", newest.epoch);
            self.set(newest.clone());
        }
        let behind = databases.values().zip(&states).filter(|(_, state)| {
            state.as_ref().is_some_and(|state| state.map.epoch < newest.epoch)
        });
        let telling = behind.map(|(database, _)| timeout(ANSWER_MAX, database.adopt(newest)));
        // Whoever is not told now is told later.
        drop(join_all(telling).await);
        Ok(())
    }

    fn set(&self, map: ShardMap) {
        let epoch = map.epoch;
        *self.map.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(map);
        self.epoch.set(epoch);
    }
}

impl MapSource for PostgresMap {
    fn current(&self) -> Arc<ShardMap> {
        Arc::clone(&self.map.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn refresh(&self) -> Answer<'_, ()> {
        Box::pin(self.read_again())
    }

    fn moving_counts<'m>(&'m self, map: &'m ShardMap) -> Answer<'m, Option<Arc<ChunkCounts>>> {
        Box::pin(async move {
            let Some(moving) = map.moving.as_ref().filter(|it| it.step == MoveStep::Arrived) else {
                return Ok(None);
            };
            let known = self.moving.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some((_, counts)) = known.filter(|(begun, _)| *begun == moving.begun) {
                return Ok(Some(counts));
            }
            let databases = self.databases();
            let Some(target) = databases.get(&moving.to) else { return Ok(None) };
            // Without an answer, a part of what is read is missing anyway.
            let asked = timeout(ANSWER_MAX, target.chunk_counts(moving.begun)).await;
            let Some(counts) = asked.ok().and_then(Result::ok).flatten() else { return Ok(None) };
            let counts = Arc::new(counts);
            let mut known = self.moving.lock().unwrap_or_else(PoisonError::into_inner);
            *known = Some((moving.begun, Arc::clone(&counts)));
            Ok(Some(counts))
        })
    }
}

impl Drop for PostgresMap {
    fn drop(&mut self) {
        self.databases().values().for_each(|database| database.close());
    }
}

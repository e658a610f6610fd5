//! Opening several PostgreSQL databases as one storage.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::absent::{Absent, Parts};
use super::database::Databases;
use super::postgres_map::PostgresMap;
use super::{MapSource, Shard, Shards};
use crate::store::postgres::shards::{self as databases, ShardEpoch, ShardError};
use crate::store::postgres::{self, DatabaseUrl, Urls};
use crate::store::{Database, Opening, Storage, WriterLimits};
use crate::system::clock::{Clock, SystemClock};
use crate::system::entropy::{Entropy, EntropyError, SystemEntropy};
use crate::system::supervisor::Supervisor;

/// Several databases cannot be used together.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// They are not the shards of one installation.
    #[error(transparent)]
    Shards(#[from] ShardError),
    /// One of them cannot be used.
    #[error("use {place}: {source}")]
    Database {
        /// The database, without secrets.
        place: String,
        /// Why.
        source: postgres::OpenError,
    },
    /// There is no randomness for the id of the installation.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

impl OpenError {
    /// Whether no URL leads to a shard of the map.
    pub(crate) fn is_missing_shard(&self) -> bool {
        matches!(self, Self::Shards(ShardError::Missing { .. }))
    }
}

/// Databases that are open, before they are one storage. A queue may still be put in front of each.
pub struct OpenShards {
    /// The databases.
    pub shards: Vec<Shard>,
    /// Which of them has which bucket.
    pub map: Arc<dyn MapSource>,
}

/// Opens all databases for a purpose, as one storage.
///
/// # Errors
/// [`OpenError`].
pub async fn open_as(
    urls: &[Urls],
    limits: WriterLimits,
    opening: Opening,
    supervisor: &Supervisor,
) -> Result<Storage, OpenError> {
    open(urls, limits, opening, supervisor).await?.storage()
}

impl OpenShards {
    /// What takes payloads in all of them.
    pub fn intake(&self) -> Arc<dyn Database> {
        Arc::new(Databases::intake(&self.shards))
    }

    /// The storage that they are together.
    ///
    /// # Errors
    /// [`OpenError::Shards`], if there is none.
    pub fn storage(self) -> Result<Storage, OpenError> {
        Ok(Shards::storage(self.shards, self.map).ok_or(ShardError::NoUrl)?)
    }
}

/// Opens all databases for a purpose. The first server that does makes them the shards of one
/// installation. Background tasks run on the current runtime, under `supervisor`.
///
/// # Errors
/// [`OpenError`].
pub async fn open(
    urls: &[Urls],
    limits: WriterLimits,
    opening: Opening,
    supervisor: &Supervisor,
) -> Result<OpenShards, OpenError> {
    let found = connected(urls, &opening).await?;
    let places: Vec<String> = found.absent.iter().map(ToString::to_string).collect();
    let absent = urls.iter().filter(|urls| places.contains(&urls.main.to_string())).cloned();
    let absent: Vec<Urls> = absent.collect();
    let missing = found.map.shards.iter().copied().filter(|it| !found.known.contains_key(it));
    let missing: Vec<u16> = missing.collect();
    let epoch = ShardEpoch::default();
    let map = PostgresMap::new(found.known, found.map, epoch.clone());
    let mut shards = Vec::with_capacity(urls.len());
    for (number, place) in map.places() {
        let Some(urls) = urls.iter().find(|urls| urls.main.to_string() == place) else { continue };
        let opened = postgres::open_shard(urls, limits, opening.clone(), supervisor, epoch.clone());
        let opened = opened.await;
        let storage = opened.map_err(|source| OpenError::Database { place, source })?;
        shards.push(Shard { number, storage });
    }
    let map = Arc::new(map);
    if let Opening::Serve(routes) = opening {
        if let Some(installation) = found.installation {
            let mut waiting = Absent { installation, urls: absent, shards: BTreeMap::new() };
            let parts = Parts { limits, routes, epoch, supervisor };
            shards.extend(waiting.add(&missing, &parts));
            waiting.wait(&map, supervisor);
        }
        let following = PostgresMap::follow(Arc::downgrade(&map));
        supervisor.spawn_keeper("map of the shards", &Handle::current(), following);
    }
    Ok(OpenShards { shards, map })
}

/// The databases, which are shards.
async fn connected(urls: &[Urls], opening: &Opening) -> Result<databases::Shards, OpenError> {
    let urls: Vec<DatabaseUrl> = urls.iter().map(|urls| urls.main.clone()).collect();
    if opening.only_reads() {
        let shards = databases::Shards::open(&urls, opening).await?;
        if let Some(new) = shards.new.first() {
            return Err(ShardError::New { place: new.place() }.into());
        }
        return Ok(shards);
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let installation = SystemEntropy.uuid_v7(clock.now_ms())?;
    let mut shards = databases::found(&urls, &clock, installation).await?;
    match shards.why_absent.take() {
        Some(error) if !matches!(opening, Opening::Serve(_)) => Err(error.into()),
        _ => Ok(shards),
    }
}

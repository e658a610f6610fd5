//! Shards that are down when a server starts. It waits for them, and checks them once they are
//! there.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::Shard;
use super::postgres_map::PostgresMap;
use crate::store::postgres::shards::{ShardDatabase, ShardEpoch, ShardError, ShardState};
use crate::store::postgres::{AbsentShard, Urls};
use crate::store::{Opening, Route, WriterLimits};
use crate::system::supervisor::Supervisor;

/// How often it is looked whether they are there.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often it is said again that one of them cannot be used.
const SAY_EVERY: Duration = Duration::from_mins(1);

/// What shards are made with.
pub(super) struct Parts<'p> {
    pub(super) limits: WriterLimits,
    pub(super) routes: Vec<Route>,
    pub(super) epoch: ShardEpoch,
    pub(super) supervisor: &'p Supervisor,
}

/// Shards that are down.
pub(super) struct Absent {
    pub(super) installation: Uuid,
    /// Where they are. Which of them is where, they say themselves.
    pub(super) urls: Vec<Urls>,
    pub(super) shards: BTreeMap<u16, AbsentShard>,
}

/// Why a database is not used.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Shards(#[from] ShardError),
    #[error("use {place}: {source}")]
    Open { place: String, source: crate::store::postgres::OpenError },
    #[error(
        "use {place}: it is no shard that is missing. Check the URLs, and start the server again"
    )]
    Unknown { place: String },
}

impl Refused {
    fn is_down(&self) -> bool {
        match self {
            Self::Shards(error) => error.is_down(),
            Self::Open { source, .. } => source.is_down(),
            Self::Unknown { .. } => false,
        }
    }
}

impl Absent {
    /// Makes the shards of these numbers, each of which is down.
    pub(super) fn add(&mut self, missing: &[u16], parts: &Parts<'_>) -> Vec<Shard> {
        let Some(candidate) = self.urls.first().cloned() else { return Vec::new() };
        let mut added = Vec::with_capacity(missing.len());
        for number in missing.iter().copied() {
            let (routes, epoch) = (parts.routes.clone(), parts.epoch.clone());
            let (absent, storage) =
                AbsentShard::new(&candidate, parts.limits, routes, parts.supervisor, epoch);
            self.shards.insert(number, absent);
            added.push(Shard { number, storage });
        }
        added
    }

    /// Waits for them in the background, until the server ends.
    pub(super) fn wait(self, map: &Arc<PostgresMap>, supervisor: &Supervisor) {
        if self.shards.is_empty() {
            return;
        }
        let places: Vec<String> = self.urls.iter().map(|urls| urls.main.to_string()).collect();
        tracing::warn!(
            shards = ?self.shards.keys(),
            "no answer from {}: starting without, and answers lack what is there. What belongs \
             there waits",
            places.join(" and ")
        );
        let waiting = self.run(Arc::downgrade(map));
        supervisor.spawn_keeper("shards that are down", &Handle::current(), waiting);
    }

    /// Looks for them as long as somebody uses the map. A task that ended before would end the
    /// server.
    async fn run(mut self, map: Weak<PostgresMap>) {
        let mut said = Said::new();
        loop {
            sleep(LOOK_EVERY).await;
            let Some(map) = map.upgrade() else { return };
            self.look(&map, &mut said).await;
        }
    }

    /// Opens those that are there.
    async fn look(&mut self, map: &PostgresMap, said: &mut Said) {
        self.shards.retain(|_, shard| !shard.is_closed());
        if self.shards.is_empty() {
            self.urls.clear();
        }
        let mut rest = Vec::new();
        for urls in std::mem::take(&mut self.urls) {
            match self.open(&urls, map).await {
                Ok(()) => continue,
                Err(error) if error.is_down() => {
                    tracing::debug!(%error, "a shard is still down");
                }
                Err(error) => say(said, urls.main.to_string(), error.to_string()),
            }
            rest.push(urls);
        }
        self.urls = rest;
    }

    /// Opens the shard that is there.
    async fn open(&mut self, urls: &Urls, map: &PostgresMap) -> Result<(), Refused> {
        let database = ShardDatabase::connect(&urls.main, &Opening::Change).await?;
        let opened = self.open_as(database.state().await, urls).await;
        match opened {
            Ok(number) => {
                tracing::info!("shard {number} is there: {}", urls.main);
                self.shards.remove(&number);
                map.add(number, database);
                Ok(())
            }
            Err(error) => {
                database.close();
                Err(error)
            }
        }
    }

    async fn open_as(
        &self,
        state: Result<ShardState, ShardError>,
        urls: &Urls,
    ) -> Result<u16, Refused> {
        let (state, place) = (state?, urls.main.to_string());
        if state.installation.is_some_and(|it| it != self.installation) {
            return Err(ShardError::OtherInstallation { place }.into());
        }
        let shard = self.shards.get(&state.number).filter(|_| state.installation.is_some());
        let Some(shard) = shard else { return Err(Refused::Unknown { place }) };
        let opened = shard.open(urls).await;
        opened.map_err(|source| Refused::Open { place, source })?;
        Ok(state.number)
    }
}

/// What was said about a database, and when.
type Said = HashMap<String, (String, Instant)>;

/// Says that a database cannot be used, unless that was said shortly before.
fn say(said: &mut Said, place: String, error: String) {
    let is_new =
        said.get(&place).is_none_or(|(before, at)| *before != error || at.elapsed() > SAY_EVERY);
    if is_new {
        tracing::error!(
            error,
            "a database that was down answers, and cannot be used: answers still lack what is there"
        );
        said.insert(place, (error, Instant::now()));
    }
}

//! All shards of an installation.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::database::ShardDatabase;
use super::error::ShardError;
use crate::store::Opening;
use crate::store::postgres::connection::url::DatabaseUrl;
use crate::store::shard_map::{ALONE, ShardMap};

/// All shards of an installation, and databases that are to be shards.
#[derive(Debug)]
pub struct Shards {
    /// The shards, by their numbers.
    pub known: BTreeMap<u16, ShardDatabase>,
    /// Databases that are in no map yet, in the order of the URLs.
    pub new: Vec<ShardDatabase>,
    /// The places of shards that were removed, by their numbers. Nobody needs them.
    pub removed: BTreeMap<u16, String>,
    /// URLs of databases that are down, and what is wrong with the first of them.
    pub absent: Vec<DatabaseUrl>,
    pub(crate) why_absent: Option<ShardError>,
    /// The newest map.
    pub map: ShardMap,
    /// The epoch of the map that each shard has. All but those that a process that was killed has
    /// not reached have the newest.
    pub epochs: BTreeMap<u16, u64>,
    /// The installation. `None` while there is only one database.
    pub installation: Option<Uuid>,
}

impl Shards {
    /// Connects to the databases of these URLs.
    ///
    /// # Errors
    /// [`ShardError`], also if a URL leads to another installation, or twice to a shard, or if a
    /// shard is missing.
    pub async fn open(urls: &[DatabaseUrl], opening: &Opening) -> Result<Self, ShardError> {
        let shards = Self::connect(urls, opening).await?;
        shards.check_missing()?;
        Ok(shards)
    }

    /// The same, also if a shard of the map is missing.
    pub(super) async fn connect(
        urls: &[DatabaseUrl],
        opening: &Opening,
    ) -> Result<Self, ShardError> {
        let mut shards = Self::connect_to_present(urls, opening).await?;
        shards.why_absent.take().map_or(Ok(shards), Err)
    }

    /// The same, also if databases are down.
    pub(super) async fn connect_to_present(
        urls: &[DatabaseUrl],
        opening: &Opening,
    ) -> Result<Self, ShardError> {
        let mut shards = Self {
            known: BTreeMap::new(),
            new: Vec::new(),
            removed: BTreeMap::new(),
            absent: Vec::new(),
            why_absent: None,
            map: ShardMap::alone(),
            epochs: BTreeMap::new(),
            installation: None,
        };
        for url in urls {
            match ShardDatabase::connect(url, opening).await {
                Ok(database) => shards.add(database).await?,
                Err(error) if error.is_down() => {
                    shards.absent.push(url.clone());
                    shards.why_absent.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        shards.leave_out_removed();
        // Which database is the first one is not known while one of them is down.
        if shards.known.is_empty() && shards.absent.is_empty() {
            shards.begin().await?;
        }
        Ok(shards)
    }

    /// Refuses to go on without a shard of the map.
    pub(super) fn check_missing(&self) -> Result<(), ShardError> {
        match self.map.shards.iter().find(|it| !self.known.contains_key(it)) {
            Some(number) => Err(ShardError::Missing { number: *number }),
            None => Ok(()),
        }
    }

    fn leave_out_removed(&mut self) {
        for number in &self.map.removed {
            if let Some(database) = self.known.remove(number) {
                self.removed.insert(*number, database.place());
                self.epochs.remove(number);
                database.close();
            }
        }
    }

    async fn add(&mut self, database: ShardDatabase) -> Result<(), ShardError> {
        let state = database.state().await?;
        let Some(installation) = state.installation else {
            self.new.push(database);
            return Ok(());
        };
        let place = database.place();
        if *self.installation.get_or_insert(installation) != installation {
            return Err(ShardError::OtherInstallation { place });
        }
        self.epochs.insert(state.number, state.map.epoch);
        if state.map.epoch > self.map.epoch {
            self.map = state.map;
        }
        match self.known.insert(state.number, database) {
            None => Ok(()),
            Some(other) => {
                Err(ShardError::Twice { place, other: other.place(), number: state.number })
            }
        }
    }

    /// Without a map, the database that has data is the first shard. If none has any, it is that of
    /// the first URL.
    async fn begin(&mut self) -> Result<(), ShardError> {
        let mut first = None;
        for (at, database) in self.new.iter().enumerate() {
            if !database.is_empty().await? {
                if first.is_some() {
                    return Err(ShardError::NotEmpty { place: database.place() });
                }
                first = Some(at);
            }
        }
        if self.new.is_empty() {
            return Err(ShardError::NoUrl);
        }
        let database = self.new.remove(first.unwrap_or(0));
        self.epochs.insert(ALONE, 0);
        self.known.insert(ALONE, database);
        Ok(())
    }

    /// A shard.
    pub(super) fn shard(&self, number: u16) -> Result<&ShardDatabase, ShardError> {
        self.known.get(&number).ok_or(ShardError::Missing { number })
    }

    /// The next free number.
    pub(super) fn next_number(&self) -> u16 {
        let last = self.known.keys().chain(&self.map.shards).chain(&self.map.removed).max();
        last.map_or(ALONE, |last| last.saturating_add(1))
    }

    /// Databases that belong to the installation, and are in no map: a process that died while it
    /// added them has not come further.
    pub(super) fn unmapped(&self) -> Vec<u16> {
        self.known.keys().copied().filter(|it| !self.map.shards.contains(it)).collect()
    }

    /// Closes all connections.
    pub fn close(&self) {
        self.known.values().chain(&self.new).for_each(ShardDatabase::close);
    }
}

//! All databases, as one: it is up while any of them takes writes.

use std::sync::Arc;

use futures_util::future::join_all;

use super::Shard;
use crate::metrics::commits::CommitSums;
use crate::store::{Answer, Database};

/// One half of each database.
pub(super) struct Databases(Vec<(u16, Arc<dyn Database>)>);

impl Databases {
    /// Those that take payloads.
    pub(super) fn intake(shards: &[Shard]) -> Self {
        let database = |shard: &Shard| (shard.number, Arc::clone(&shard.storage.intake_database));
        Self(shards.iter().map(database).collect())
    }

    /// Those that take the result of processing.
    pub(super) fn events(shards: &[Shard]) -> Self {
        let database = |shard: &Shard| (shard.number, Arc::clone(&shard.storage.events_database));
        Self(shards.iter().map(database).collect())
    }
}

impl Database for Databases {
    fn is_up(&self) -> bool {
        self.0.iter().any(|(_, database)| database.is_up())
    }

    fn shards(&self) -> Vec<(u16, bool)> {
        self.0.iter().map(|(number, database)| (*number, database.is_up())).collect()
    }

    fn commits(&self) -> CommitSums {
        let commits = self.0.iter().map(|(_, database)| database.commits());
        commits.fold(CommitSums::default(), |sums, more| sums.and(&more))
    }

    fn close(&self) -> Answer<'_, ()> {
        Box::pin(async {
            let closed = join_all(self.0.iter().map(|(_, database)| database.close())).await;
            closed.into_iter().collect()
        })
    }
}

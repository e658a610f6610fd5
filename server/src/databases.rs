//! Opens what a server stores in: a data directory, one database or several, and the intake stream
//! in front of databases.

use std::sync::Arc;

use crate::home::Home;
use crate::server::BuildError;
use crate::store::postgres::{self, Urls};
use crate::store::shards::{self, OpenShards};
use crate::store::sqlite;
use crate::store::stream::{self, IntakeUrl, OpenStream};
use crate::store::{Database, Opening, PayloadQueue, Storage, WriterLimits};
use crate::system::entropy::Entropy;
use crate::system::supervisor::Supervisor;

/// The number of a database that is alone.
const ONLY_SHARD: u16 = 1;

/// How databases are opened.
pub(crate) struct Databases<'d> {
    /// The stream in front of them, if there is one. A data directory never has one.
    pub(crate) stream: Option<&'d IntakeUrl>,
    /// What for.
    pub(crate) opening: Opening,
    /// Makes ids of groups in the stream.
    pub(crate) entropy: &'d Arc<dyn Entropy>,
    /// Stops the server when a task ends that should not.
    pub(crate) supervisor: &'d Supervisor,
}

impl Databases<'_> {
    /// Opens what is in `home`.
    pub(crate) async fn open(self, home: &Home) -> Result<Storage, BuildError> {
        let (limits, opening) = (WriterLimits::default(), self.opening.clone());
        match home {
            Home::Directory(dir) => {
                let (intake, store) = (dir.intake_db(), dir.store_db());
                Ok(sqlite::open_as(&intake, &store, limits, opening, self.supervisor)?)
            }
            Home::Database(urls) => match urls.as_slice() {
                [urls] => self.open_one(urls).await,
                several => self.open_several(several).await,
            },
        }
    }

    async fn open_one(self, urls: &Urls) -> Result<Storage, BuildError> {
        let (limits, opening) = (WriterLimits::default(), self.opening.clone());
        let storage = match postgres::open_as(urls, limits, opening, self.supervisor).await {
            Ok(storage) => storage,
            // Others may have been there before, and were removed.
            Err(alone @ postgres::OpenError::Shard) => {
                let opened = self.open_several(std::slice::from_ref(urls)).await;
                return match opened {
                    Err(BuildError::Shards(error)) if error.is_missing_shard() => Err(alone.into()),
                    opened => opened,
                };
            }
            Err(error) => return Err(error.into()),
        };
        let queue = Arc::clone(&storage.payload_queue);
        let database = Arc::clone(&storage.intake_database);
        let Some(OpenStream { mut queues, database }) =
            self.open_stream(&[(ONLY_SHARD, queue)], database).await?
        else {
            return Ok(storage);
        };
        let payload_queue = queues.pop().map_or(storage.payload_queue, |(_, queue)| queue);
        Ok(Storage { payload_queue, intake_database: database, ..storage })
    }

    async fn open_several(self, urls: &[Urls]) -> Result<Storage, BuildError> {
        let (limits, opening) = (WriterLimits::default(), self.opening.clone());
        let mut opened = shards::open(urls, limits, opening, self.supervisor).await?;
        let OpenShards { shards, .. } = &opened;
        let queues: Vec<_> = shards
            .iter()
            .map(|shard| (shard.number, Arc::clone(&shard.storage.payload_queue)))
            .collect();
        let Some(OpenStream { queues, database }) =
            self.open_stream(&queues, opened.intake()).await?
        else {
            return Ok(opened.storage()?);
        };
        for (number, queue) in queues {
            let shard = opened.shards.iter_mut().find(|shard| shard.number == number);
            if let Some(shard) = shard {
                shard.storage.payload_queue = queue;
            }
        }
        Ok(Storage { intake_database: database, ..opened.storage()? })
    }

    /// Puts the stream in front of queues, if there is one.
    async fn open_stream(
        &self,
        queues: &[(u16, Arc<dyn PayloadQueue>)],
        database: Arc<dyn Database>,
    ) -> Result<Option<OpenStream>, BuildError> {
        let Some(url) = self.stream else { return Ok(None) };
        let parts = stream::Parts {
            database,
            entropy: Arc::clone(self.entropy),
            limits: WriterLimits::default(),
            supervisor: self.supervisor,
        };
        Ok(Some(stream::open(url, queues, parts).await?))
    }
}

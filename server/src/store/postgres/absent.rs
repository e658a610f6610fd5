//! A shard that is down when a server starts. Until it is opened, it is down for everybody.

use std::sync::Arc;

use super::connection::database::Database;
use super::connection::open_error::OpenError;
use super::connection::url::Urls;
use super::notices::Notices;
use super::payloads::PostgresIntake;
use super::shards::ShardEpoch;
use super::store::PostgresStore;
use super::{checked, storage, watch};
use crate::store::{Opening, Route, Storage, WriterLimits};
use crate::system::supervisor::Supervisor;

/// A shard that is down when a server starts.
#[derive(Debug)]
pub struct AbsentShard {
    database: Arc<Database>,
    store: Arc<PostgresStore>,
    epoch: ShardEpoch,
    routes: Vec<Route>,
    supervisor: Supervisor,
}

impl AbsentShard {
    /// One to which one of several URLs leads, of which `candidate` is the first. Gives its storage
    /// too.
    pub fn new(
        candidate: &Urls,
        limits: WriterLimits,
        routes: Vec<Route>,
        supervisor: &Supervisor,
        epoch: ShardEpoch,
    ) -> (Self, Storage) {
        let database = Arc::new(Database::absent(&candidate.main));
        let notices = Arc::<Notices>::default();
        let (shared, told) = (Arc::clone(&database), Arc::clone(&notices));
        let store = Arc::new(PostgresStore::new(shared, told, epoch.clone()));
        let intake = PostgresIntake::open(Arc::clone(&database), limits, notices, supervisor);
        watch(Arc::clone(&database), supervisor);
        let storage = storage(Arc::new(intake), Arc::clone(&store));
        let supervisor = supervisor.clone();
        (Self { database, store, epoch, routes, supervisor }, storage)
    }

    /// Opens it, now that it is known where it is. What must be true of a database at the start of
    /// a server must be true of it now.
    ///
    /// # Errors
    /// [`OpenError`]. It is still down then.
    pub async fn open(&self, urls: &Urls) -> Result<(), OpenError> {
        let opening = Opening::Serve(self.routes.clone());
        let checked = checked(urls, &opening, &self.epoch, &self.supervisor).await?;
        let prepared = self.store.prepare(&checked, urls.sql.as_ref(), opening).await;
        checked.close();
        prepared?;
        // Last, because everybody can work with it from now on.
        self.database.link(&urls.main)
    }

    /// Whether the server has closed it.
    pub fn is_closed(&self) -> bool {
        self.database.is_closed()
    }
}

//! Everything but payloads: outcomes, ledgers, counters, keys and events.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::connection::database::{Database, Half};
use super::connection::failure::Failure;
use super::connection::open_error::OpenError;
use super::connection::url::DatabaseUrl;
use super::deliveries::leases::Leases;
use super::deliveries::routed::Routes;
use super::leader::Leadership;
use super::notices::Notices;
use super::notices::news::News;
use super::read::live;
use super::read::reading::ReadPlaces;
use super::read::user_sql::UserSql;
use super::shards::ShardEpoch;
use super::tallies::{self, TallyMemory};
use crate::store::{Answer, Opening};

/// The store in PostgreSQL.
#[derive(Debug)]
pub struct PostgresStore {
    pub(crate) database: Arc<Database>,
    pub(crate) routes: Routes,
    pub(crate) tallies: Arc<TallyMemory>,
    pub(crate) read_places: ReadPlaces,
    pub(crate) user_sql: UserSql,
    /// The leases of deliveries that this process holds.
    pub(crate) leases: Leases,
    pub(crate) notices: Arc<Notices>,
    pub(crate) leadership: Arc<Leadership>,
    /// The epoch of the shard map that this server knows.
    pub(crate) epoch: ShardEpoch,
    /// Tasks that follow other servers end with it.
    pub(crate) open: Open,
}

/// What is open until it is closed or dropped.
#[derive(Debug)]
pub(crate) struct Open(Mutex<Option<watch::Sender<bool>>>);

impl Default for Open {
    fn default() -> Self {
        Self(Mutex::new(Some(watch::Sender::new(true))))
    }
}

impl Open {
    /// Changes at the end, and not before.
    pub(crate) fn subscribe(&self) -> watch::Receiver<bool> {
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Without a sender it is closed, and so is the channel.
        sender.as_ref().map_or_else(|| watch::channel(false).1, watch::Sender::subscribe)
    }

    fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl PostgresStore {
    /// The store in a database. It must be prepared before it is used.
    pub(crate) fn new(database: Arc<Database>, notices: Arc<Notices>, epoch: ShardEpoch) -> Self {
        Self {
            tallies: Arc::new(TallyMemory::new(&database)),
            database,
            routes: Routes::default(),
            read_places: ReadPlaces::default(),
            user_sql: UserSql::default(),
            leases: Leases::default(),
            notices,
            leadership: Arc::default(),
            epoch,
            open: Open::default(),
        }
    }

    /// Prepares the store for a purpose, over connections to its database.
    ///
    /// # Errors
    /// [`OpenError`].
    pub(crate) async fn prepare(
        &self,
        database: &Database,
        sql_url: Option<&DatabaseUrl>,
        opening: Opening,
    ) -> Result<(), OpenError> {
        let preparing = |error: Failure| OpenError::preparing(database.url(), error);
        if !opening.only_reads() {
            live::prepare(database).await.map_err(preparing)?;
        }
        if let Opening::Serve(routes) = opening {
            self.user_sql.prepare(database, sql_url).await.map_err(preparing)?;
            self.routes.set(database, routes).await.map_err(preparing)?;
        }
        Ok(())
    }

    /// Says that events were stored.
    pub(crate) fn changed(&self) {
        self.notices.received(News::Stored);
        self.notices.publish(News::Stored);
    }

    /// Says that deliveries were queued.
    pub(crate) fn queued_more(&self) {
        self.notices.received(News::Queued);
        self.notices.publish(News::Queued);
    }
}

impl crate::store::Database for PostgresStore {
    fn is_up(&self) -> bool {
        self.database.is_up()
    }

    fn close(&self) -> Answer<'_, ()> {
        Box::pin(async {
            self.leadership.close();
            self.open.end();
            self.leases.release(&self.database).await;
            tallies::close(self).await;
            self.database.close_half(Half::Store);
            Ok(())
        })
    }
}

//! Everything but payloads: outcomes, ledgers, counters, keys and events.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::connection::database::{Database, Half};
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
    /// Prepares the store for a purpose.
    ///
    /// # Errors
    /// [`OpenError`].
    pub(crate) async fn open(
        database: Arc<Database>,
        notices: Arc<Notices>,
        sql_url: Option<DatabaseUrl>,
        opening: Opening,
        epoch: ShardEpoch,
    ) -> Result<Self, OpenError> {
        if !opening.only_reads() {
            let prepared = live::prepare(&database).await;
            prepared.map_err(|error| OpenError::preparing(database.url(), error))?;
        }
        let user_sql = UserSql::new(sql_url);
        if matches!(opening, Opening::Serve(_)) {
            let prepared = user_sql.prepare(&database).await;
            prepared.map_err(|error| OpenError::preparing(database.url(), error))?;
        }
        let routes = match opening {
            Opening::Serve(routes) => Routes::set(&database, routes).await,
            Opening::Change | Opening::Read => Ok(Routes::default()),
        };
        let routes = routes.map_err(|error| OpenError::preparing(database.url(), error))?;
        Ok(Self {
            tallies: Arc::new(TallyMemory::new(&database)),
            database,
            routes,
            read_places: ReadPlaces::default(),
            user_sql,
            leases: Leases::default(),
            notices,
            leadership: Arc::default(),
            epoch,
            open: Open::default(),
        })
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

//! Servers that run on one database at once.

use std::sync::Arc;

use lamplight_server::store::postgres::{self, DatabaseUrl};
use lamplight_server::store::{Opening, Storage, WriterLimits};
use lamplight_server::system::supervisor::Supervisor;

use crate::harness::postgres::TestDatabase;

/// Servers on a database of their own.
pub(super) struct Servers {
    pub(super) database: Arc<TestDatabase>,
    pub(super) storages: Vec<Storage>,
}

impl Servers {
    /// This many servers, without sinks.
    pub(super) async fn start(servers: usize) -> Self {
        Self::on(Arc::new(TestDatabase::create().await), servers).await
    }

    /// More servers on the same database.
    pub(super) async fn more(&self, servers: usize) -> Self {
        Self::on(Arc::clone(&self.database), servers).await
    }

    async fn on(database: Arc<TestDatabase>, servers: usize) -> Self {
        let mut storages = Vec::new();
        for _ in 0..servers {
            let (limits, opening) = (WriterLimits::default(), Opening::Serve(Vec::new()));
            let (url, supervisor) =
                (crate::harness::postgres::urls(&database.url), Supervisor::default());
            let opened = postgres::open_as(&url, limits, opening, &supervisor).await;
            storages.push(opened.unwrap());
        }
        Self { database, storages }
    }

    /// The URL of their database.
    pub(super) fn url(&self) -> DatabaseUrl {
        self.database.url.parse().unwrap()
    }
}

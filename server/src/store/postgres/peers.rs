//! The other servers on the database, behind the trait.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::watch;

use super::notices::exchange;
use super::store::PostgresStore;
use crate::store::{Answer, PeerChanges, Peers};
use crate::system::supervisor::Supervisor;

impl Peers for PostgresStore {
    fn join(&self, supervisor: &Supervisor, on: &Handle) -> Answer<'_, ()> {
        self.follow(supervisor, on);
        let (tried, mut first_try) = watch::channel(false);
        let (leadership, database) = (Arc::clone(&self.leadership), Arc::clone(&self.database));
        let leading = leadership.run(database, self.open.subscribe(), tried);
        supervisor.spawn_keeper("choice of the leader", on, leading);
        Box::pin(async move {
            // An error means that the task has ended, so the database is closed.
            drop(first_try.wait_for(|tried| *tried).await);
            Ok(())
        })
    }

    fn follow(&self, supervisor: &Supervisor, on: &Handle) {
        let (notices, database) = (Arc::clone(&self.notices), Arc::clone(&self.database));
        let exchanging = exchange(notices, database, self.open.subscribe());
        supervisor.spawn_keeper("exchange of notices", on, exchanging);
    }

    fn is_leader(&self) -> bool {
        self.leadership.is_held()
    }

    fn changes(&self) -> Option<PeerChanges> {
        let (keys, sessions) = (self.notices.keys.subscribe(), self.notices.sessions.subscribe());
        Some(PeerChanges { keys, sessions })
    }
}

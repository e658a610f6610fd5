//! Raw payloads, and the queue of those that wait to be processed.

mod archive;
mod held_leases;
mod payload_queue;
pub(crate) mod prune;
pub(crate) mod queue;
pub(crate) mod replays;
pub(crate) mod rows;
pub(crate) mod set_aside;
pub(crate) mod unprocessed;
pub(crate) mod writer;

use std::sync::Arc;
use std::time::Duration;

use super::connection::database::{Database, Half};
use super::connection::failure::{Failure, described};
use super::notices::Notices;
use super::notices::news::News;
use crate::metrics::commits::CommitSums;
use crate::store::{Answer, WriterLimits};
use crate::system::supervisor::Supervisor;
use held_leases::HeldLeases;
use writer::Writer;

/// How long closing takes at most for the leases that are left. Their time ends them otherwise.
const RELEASE_MAX: Duration = Duration::from_secs(5);

/// The payload queue, archive and replays in PostgreSQL.
#[derive(Debug)]
pub struct PostgresIntake {
    pub(crate) database: Arc<Database>,
    writer: Writer,
    held: HeldLeases,
    notices: Arc<Notices>,
    drops: prune::Pause,
}

impl PostgresIntake {
    /// Starts what writes payloads, on the current runtime.
    pub(crate) fn open(
        database: Arc<Database>,
        limits: WriterLimits,
        notices: Arc<Notices>,
        supervisor: &Supervisor,
    ) -> Self {
        let (shared, told) = (Arc::clone(&database), Arc::clone(&notices));
        let writer = Writer::start(shared, limits, told, supervisor);
        let (held, drops) = (HeldLeases::default(), prune::Pause::default());
        Self { database, writer, held, notices, drops }
    }

    /// Wakes all workers of all servers.
    pub(crate) fn wake(&self) {
        self.notices.received(News::Staged);
        self.notices.publish(News::Staged);
    }

    /// Ends the leases that this process still holds, so that another server need not wait for it.
    async fn release_held(&self) -> Result<(), Failure> {
        let held = self.held.take_all();
        if held.is_empty() {
            return Ok(());
        }
        let client = self.database.dedicated().await?;
        for (token, ids) in held {
            client.execute(queue::END_LEASE, &[&ids, &token]).await?;
        }
        Ok(())
    }
}

impl crate::store::Database for PostgresIntake {
    fn is_up(&self) -> bool {
        self.writer.is_up()
    }

    fn commits(&self) -> CommitSums {
        self.writer.commits()
    }

    fn close(&self) -> Answer<'_, ()> {
        let closed = self.writer.close();
        Box::pin(async {
            closed.await;
            match tokio::time::timeout(RELEASE_MAX, self.release_held()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    let error = described(&error);
                    tracing::warn!(error, "failed to end leases: they end when their time is over");
                }
                Err(_) => tracing::warn!(
                    "failed to end leases within {RELEASE_MAX:?}: they end when their time is over"
                ),
            }
            self.database.close_half(Half::Payloads);
            Ok(())
        })
    }
}

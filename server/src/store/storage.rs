//! Everything that a server stores, whichever databases it is in.

use std::sync::Arc;

use super::{
    Alerts, Archive, Database, DeliveryQueue, Events, Keys, PayloadQueue, Peers, Reader, Replays,
    SavedViews, Sessions, StoreError, Tallies, Trends,
};
use crate::system::clock::Clock;

/// The traits of storage, each with the backend that was opened for it.
#[derive(Clone)]
pub struct Storage {
    /// The clock by which leases last, which all servers share. None if there is one server: its
    /// own.
    pub lease_clock: Option<Arc<dyn Clock>>,
    /// Payloads that are still to be processed.
    pub payload_queue: Arc<dyn PayloadQueue>,
    /// Payloads as received.
    pub archive: Arc<dyn Archive>,
    /// Replays that were requested.
    pub replays: Arc<dyn Replays>,
    /// Writes the result of processing.
    pub events: Arc<dyn Events>,
    /// Reads events, producers and totals.
    pub reader: Arc<dyn Reader>,
    /// Keys.
    pub keys: Arc<dyn Keys>,
    /// Saved views of the console.
    pub saved_views: Arc<dyn SavedViews>,
    /// Sessions of the console.
    pub sessions: Arc<dyn Sessions>,
    /// Events owed to sinks.
    pub delivery_queue: Arc<dyn DeliveryQueue>,
    /// The server's own figures.
    pub trends: Arc<dyn Trends>,
    /// Alerts.
    pub alerts: Arc<dyn Alerts>,
    /// Counts of events and errors by time.
    pub tallies: Arc<dyn Tallies>,
    /// The other servers on the same database.
    pub peers: Arc<dyn Peers>,
    /// The database that takes payloads. Intake is ready only while it takes writes.
    pub intake_database: Arc<dyn Database>,
    /// The database that takes the result of processing.
    pub events_database: Arc<dyn Database>,
}

impl Storage {
    /// Closes the databases: writes what is queued and checkpoints the WAL.
    ///
    /// # Errors
    /// [`StoreError`], from the first database that could not close. The other is closed all the
    /// same.
    pub async fn close(&self) -> Result<(), StoreError> {
        let (intake, events) =
            tokio::join!(self.intake_database.close(), self.events_database.close());
        intake.and(events)
    }
}

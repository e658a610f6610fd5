//! The embedded backend: SQLite files, two writer threads, read-only connections beside them.
//!
//! The only code that speaks SQL. `intake.db` holds raw payloads. `store.db` holds the result of
//! processing, except for the events, which are in a file for each week, `events-<week>.db`.

mod alerts;
mod apply;
mod deliveries;
mod file;
mod keys;
pub mod moving;
mod payloads;
mod read;
mod saved_views;
mod sessions;
pub mod snapshot;
mod store;
pub mod tallies;
mod trends;
pub mod verify;
mod weeks;
mod writer;

use std::path::Path;
use std::sync::Arc;

use super::{Alone, Opening, Route, Storage, WriterLimits};
use crate::system::supervisor::Supervisor;

pub use file::connection::OpenError;
pub use payloads::SqliteIntake;
pub use read::sql_worker;
pub use store::SqliteStore;

/// Opens both databases, or creates them. Nobody learns of a thread that panics.
///
/// # Errors
/// [`OpenError`].
pub fn open(
    intake: &Path,
    store: &Path,
    limits: WriterLimits,
    routes: Vec<Route>,
) -> Result<Storage, OpenError> {
    open_supervised(intake, store, limits, routes, &Supervisor::default())
}

/// Opens both databases, or creates them, with their threads under `supervisor`.
///
/// # Errors
/// [`OpenError`].
pub fn open_supervised(
    intake: &Path,
    store: &Path,
    limits: WriterLimits,
    routes: Vec<Route>,
    supervisor: &Supervisor,
) -> Result<Storage, OpenError> {
    open_as(intake, store, limits, Opening::Serve(routes), supervisor)
}

/// Opens both databases for a purpose. Only [`Opening::Serve`] and [`Opening::Change`] create or
/// migrate them.
///
/// # Errors
/// [`OpenError`].
pub fn open_as(
    intake: &Path,
    store: &Path,
    limits: WriterLimits,
    opening: Opening,
    supervisor: &Supervisor,
) -> Result<Storage, OpenError> {
    let intake = SqliteIntake::open_as(intake, limits, &opening, supervisor)?;
    let store = SqliteStore::open_as(store, limits, opening, supervisor)?;
    Ok(storage(intake, store))
}

/// The storage that both databases are together.
pub fn storage(intake: SqliteIntake, store: SqliteStore) -> Storage {
    let (intake, store) = (Arc::new(intake), Arc::new(store));
    Storage {
        lease_clock: None,
        payload_queue: Arc::<SqliteIntake>::clone(&intake),
        archive: Arc::<SqliteIntake>::clone(&intake),
        replays: Arc::<SqliteIntake>::clone(&intake),
        events: Arc::<SqliteStore>::clone(&store),
        reader: Arc::<SqliteStore>::clone(&store),
        keys: Arc::<SqliteStore>::clone(&store),
        saved_views: Arc::<SqliteStore>::clone(&store),
        sessions: Arc::<SqliteStore>::clone(&store),
        delivery_queue: Arc::<SqliteStore>::clone(&store),
        trends: Arc::<SqliteStore>::clone(&store),
        alerts: Arc::<SqliteStore>::clone(&store),
        tallies: Arc::<SqliteStore>::clone(&store),
        peers: Arc::new(Alone),
        intake_database: intake,
        events_database: store,
    }
}

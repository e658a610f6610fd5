//! PostgreSQL 15 to 18, for one server or several on one database.
//!
//! The files mirror those of [`super::sqlite`]. Everything is in the schema `lamplight` of one
//! database. What several servers change at the same time is either locked row by row, in one order
//! (`apply`), or kept in lanes that are added up (`lanes`), so that no row is written by
//! everyone. Leases keep two servers from doing the same work.

mod absent;
mod alerts;
mod apply;
mod clock;
mod columns;
mod connection;
mod copy;
mod deliveries;
mod keys;
mod lanes;
mod leader;
mod locks;
pub mod moving;
mod notices;
mod partitions;
mod payloads;
mod peers;
mod read;
mod saved_views;
mod schema;
mod sessions;
pub mod shards;
mod store;
mod tallies;
mod text;
mod trends;
pub mod verify;

use std::sync::Arc;

use tokio::runtime::Handle;

use super::{Opening, Storage, WriterLimits};
use crate::system::supervisor::Supervisor;
use clock::DatabaseClock;
use connection::database::Database;
use connection::failure::Failure;
use notices::Notices;
use shards::ShardEpoch;

pub use absent::AbsentShard;
pub use connection::open_error::OpenError;
pub use connection::url::{DatabaseUrl, UrlError, Urls};
pub use payloads::PostgresIntake;
pub use store::PostgresStore;
pub use tallies::{TalliesRepaired, repair};

/// Opens the database for a purpose. Only [`Opening::Serve`] and [`Opening::Change`] create or
/// migrate its tables. Its background tasks run on the current runtime, under `supervisor`.
///
/// # Errors
/// [`OpenError`].
pub async fn open_as(
    urls: &Urls,
    limits: WriterLimits,
    opening: Opening,
    supervisor: &Supervisor,
) -> Result<Storage, OpenError> {
    open_shard(urls, limits, opening, supervisor, ShardEpoch::default()).await
}

/// The same for one shard of several: what is written is checked against the epoch that the server
/// knows, which it changes when it has read the map again.
///
/// # Errors
/// [`OpenError`]. With an epoch of 0, also if the database is a shard.
pub async fn open_shard(
    urls: &Urls,
    limits: WriterLimits,
    opening: Opening,
    supervisor: &Supervisor,
    epoch: ShardEpoch,
) -> Result<Storage, OpenError> {
    let database = Arc::new(checked(urls, &opening, &epoch, supervisor).await?);
    let serves = matches!(opening, Opening::Serve(_));
    let notices = Arc::<Notices>::default();
    let store = PostgresStore::new(Arc::clone(&database), Arc::clone(&notices), epoch);
    store.prepare(&database, urls.sql.as_ref(), opening).await?;
    let intake = PostgresIntake::open(Arc::clone(&database), limits, notices, supervisor);
    if serves {
        set_clock(&database).await.map_err(|error| OpenError::preparing(database.url(), error))?;
        watch(database, supervisor);
    }
    Ok(storage(Arc::new(intake), Arc::new(store)))
}

/// Connects to a database that can be used for a purpose, and brings its schema to this version.
async fn checked(
    urls: &Urls,
    opening: &Opening,
    epoch: &ShardEpoch,
    supervisor: &Supervisor,
) -> Result<Database, OpenError> {
    let database = Database::connect(&urls.main, supervisor).await?;
    connection::fitness::check(&database, opening).await?;
    schema::prepare(&database, opening).await?;
    moving::record::check_open(&database, opening).await?;
    shards::check_open(&database, opening, epoch).await?;
    Ok(database)
}

async fn set_clock(database: &Database) -> Result<(), Failure> {
    let client = database.client().await?;
    database.clock.set(&client).await
}

fn watch(database: Arc<Database>, supervisor: &Supervisor) {
    let watching = connection::watch::watch(database);
    supervisor.spawn_keeper("watch of the database", &Handle::current(), watching);
}

/// The storage that both are together.
fn storage(intake: Arc<PostgresIntake>, store: Arc<PostgresStore>) -> Storage {
    Storage {
        lease_clock: Some(Arc::<DatabaseClock>::clone(&store.database.clock)),
        payload_queue: Arc::<PostgresIntake>::clone(&intake),
        archive: Arc::<PostgresIntake>::clone(&intake),
        replays: Arc::<PostgresIntake>::clone(&intake),
        events: Arc::<PostgresStore>::clone(&store),
        reader: Arc::<PostgresStore>::clone(&store),
        keys: Arc::<PostgresStore>::clone(&store),
        saved_views: Arc::<PostgresStore>::clone(&store),
        sessions: Arc::<PostgresStore>::clone(&store),
        delivery_queue: Arc::<PostgresStore>::clone(&store),
        trends: Arc::<PostgresStore>::clone(&store),
        alerts: Arc::<PostgresStore>::clone(&store),
        tallies: Arc::<PostgresStore>::clone(&store),
        peers: Arc::<PostgresStore>::clone(&store),
        intake_database: intake,
        events_database: store,
    }
}

//! One shard, as the commands for shards and servers that follow the map see it.

use std::time::Duration;

use deadpool_postgres::Transaction;
use tokio_postgres::Client;
use uuid::Uuid;

use super::error::ShardError;
use super::hidden;
use super::record::forget_counts;
use super::remains::Remains;
use crate::store::postgres::columns::{big, count, get};
use crate::store::postgres::connection::database::{Database, Work};
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::connection::fitness;
use crate::store::postgres::connection::open_error::OpenError;
use crate::store::postgres::connection::url::DatabaseUrl;
use crate::store::postgres::locks::Lock;
use crate::store::postgres::moving::record;
use crate::store::postgres::read::live;
use crate::store::postgres::schema;
use crate::store::shard_map::{Moving, ShardMap};
use crate::store::{ChunkCounts, Opening};
use crate::system::supervisor::Supervisor;

const STATE: &str = "SELECT number, installation, epoch, map FROM shard WHERE id = 1";
/// Replaces an older map. Waits for everybody who writes by it.
const ADOPT: &str = "UPDATE shard SET epoch = $1::bigint, map = $2, writable = $3, is_moving = $4 \
     WHERE id = 1 AND epoch < $1::bigint AND installation IS NOT NULL";
/// The same, if nobody else has changed the map.
const REPLACE: &str = "UPDATE shard SET epoch = $1::bigint, map = $2, writable = $3, is_moving = $4 \
     WHERE id = 1 AND epoch = $1::bigint - 1";
const JOIN: &str = "UPDATE shard SET installation = $5, number = $6, epoch = $1::bigint, map = $2, writable = $3, is_moving = $4 \
     WHERE id = 1 AND epoch = 0 AND installation IS NULL";
/// Servers that do not know shards must not start on one.
const FOR_NEWER: &str = "UPDATE compatibility SET oldest = 5 WHERE oldest < 5 AND version >= 5";
const IS_EMPTY: &str = "SELECT NOT (EXISTS (SELECT FROM payloads) OR EXISTS (SELECT FROM applied) \
     OR EXISTS (SELECT FROM producers) OR EXISTS (SELECT FROM events) OR EXISTS (SELECT FROM keys) \
     OR EXISTS (SELECT FROM outcomes) OR EXISTS (SELECT FROM weeks))";
const IDENTITY: &str = "SELECT (SELECT system_identifier FROM pg_control_system()) || '/' || oid \
     FROM pg_database WHERE datname = current_database()";
const SIZE: &str = "SELECT greatest((SELECT sum(stored)::bigint FROM totals) \
     - (SELECT coalesce(sum(removed_events), 0)::bigint FROM weeks), 0), \
     (SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class \
       WHERE relnamespace = 'lamplight'::regnamespace AND relkind = 'r' \
       AND relname ~ '^(events_|runs_|deliveries_|profile_versions_|outcomes$|producers$|event_ids$)'), \
     (SELECT sum(payloads)::bigint FROM queue_counts)";

/// How often it is tried to begin: the database notices within seconds that a process is gone.
const LOCK_TRIES: u32 = 20;
const LOCK_AGAIN: Duration = Duration::from_millis(250);

/// One shard.
#[derive(Debug)]
pub struct ShardDatabase {
    pub(super) database: Database,
}

/// Which shard a database is, and the map that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardState {
    /// Its number.
    pub number: u16,
    /// The installation that it belongs to. `None` for a database that has always been alone.
    pub installation: Option<Uuid>,
    /// The map.
    pub map: ShardMap,
}

/// How much a shard has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardSize {
    /// Events that are stored.
    pub events: u64,
    /// Bytes of everything that has a bucket.
    pub bytes: u64,
    /// Payloads that wait.
    pub waiting: u64,
}

impl ShardDatabase {
    /// Connects. Unless it is only for reading, the schema is brought to this version.
    ///
    /// # Errors
    /// [`ShardError::Open`].
    pub async fn connect(url: &DatabaseUrl, opening: &Opening) -> Result<Self, ShardError> {
        let open = |source: OpenError| ShardError::Open { place: url.to_string(), source };
        let database = Database::connect(url, &Supervisor::default()).await.map_err(open)?;
        fitness::check(&database, opening).await.map_err(open)?;
        schema::prepare(&database, opening).await.map_err(open)?;
        record::check_open(&database, opening).await.map_err(open)?;
        Ok(Self { database })
    }

    /// Its place, without secrets.
    pub fn place(&self) -> String {
        self.database.url().to_string()
    }

    /// Which shard it is, and its map.
    ///
    /// # Errors
    /// [`ShardError::Work`].
    pub async fn state(&self) -> Result<ShardState, ShardError> {
        self.work("read the shard map", |transaction| Box::pin(state(transaction))).await
    }

    /// Replaces the map of this shard, if it is of an earlier epoch. Waits for transactions that
    /// write by the earlier one. Returns whether it did.
    ///
    /// # Errors
    /// [`ShardError::Work`].
    pub async fn adopt(&self, map: &ShardMap) -> Result<bool, ShardError> {
        self.set(ADOPT, map).await
    }

    /// Replaces the map of the first shard, unless somebody else did.
    pub(super) async fn replace(&self, map: &ShardMap) -> Result<(), ShardError> {
        if self.set(REPLACE, map).await? { Ok(()) } else { Err(ShardError::Changed) }
    }

    /// The same, while it begins to count what another shard has counted.
    pub(super) async fn replace_and_add(
        &self,
        map: &ShardMap,
        remains: &Remains,
    ) -> Result<(), ShardError> {
        let setting = self.work("change the shard map", |transaction| {
            let (map, remains) = (map.clone(), remains.clone());
            Box::pin(async move {
                // First, as for everybody who writes.
                Lock::ShardGate.take(transaction).await?;
                remains.add(transaction).await?;
                replace(transaction, REPLACE, &map).await
            })
        });
        if setting.await? { Ok(()) } else { Err(ShardError::Changed) }
    }

    async fn set(&self, sql: &'static str, map: &ShardMap) -> Result<bool, ShardError> {
        let setting = self.work("change the shard map", |transaction| {
            let map = map.clone();
            Box::pin(async move {
                let known = state(transaction).await?;
                // Whoever waits for the lock alone holds up everybody who writes.
                if known.map.epoch >= map.epoch {
                    return Ok(false);
                }
                replace(transaction, sql, &map).await
            })
        });
        setting.await
    }

    /// Makes a database that has always been alone a shard with this number.
    pub(super) async fn join(
        &self,
        installation: Uuid,
        number: u16,
        map: &ShardMap,
    ) -> Result<bool, ShardError> {
        let joining = self.work("make it a shard", |transaction| {
            let map = map.clone();
            Box::pin(async move {
                Lock::ShardGate.take(transaction).await?;
                transaction.execute(FOR_NEWER, &[]).await?;
                let (writable, is_moving) = for_shard(&map, number);
                let (epoch, text, number) = (big(map.epoch), map.to_string(), i32::from(number));
                let joined = transaction
                    .execute(JOIN, &[&epoch, &text, &writable, &is_moving, &installation, &number])
                    .await?;
                Ok(joined > 0)
            })
        });
        joining.await
    }

    /// Whether no server has ever used it.
    pub(super) async fn is_empty(&self) -> Result<bool, ShardError> {
        let asking = self.work("look whether it is empty", |transaction| {
            Box::pin(async move { get(&transaction.query_one(IS_EMPTY, &[]).await?, 0) })
        });
        asking.await
    }

    /// What tells it from all other databases: its cluster, and its number there.
    pub(super) async fn identity(&self) -> Result<String, ShardError> {
        let reading = self.work("tell it from others", |transaction| {
            Box::pin(async move { get(&transaction.query_one(IDENTITY, &[]).await?, 0) })
        });
        reading.await
    }

    /// How much it has.
    ///
    /// # Errors
    /// [`ShardError::Work`].
    pub async fn size(&self) -> Result<ShardSize, ShardError> {
        let reading = self.work("read its size", |transaction| {
            Box::pin(async move {
                let row = transaction.query_one(SIZE, &[]).await?;
                Ok(ShardSize {
                    events: count(&row, 0)?,
                    bytes: count(&row, 1)?,
                    waiting: count(&row, 2)?,
                })
            })
        });
        reading.await
    }

    /// What a chunk counts as that was copied here. `None` if it was not.
    ///
    /// # Errors
    /// [`ShardError::Work`].
    pub async fn chunk_counts(&self, begun: u64) -> Result<Option<ChunkCounts>, ShardError> {
        let reading = self.work("read what buckets count as", |transaction| {
            Box::pin(async move { hidden::recorded(transaction, begun).await })
        });
        reading.await
    }

    /// The last position in the live view that may have been taken.
    pub(super) async fn live_end(&self) -> Result<i64, ShardError> {
        let reading = self.work("find the end of the live view", |transaction| {
            Box::pin(live::last_taken(transaction))
        });
        reading.await
    }

    /// Forgets what a chunk counts as that was copied here, and is nowhere else any more.
    pub(super) async fn forget_counts(&self, moving: &Moving) -> Result<(), ShardError> {
        let forgetting = self.work("end a move", |transaction| {
            let moving = moving.clone();
            Box::pin(async move { forget_counts(transaction, &moving).await })
        });
        forgetting.await
    }

    /// The lock of whoever moves buckets. It is held until the connection ends.
    pub(super) async fn lock(&self) -> Result<Client, ShardError> {
        let locking = async {
            let client = self.database.dedicated().await?;
            for _ in 0..LOCK_TRIES {
                if Lock::Shards.try_hold(&client).await? {
                    return Ok(Some(client));
                }
                tokio::time::sleep(LOCK_AGAIN).await;
            }
            Ok::<_, Failure>(None)
        };
        let locked = locking.await;
        let locked =
            locked.map_err(|it| ShardError::work("begin to move buckets", &self.place(), &it))?;
        locked.ok_or(ShardError::Busy)
    }

    /// Does work in one transaction.
    pub(super) async fn work<T: Send>(
        &self,
        doing: &'static str,
        work: impl for<'t> Fn(&'t Transaction<'_>) -> Work<'t, T> + Send + Sync,
    ) -> Result<T, ShardError> {
        let done = self.database.transaction(work).await;
        done.map_err(|failure| ShardError::work(doing, &self.place(), &failure))
    }

    /// Closes the connections.
    pub fn close(&self) {
        self.database.close();
    }
}

/// Replaces the map, once nobody writes by the one that is there.
async fn replace(
    transaction: &Transaction<'_>,
    sql: &str,
    map: &ShardMap,
) -> Result<bool, Failure> {
    Lock::ShardGate.take(transaction).await?;
    let number = state(transaction).await?.number;
    let (writable, is_moving) = for_shard(map, number);
    let (epoch, text) = (big(map.epoch), map.to_string());
    let set = transaction.execute(sql, &[&epoch, &text, &writable, &is_moving]).await?;
    Ok(set > 0)
}

pub(super) async fn state(transaction: &Transaction<'_>) -> Result<ShardState, Failure> {
    let row = transaction.query_one(STATE, &[]).await?;
    let number = u16::try_from(get::<i32>(&row, 0)?).map_err(|_| Failure::Column("number"))?;
    let map = match get::<Option<&str>>(&row, 3)? {
        Some(map) => map.parse().map_err(|_| Failure::Column("map"))?,
        None => ShardMap::alone(),
    };
    Ok(ShardState { number, installation: get(&row, 1)?, map })
}

/// What a map says about one shard: the buckets that may be written, and whether some are moving
/// from there or to there.
fn for_shard(map: &ShardMap, number: u16) -> (Vec<u8>, bool) {
    let is_moving = map.moving.as_ref().is_some_and(|it| it.from == number || it.to == number);
    (map.writable_by(number).to_bytes(), is_moving)
}

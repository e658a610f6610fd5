//! A database that is moved, or moved to.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Transaction;
use tokio_postgres::Client;
use uuid::Uuid;

use super::profile_keys::ProfileKeys;
use super::record::{self, Direction, Record};
use super::{begin, read, write};
use crate::store::moving::{Batch, Checksum, Key, Part, Row, Shared, Table, Value};
use crate::store::postgres::OpenError;
use crate::store::postgres::columns::get;
use crate::store::postgres::connection::database::Database;
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::connection::url::DatabaseUrl;
use crate::store::postgres::locks::Lock;
use crate::store::postgres::partitions::{self, Kind};
use crate::store::postgres::schema;
use crate::store::postgres::shards::{self, LastOne};
use crate::store::{Opening, RowId, StoreError, Week};
use crate::system::supervisor::Supervisor;

pub use super::begin::BeginError;

/// How often, and how long after each other, the lock is tried: a process that has just ended, or
/// was killed, has it until the database knows.
const TRIES_MAX: u32 = 25;
const TRY_AFTER: Duration = Duration::from_millis(200);
const WEEKS: &str = "SELECT week FROM weeks WHERE NOT is_removed ORDER BY week";
const PROGRESS: &str = "SELECT next FROM migration_progress WHERE part = $1";
const SET_PROGRESS: &str = "INSERT INTO migration_progress (part, next) VALUES ($1, $2) \
     ON CONFLICT (part) DO UPDATE SET next = excluded.next";

/// A database that this process alone moves.
pub struct Installation {
    database: Database,
    /// Its session holds the lock.
    _lock: Client,
    /// The keys of profiles of the week that was read last.
    profile_keys: Option<(Week, Arc<ProfileKeys>)>,
}

impl std::fmt::Debug for Installation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Installation").field("database", &self.database).finish_non_exhaustive()
    }
}

impl Installation {
    /// Opens a database, makes its tables if there are none, and keeps other migrations out.
    ///
    /// # Errors
    /// [`BeginError`].
    pub async fn open(url: &DatabaseUrl) -> Result<Self, BeginError> {
        let database = Database::connect(url, &Supervisor::default()).await?;
        let (found, known) = (schema::prepare(&database, &Opening::Change).await?, schema::known());
        if found > known {
            return Err(BeginError::Newer { place: url.to_string(), found, known });
        }
        let prepare = |failure: Failure| OpenError::Prepare { source: Arc::new(failure) };
        let alone = database.transaction(|transaction| Box::pin(shards::last_one(transaction)));
        match alone.await.map_err(prepare)? {
            LastOne::Yes => {}
            LastOne::Parts => return Err(BeginError::Parts { place: url.to_string() }),
            LastOne::No { number, count, control } => {
                return Err(BeginError::Shard { place: url.to_string(), number, count, control });
            }
        }
        let lock = database.dedicated().await.map_err(prepare)?;
        let mut tries = 0;
        while !Lock::Moving.try_hold(&lock).await.map_err(|error| prepare(error.into()))? {
            tries += 1;
            if tries == TRIES_MAX {
                return Err(BeginError::Busy { place: url.to_string() });
            }
            tokio::time::sleep(TRY_AFTER).await;
        }
        Ok(Self { database, _lock: lock, profile_keys: None })
    }

    /// The migrations that the database knows of, the first first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn records(&self) -> Result<Vec<Record>, StoreError> {
        let reading = self.database.transact("read the record of migrations", |transaction| {
            Box::pin(record::all(transaction))
        });
        reading.await
    }

    /// Begins a migration into the database, or goes on with it. What a server needs to take events
    /// is written first, in the transaction from which on servers hold still.
    ///
    /// # Errors
    /// [`BeginError`].
    pub async fn begin_arriving(
        &self,
        migration: &Record,
        needed_first: Vec<(Part, Batch)>,
    ) -> Result<(), BeginError> {
        begin::arriving(&self.database, migration, needed_first).await
    }

    /// Begins a migration out of the database, or goes on with it. From then on, nothing in it
    /// changes.
    ///
    /// # Errors
    /// [`BeginError`].
    pub async fn begin_leaving(&self, migration: &Record) -> Result<(), BeginError> {
        begin::leaving(&self.database, migration).await
    }

    /// Lets servers use a database again from which everything was moved. Returns whether it was
    /// one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn undo_leaving(&self) -> Result<bool, StoreError> {
        let undoing = self.database.transact("undo the migration", |transaction| {
            Box::pin(async move {
                begin::open_tables(transaction).await?;
                Ok(record::forget_leaving(transaction).await? > 0)
            })
        });
        undoing.await
    }

    /// What there is to move.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn parts(&self) -> Result<Vec<Part>, StoreError> {
        let reading = self.database.transact("read the weeks", |transaction| {
            Box::pin(async move {
                let mut weeks = Vec::new();
                for row in transaction.query(WEEKS, &[]).await? {
                    let number = u32::try_from(get::<i32>(&row, 0)?);
                    let number = number.map_err(|_| Failure::Column("week"))?;
                    weeks.push(Week::from_number(number));
                }
                Ok(weeks)
            })
        });
        Ok(Part::all(&reading.await?))
    }

    /// Where to continue with a part, or that all of it is here.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn progress(&self, part: Part) -> Result<Option<Option<Key>>, StoreError> {
        let reading = self.database.transact("read the progress", move |transaction| {
            Box::pin(async move {
                let row = transaction.query_opt(PROGRESS, &[&part.to_string()]).await?;
                let Some(row) = row else { return Ok(Some(None)) };
                Ok(get::<Option<Vec<u8>>>(&row, 0)?.map(|next| Key::decode(&next)))
            })
        });
        reading.await
    }

    /// Writes rows of a part, and how far it has come.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn write(&self, migration: Uuid, part: Part, batch: Batch) -> Result<(), StoreError> {
        self.make_partitions(part, &batch).await?;
        let batch = Arc::new(batch);
        let writing = self.database.transact("write what is moved", move |transaction| {
            let batch = Arc::clone(&batch);
            Box::pin(async move {
                record::hold(transaction, migration).await?;
                write_batch(transaction, part, &batch).await
            })
        });
        writing.await
    }

    async fn make_partitions(&self, part: Part, batch: &Batch) -> Result<(), StoreError> {
        let kind = match part.table {
            Table::Payloads => Kind::Payloads,
            _ => Kind::Events,
        };
        let mut weeks: Vec<Week> = part.week.into_iter().collect();
        if matches!(part.table, Table::Payloads | Table::Deliveries) {
            weeks.extend(batch.rows.iter().filter_map(id).map(|id| Week::of_row(RowId(id))));
            weeks.sort_unstable();
            weeks.dedup();
        }
        for week in weeks {
            let made = partitions::ensure(&self.database, kind, week).await;
            made.map_err(|failure| self.database.failed(failure, "make the tables of a week"))?;
        }
        Ok(())
    }

    /// Rows of a part, from a place on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn read(&mut self, part: Part, after: Option<&Key>) -> Result<Batch, StoreError> {
        let (after, keys) = (after.cloned().map(Arc::new), self.profile_keys(part).await?);
        let reading = self.database.transact("read what is moved", move |transaction| {
            let (after, keys) = (after.clone(), Arc::clone(&keys));
            Box::pin(async move {
                without_timeout(transaction).await?;
                read::batch(transaction, part, after.as_deref(), &keys).await
            })
        });
        reading.await
    }

    /// The keys of profiles that a part needs.
    async fn profile_keys(&mut self, part: Part) -> Result<Arc<ProfileKeys>, StoreError> {
        let Some(week) = part.week.filter(|_| part.table == Table::ProfileVersions) else {
            return Ok(Arc::default());
        };
        if let Some((of, keys)) = &self.profile_keys
            && *of == week
        {
            return Ok(Arc::clone(keys));
        }
        let reading = self.database.transact("read the keys of profiles", move |transaction| {
            Box::pin(async move {
                without_timeout(transaction).await?;
                ProfileKeys::read(transaction, week).await
            })
        });
        let keys = Arc::new(reading.await?);
        self.profile_keys = Some((week, Arc::clone(&keys)));
        Ok(keys)
    }

    /// How many rows a part has.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count(&self, part: Part) -> Result<u64, StoreError> {
        let counting = self.database.transact("count what is moved", move |transaction| {
            Box::pin(async move {
                without_timeout(transaction).await?;
                read::count(transaction, part).await
            })
        });
        counting.await
    }

    /// What the rows of a part add up to.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn checksum(&mut self, part: Part) -> Result<Checksum, StoreError> {
        let (mut sum, mut after) = (Checksum::default(), None);
        loop {
            let batch = self.read(part, after.as_ref()).await?;
            batch.rows.iter().for_each(|row| sum.add(row));
            after = batch.next;
            if after.is_none() {
                return Ok(sum);
            }
        }
    }

    /// What the rows with the keys of these add up to, in a part to which servers add rows.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn checksum_of(
        &self,
        part: Part,
        shared: Shared,
        rows: &[Row],
    ) -> Result<Checksum, StoreError> {
        let ids: Arc<Vec<Uuid>> = Arc::new(rows.iter().filter_map(id).collect());
        let reading = self.database.transact("read what is moved", move |transaction| {
            let ids = Arc::clone(&ids);
            Box::pin(async move {
                without_timeout(transaction).await?;
                if part.table.is_needed_first() {
                    // There are few.
                    read::all(transaction, part).await
                } else {
                    read::of_payloads(transaction, part, &ids).await
                }
            })
        });
        let keys: BTreeSet<&[Value]> = rows.iter().map(|row| shared.key(row)).collect();
        let (there, mut sum) = (reading.await?, Checksum::default());
        let moved = there.iter().filter(|row| keys.contains(shared.key(row)));
        moved.for_each(|row| sum.add(shared.kept(row)));
        Ok(sum)
    }

    /// Ends a migration. After one into the database, servers process what they have taken. After
    /// one out of it, nothing ever changes in it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn finish(&self, migration: &Record, now_ms: i64) -> Result<(), StoreError> {
        let (id, direction) = (migration.id, migration.direction);
        let finishing = self.database.transact("end the migration", move |transaction| {
            Box::pin(async move {
                if direction == Direction::Arriving {
                    begin::number_on(transaction).await?;
                    begin::open_tables(transaction).await?;
                    transaction.execute("DELETE FROM migration_progress", &[]).await?;
                }
                record::end(transaction, id, now_ms).await
            })
        });
        finishing.await?;
        if direction == Direction::Arriving {
            self.analyze().await;
        }
        Ok(())
    }

    /// Lets the planner know what is there. Otherwise the database does so by itself, later.
    async fn analyze(&self) {
        let analyzing = async {
            let client = self.database.dedicated().await?;
            client.batch_execute("SET statement_timeout = 0; ANALYZE").await?;
            Ok::<_, Failure>(())
        };
        if let Err(error) = analyzing.await {
            tracing::warn!(%error, "failed to analyze the database: it does so by itself, later");
        }
    }

    /// Closes the connections.
    pub fn close(&self) {
        self.database.close();
    }
}

/// Writes rows of a part, and how far it has come.
pub(super) async fn write_batch(
    transaction: &Transaction<'_>,
    part: Part,
    batch: &Batch,
) -> Result<(), Failure> {
    begin::may_change(transaction).await?;
    let sinks = write::sinks(transaction).await?;
    write::rows(transaction, part, batch, &sinks).await?;
    let set = transaction.prepare_cached(SET_PROGRESS).await?;
    let next = batch.next.as_ref().map(Key::encode);
    transaction.execute(&set, &[&part.to_string(), &next]).await?;
    Ok(())
}

/// Reading all of a table takes as long as it takes.
async fn without_timeout(transaction: &Transaction<'_>) -> Result<(), Failure> {
    Ok(transaction.batch_execute("SET LOCAL statement_timeout = 0").await?)
}

/// The id that a row begins with.
fn id(row: &Row) -> Option<Uuid> {
    row.first().and_then(Value::bytes).and_then(|bytes| Uuid::from_slice(bytes).ok())
}

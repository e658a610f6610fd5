//! Copying a chunk of buckets, in one transaction of the target.

use std::collections::{HashMap, HashSet};
use std::pin::pin;

use deadpool_postgres::Transaction;
use futures_util::StreamExt;
use tokio_postgres::IsolationLevel;
use tokio_postgres::binary_copy::{BinaryCopyOutRow, BinaryCopyOutStream};
use tokio_postgres::types::FromSql;
use uuid::Uuid;

use super::counts::{Counted, MovedCounts, MovedEvent, MovedOutcome, SinkCount};
use super::database::ShardDatabase;
use super::error::ShardError;
use super::gate::Gate;
use super::profiles;
use super::raw::Raw;
use super::record::{Record, is_done, record};
use super::tables::{
    CLIENT_IDS, DELIVERIES, EVENTS, LETTERS, Moving, OUTCOMES, PRODUCERS, QUEUE, RUNS, VERSIONS,
    list, weeks,
};
use crate::store::postgres::apply::versions;
use crate::store::postgres::columns::{get, int};
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::copy::{CopyIn, RowWriter};
use crate::store::postgres::partitions;
use crate::store::postgres::read::live;
use crate::store::postgres::text;
use crate::store::shard_map;
use crate::store::{Outcome, ProfileKey, Week};

/// Transactions of a chunk take as long as they take. Waits for locks of others do not. Servers do
/// not take this for one of theirs that is frozen.
pub(super) const UNLIMITED: &str = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; \
     SET LOCAL lock_timeout = '1min'; SET LOCAL application_name = 'lamplight shards'";
/// How far versions of profiles of a week that come here are numbered after those that are there.
const VERSIONS_BETWEEN: i64 = 1_000_000;
/// How many profiles are read at once.
const KEYS_AT_ONCE: usize = 2_000;
/// How many rows are between two looks at whether to stop.
const TICK_ROWS: u64 = 100;

pub(super) const SINKS: &str = "SELECT id, name, kind FROM sinks ORDER BY id";

/// Told how many rows there are so far. Answers whether to go on.
pub(super) type Tick<'a> = &'a mut (dyn FnMut(u64) -> bool + Send);

/// A copy between two shards.
struct Copy<'a, 't> {
    from: &'a Transaction<'t>,
    to: &'a Transaction<'t>,
    buckets: String,
    counted: Counted,
    rows: u64,
    tick: Tick<'a>,
    is_stopped: bool,
}

/// Copies a chunk, unless that was done. Returns what it was.
pub(super) async fn chunk(
    (from, to): (&ShardDatabase, &ShardDatabase),
    (epoch, moving): (u64, &shard_map::Moving),
    now_ms: i64,
    tick: Tick<'_>,
) -> Result<MovedCounts, ShardError> {
    let work = |failure: Failure| ShardError::work("copy buckets", &to.place(), &failure);
    let of_source = |failure: Failure| ShardError::work("read buckets", &from.place(), &failure);
    let mut source = from.database.client().await.map_err(of_source)?;
    let beginning = source.build_transaction().isolation_level(IsolationLevel::RepeatableRead);
    let snapshot = beginning.read_only(true).start().await;
    let snapshot = snapshot.map_err(|it| of_source(it.into()))?;
    let mut target = to.database.client().await.map_err(work)?;
    let transaction = target.transaction().await.map_err(|it| work(it.into()))?;
    let copying = async {
        snapshot.batch_execute(UNLIMITED).await?;
        transaction.batch_execute(UNLIMITED).await?;
        if let Some(counts) = is_done(&transaction, moving).await? {
            return Ok(Some(counts));
        }
        let mut copy = Copy {
            from: &snapshot,
            to: &transaction,
            buckets: list(&moving.buckets),
            counted: Counted::added(),
            rows: 0,
            tick,
            is_stopped: false,
        };
        let copied = copy.everything(to).await;
        if copy.is_stopped {
            return Ok(None);
        }
        copied?;
        // Before the counts that other transactions wait for: they hold the gate.
        Gate::take(&transaction, epoch).await?;
        let (moved, counts) = copy.counted.write(&transaction, &snapshot).await?;
        let at = Some(live::position(&transaction).await?);
        let done = Record { moved: &moved, counts: Some(&counts), at, left: None };
        record(&transaction, moving, now_ms, &done).await?;
        Ok(Some(moved))
    };
    match copying.await.map_err(work)? {
        Some(counts) => {
            transaction.commit().await.map_err(|it| work(Failure::of_commit(it)))?;
            Ok(counts)
        }
        None => Err(ShardError::Stopped),
    }
}

/// A value of a row.
fn value<'r, T: FromSql<'r>>(row: &'r BinaryCopyOutRow, at: usize) -> Result<T, Failure> {
    Ok(row.try_get(at)?)
}

/// A text, as it was given.
fn given(row: &BinaryCopyOutRow, at: usize) -> Result<String, Failure> {
    Ok(text::given(value(row, at)?))
}

fn given_or_null(row: &BinaryCopyOutRow, at: usize) -> Result<Option<String>, Failure> {
    Ok(value::<Option<String>>(row, at)?.map(text::given))
}

/// Passes all columns on from this one.
fn pass(
    row: &BinaryCopyOutRow,
    columns: std::ops::Range<usize>,
    to: &mut RowWriter<'_>,
) -> Result<(), Failure> {
    for at in columns {
        to.put(&value::<Option<Raw<'_>>>(row, at)?)?;
    }
    Ok(())
}

impl Copy<'_, '_> {
    async fn everything(&mut self, target: &ShardDatabase) -> Result<(), Failure> {
        let sinks = self.sinks().await?;
        for week in weeks(self.from).await? {
            let keys = self.events(week).await?;
            self.plain(&RUNS, &partitions::name("runs", week), "true").await?;
            self.deliveries(week, &sinks).await?;
            profiles::merge(self.from, target, &keys).await?;
        }
        self.outcomes().await?;
        self.producers().await?;
        self.plain(&CLIENT_IDS, CLIENT_IDS.table, "true").await?;
        self.queue(&sinks).await
    }

    /// Copies rows. `each` sees each of them, and writes it.
    async fn rows(
        &mut self,
        moving: &Moving,
        table: &str,
        select: &str,
        mut each: impl FnMut(&BinaryCopyOutRow, &mut RowWriter<'_>, &mut Counted) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let statement = format!("COPY ({select}) TO STDOUT (FORMAT binary)");
        let stream = self.from.copy_out(&statement).await?;
        let mut stream = pin!(BinaryCopyOutStream::new(stream, moving.types));
        let mut copy = CopyIn::begin(self.to, moving.into(table)).await?;
        while let Some(row) = stream.next().await {
            let row = row?;
            copy.row(|to| each(&row, to, &mut self.counted)).await?;
            self.rows += 1;
            if self.rows.is_multiple_of(TICK_ROWS) && !(self.tick)(self.rows) {
                // The transaction is rolled back, whatever this says.
                self.is_stopped = true;
                return Err(Failure::Raced);
            }
            if self.counted.is_full() {
                // Nothing else is written while a table is copied.
                copy.finish().await?;
                self.counted.write_tallies(self.to).await?;
                copy = CopyIn::begin(self.to, moving.into(table)).await?;
            }
        }
        copy.finish().await
    }

    /// Copies rows that count as nothing, of a table with buckets.
    async fn plain(&mut self, moving: &Moving, table: &str, only: &str) -> Result<(), Failure> {
        let columns = moving.columns;
        let select = format!(
            "SELECT {columns} FROM {table} WHERE bucket = ANY ({}) AND {only}",
            self.buckets
        );
        let count = moving.types.len();
        self.rows(moving, table, &select, |row, to, _| pass(row, 0..count, to)).await
    }

    /// Copies events of a week, and the versions of profiles that they refer to, under new numbers.
    /// Returns the keys of these profiles.
    async fn events(&mut self, week: Week) -> Result<HashSet<Uuid>, Failure> {
        let table = partitions::name("events", week);
        let versions = partitions::name("profile_versions", week);
        let sql = format!("SELECT coalesce(max(revision), 0) FROM {versions}");
        let last: i64 = get(&self.to.query_one(&sql, &[]).await?, 0)?;
        let shift = if last > 0 { last + VERSIONS_BETWEEN } else { 0 };
        let mut keys = HashSet::new();
        let select =
            format!("SELECT {} FROM {table} WHERE bucket = ANY ({})", EVENTS.columns, self.buckets);
        let [revision, source, name, received, seq, payload, bucket, properties, user, anonymous] =
            [
                "profile_revision",
                "source",
                "name",
                "received_ms",
                "seq",
                "payload_id",
                "bucket",
                "properties",
                "user_id",
                "anonymous_id",
            ]
            .map(|column| EVENTS.at(column));
        let (revision, source, name, received) = (revision?, source?, name?, received?);
        let (seq, payload, bucket, properties) = (seq?, payload?, bucket?, properties?);
        let (user, anonymous) = (user?, anonymous?);
        let count = EVENTS.types.len();
        self.rows(&EVENTS, &table, &select, |row, to, counted| {
            pass(row, 0..revision, to)?;
            let version: Option<i64> = value(row, revision)?;
            to.put(&version.map(|version| version + shift))?;
            pass(row, revision + 1..count, to)?;
            if version.is_some() {
                keys.extend(profile_key(
                    given_or_null(row, user)?.as_deref(),
                    given_or_null(row, anonymous)?.as_deref(),
                ));
            }
            let properties: Option<Raw<'_>> = value(row, properties)?;
            counted.event(&MovedEvent {
                source: &given(row, source)?,
                name: &given(row, name)?,
                received_ms: value(row, received)?,
                has_number: value::<Option<i64>>(row, seq)?.is_some(),
                payload: value(row, payload)?,
                bucket: value(row, bucket)?,
                properties: properties.and_then(Raw::text),
            });
            Ok(())
        })
        .await?;
        self.versions(week, shift, &keys).await?;
        Ok(keys)
    }

    async fn versions(
        &mut self,
        week: Week,
        shift: i64,
        keys: &HashSet<Uuid>,
    ) -> Result<(), Failure> {
        let (table, keys) = (partitions::name("profile_versions", week), Vec::from_iter(keys));
        for keys in keys.chunks(KEYS_AT_ONCE) {
            let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
            let select = format!(
                "SELECT key, week, revision + {shift}, base + {shift}, changed_bytes, json FROM {table} \
                 WHERE week = {} AND key = ANY ('{{{}}}'::uuid[])",
                int(week.number()),
                keys.join(",")
            );
            let count = VERSIONS.types.len();
            self.rows(&VERSIONS, &table, &select, |row, to, _| pass(row, 0..count, to)).await?;
        }
        Ok(())
    }

    /// Copies the logs of deliveries of events of a week, and their dead letters.
    async fn deliveries(&mut self, week: Week, sinks: &HashMap<i32, i32>) -> Result<(), Failure> {
        let (events, buckets) = (partitions::name("events", week), self.buckets.clone());
        let of_events = |columns: &str, table: &str| {
            let columns: Vec<String> = columns.split(", ").map(|it| format!("l.{it}")).collect();
            format!(
                "SELECT {} FROM {table} AS l JOIN {events} AS e ON e.id = l.event_id \
                 WHERE e.bucket = ANY ({buckets})",
                columns.join(", ")
            )
        };
        let table = partitions::name("deliveries", week);
        let select = of_events(DELIVERIES.columns, &table);
        let count = DELIVERIES.types.len();
        self.rows(&DELIVERIES, &table, &select, |row, to, _| {
            sink(row, sinks, to)?;
            pass(row, 1..count, to)
        })
        .await?;
        let lists: [(&str, SinkCount); 2] =
            [("dead_letters", |it| &mut it.dead), ("discarded_letters", |it| &mut it.discarded)];
        for (table, of) in lists {
            let select = of_events(LETTERS.columns, table);
            let count = LETTERS.types.len();
            self.rows(&LETTERS, table, &select, |row, to, counted| {
                counted.delivery(sink(row, sinks, to)?, of);
                pass(row, 1..count, to)
            })
            .await?;
        }
        Ok(())
    }

    /// Copies deliveries that wait, with the times at which they are really due.
    async fn queue(&mut self, sinks: &HashMap<i32, i32>) -> Result<(), Failure> {
        let columns: Vec<String> = QUEUE
            .columns
            .split(", ")
            .map(|it| format!("{}.{it}", if it == "due_ms" { "h" } else { "q" }))
            .collect();
        let select = format!(
            "SELECT {} FROM held_deliveries AS h JOIN delivery_queue AS q USING (sink, event_id)",
            columns.join(", ")
        );
        let count = QUEUE.types.len();
        self.rows(&QUEUE, QUEUE.table, &select, |row, to, counted| {
            counted.delivery(sink(row, sinks, to)?, |it| &mut it.waiting);
            pass(row, 1..count, to)
        })
        .await
    }

    async fn outcomes(&mut self) -> Result<(), Failure> {
        let select = format!(
            "SELECT {} FROM outcomes WHERE bucket = ANY ({})",
            OUTCOMES.columns, self.buckets
        );
        let count = OUTCOMES.types.len();
        self.rows(&OUTCOMES, OUTCOMES.table, &select, |row, to, counted| {
            pass(row, 0..count, to)?;
            let (reason, detail) = (given_or_null(row, 9)?, given_or_null(row, 10)?);
            counted.outcome(&MovedOutcome {
                id: value(row, 0)?,
                is_duplicate: value::<&str>(row, 8)? == Outcome::Duplicate.name(),
                reason: reason.as_deref(),
                detail: detail.as_deref(),
                source: &given(row, 11)?,
                received_ms: value(row, 3)?,
                has_number: value::<Option<i64>>(row, 5)?.is_some(),
                payload: value(row, 7)?,
                bucket: value(row, 1)?,
            });
            Ok(())
        })
        .await
    }

    async fn producers(&mut self) -> Result<(), Failure> {
        let select = format!(
            "SELECT {} FROM producers WHERE bucket = ANY ({})",
            PRODUCERS.columns, self.buckets
        );
        let count = PRODUCERS.types.len();
        self.rows(&PRODUCERS, PRODUCERS.table, &select, |row, to, counted| {
            pass(row, 0..count, to)?;
            let sums = [value(row, 5)?, value(row, 6)?, value(row, 7)?, value(row, 8)?];
            counted.producer(&given(row, 3)?, sums);
            Ok(())
        })
        .await
    }

    /// The numbers of the target's sinks, by those of the source.
    async fn sinks(&self) -> Result<HashMap<i32, i32>, Failure> {
        let mut by_name = HashMap::<String, i32>::new();
        for row in self.to.query(SINKS, &[]).await? {
            by_name.insert(get(&row, 1)?, get(&row, 0)?);
        }
        let mut numbers = HashMap::new();
        for row in self.from.query(SINKS, &[]).await? {
            if let Some(number) = by_name.get(get::<&str>(&row, 1)?) {
                numbers.insert(get(&row, 0)?, *number);
            }
        }
        Ok(numbers)
    }
}

/// Writes the number of a sink, as the target has it. Returns it.
fn sink(
    row: &BinaryCopyOutRow,
    sinks: &HashMap<i32, i32>,
    to: &mut RowWriter<'_>,
) -> Result<i32, Failure> {
    let number = sinks.get(&value(row, 0)?).copied().ok_or(Failure::Column("sink"))?;
    to.put(&number)?;
    Ok(number)
}

/// The key of an event's profile.
fn profile_key(user_id: Option<&str>, anonymous_id: Option<&str>) -> Option<Uuid> {
    ProfileKey::new(user_id, anonymous_id).map(versions::key)
}

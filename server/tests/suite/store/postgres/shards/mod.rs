//! Several databases, and moving buckets between them while servers write.

mod counted_once;
mod gate;
mod interrupted;
mod killed;
mod live;
mod load;
mod parts;
mod refused;
pub(crate) mod removed;
mod rich;
mod router;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lamplight_server::store::postgres::shards::{
    MoveOptions, MoveWatch, Moved, Mover, ShardError, Step,
};
use lamplight_server::store::postgres::verify::verify;
use lamplight_server::store::shard_map::ShardMap;
use lamplight_server::store::week::WEEK_MS;
use uuid::Uuid;

use crate::harness::postgres::TestDatabase;
use crate::store::rows;
use crate::store::sqlite::upgrade::server::{At, NOW};

/// After everything that is stored, and after the ends of all leases.
pub(super) const LATER: i64 = NOW + 40 * WEEK_MS;
pub(super) const INSTALLATION: Uuid = Uuid::from_u128(0xabc);

/// Watches a move, and stops it when it is told to.
#[derive(Debug, Default)]
pub(super) struct Watched {
    /// After how many steps it stops.
    pub(super) steps_left: Option<usize>,
    /// After how many looks at its rows it stops.
    pub(super) looks_left: Option<usize>,
    /// Every step.
    pub(super) steps: Vec<Step>,
    pub(super) notes: Vec<String>,
}

fn goes_on(left: &mut Option<usize>) -> bool {
    match left {
        None => true,
        Some(left) => {
            *left = left.saturating_sub(1);
            *left > 0
        }
    }
}

impl MoveWatch for Watched {
    fn begin(&mut self, _: &str, _: u64) {}

    fn reach(&mut self, _: u64) -> bool {
        goes_on(&mut self.looks_left)
    }

    fn done(&mut self, step: Step) -> bool {
        self.steps.push(step);
        goes_on(&mut self.steps_left)
    }

    fn wants_more(&mut self) -> bool {
        true
    }

    fn note(&mut self, text: &str) {
        self.notes.push(text.to_owned());
    }
}

/// Moves what must be moved between these databases.
pub(super) async fn moved_with(
    databases: &[&TestDatabase],
    options: &MoveOptions,
    watched: &mut Watched,
) -> Result<Moved, ShardError> {
    let urls: Vec<_> = databases.iter().map(|it| it.url.parse().unwrap()).collect();
    let mut mover = Mover::open(&urls, Arc::new(At(LATER))).await?;
    let result = mover.run(options, INSTALLATION, watched).await;
    mover.close().await.unwrap();
    result
}

/// The same, at once and in chunks of this many buckets.
pub(crate) async fn moved(databases: &[&TestDatabase], at_once: usize) -> Moved {
    let options = MoveOptions { buckets_max: Some(at_once), ..MoveOptions::default() };
    moved_with(databases, &options, &mut Watched::default()).await.unwrap()
}

/// Moves everything away from these shards.
pub(crate) async fn drained(databases: &[&TestDatabase], drain: &[u16]) -> Moved {
    let (drain, buckets_max) = (drain.to_vec(), Some(300));
    let options = MoveOptions { drain, buckets_max, ..MoveOptions::default() };
    moved_with(databases, &options, &mut Watched::default()).await.unwrap()
}

/// The map that the first database has.
pub(super) async fn map(database: &TestDatabase) -> ShardMap {
    let client = database.client().await;
    let text = rows::rows(&client, "SELECT map FROM shard").await.remove(0);
    if text == "NULL" { ShardMap::alone() } else { text.parse().unwrap() }
}

/// Every check must hold in every database.
pub(super) async fn verified(databases: &[&TestDatabase]) {
    for database in databases {
        let mut found = verify(&database.url.parse().unwrap(), &mut |_| {}).await.unwrap();
        // The filled database has a payload that was settled and not applied, for other tests.
        found.retain(|it| it.check != "settled");
        assert!(found.is_empty(), "{}: {found:#?}", database.url);
    }
}

/// What has a bucket, or belongs to something that has: everything but numbers that a database
/// gives by itself. Each row begins with its bucket, where it has one.
const OF_BUCKETS: [(&str, &str); 9] = [
    (
        "events",
        "SELECT bucket, id, payload_index, created_day, received_ms, time_ms, ts_ms, seq, payload_id, producer, type, \
         name, source, user_id, anonymous_id, session, event_id, monitor, context, enrichment, profile, properties, \
         profile_revision IS NULL AS has_no_profile FROM events",
    ),
    ("runs", "SELECT bucket, producer, scope, first, last, first_id FROM runs"),
    (
        "outcomes",
        "SELECT bucket, id, payload_index, received_ms, applied_ms, seq, producer, payload_id, state, reason, detail, \
         source, event_id, content FROM outcomes",
    ),
    (
        "producers",
        "SELECT bucket, producer, scope, source, next, made, received, declared, missing, forgotten, refused, \
         first_heard_ms, last_heard_ms, received_json, dropped_json FROM producers",
    ),
    (
        "event_ids",
        "SELECT bucket, event_id, source, key_kind, is_refused, id, received_ms FROM event_ids",
    ),
    (
        "deliveries",
        "SELECT e.bucket, d.event_id, s.name, d.step, d.attempt, d.at_ms, d.due_ms, d.state, d.reason, d.detail \
         FROM deliveries AS d JOIN sinks AS s ON s.id = d.sink JOIN events AS e ON e.id = d.event_id",
    ),
    (
        "delivery_queue",
        "SELECT e.bucket, q.event_id, s.name, coalesce(h.due_ms, q.due_ms) AS due_ms, q.steps, q.bytes, q.queued_ms, \
         q.attempts, q.own_failures, q.first_failed_ms, q.alone_failed_ms FROM delivery_queue AS q \
         JOIN sinks AS s ON s.id = q.sink JOIN events AS e ON e.id = q.event_id \
         LEFT JOIN held_deliveries AS h ON h.sink = q.sink AND h.event_id = q.event_id",
    ),
    (
        "dead_letters",
        "SELECT e.bucket, l.event_id, s.name, l.steps, l.bytes, l.reason FROM dead_letters AS l \
         JOIN sinks AS s ON s.id = l.sink JOIN events AS e ON e.id = l.event_id",
    ),
    (
        "discarded_letters",
        "SELECT e.bucket, l.event_id, s.name, l.steps, l.bytes, l.reason FROM discarded_letters AS l \
         JOIN sinks AS s ON s.id = l.sink JOIN events AS e ON e.id = l.event_id",
    ),
];

/// Sums of counts, which all databases together have.
const SUMS: [(&str, &str); 4] = [
    (
        "totals",
        "SELECT sum(stored), sum(duplicates), sum(invalid), sum(unnumbered), sum(made), sum(declared), sum(missing) \
         FROM totals",
    ),
    (
        "sources",
        "SELECT sum(producers), sum(made), sum(received), sum(declared), sum(missing) FROM sources",
    ),
    (
        "sink_counts",
        "SELECT sum(waiting), sum(sent), sum(dead), sum(dropped), sum(discarded) FROM sink_counts",
    ),
    ("applied", "SELECT sum(stored), sum(duplicates), sum(invalid) FROM applied"),
];

/// Everything that a reader shows of some databases: rows of buckets where their owner has them.
pub(super) async fn shown(databases: &[&TestDatabase]) -> Vec<String> {
    let map = map(databases[0]).await;
    let mut told = Vec::new();
    for database in databases {
        let client = database.client().await;
        let number = rows::rows(&client, "SELECT number FROM shard").await.remove(0);
        for (table, sql) in OF_BUCKETS {
            let sql = format!("SELECT bucket, it::text FROM ({sql}) AS it");
            for row in rows::rows(&client, &sql).await {
                let (bucket, row) = row.split_once('|').unwrap();
                if map.shows(number.parse().unwrap(), bucket.parse().unwrap()) {
                    told.push(format!("{table} {row}"));
                }
            }
        }
    }
    told.sort();
    told
}

/// What the counts of some databases add up to.
pub(super) async fn sums(databases: &[&TestDatabase]) -> Vec<(String, Vec<i64>)> {
    let mut told = Vec::new();
    for (table, sql) in SUMS {
        let mut sums: Vec<i64> = Vec::new();
        for database in databases {
            let row = rows::rows(&database.client().await, sql).await.remove(0);
            let row = row.split('|').map(|it| it.parse().unwrap_or(0)).collect::<Vec<i64>>();
            sums.resize(row.len(), 0);
            sums.iter_mut().zip(row).for_each(|(sum, more)| *sum += more);
        }
        told.push((table.to_owned(), sums));
    }
    told
}

/// Nothing of a bucket is anywhere but in the shard that owns it.
pub(super) async fn assert_nothing_twice(databases: &[&TestDatabase]) {
    let map = map(databases[0]).await;
    assert_eq!(map.moving, None);
    for database in databases {
        let client = database.client().await;
        let number = rows::rows(&client, "SELECT number FROM shard").await.remove(0);
        let number: u16 = number.parse().unwrap();
        for table in ["events", "runs", "outcomes", "producers", "event_ids"] {
            let sql = format!("SELECT DISTINCT bucket FROM {table}");
            for bucket in rows::rows(&client, &sql).await {
                let bucket: u16 = bucket.parse().unwrap();
                assert_eq!(map.owner(bucket), number, "bucket {bucket} of {table}");
            }
        }
        assert!(rows::rows(&client, "SELECT 1 FROM held_deliveries").await.is_empty());
    }
}

/// Is set when it is dropped.
pub(super) struct Ending(pub(super) Arc<AtomicBool>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

//! The most recently applied payloads, in an order that nothing is added to behind a reader: what
//! the live view follows.
//!
//! Row ids are in the order of receipt, and a payload may be applied late, so the live view cannot
//! follow them. A position is the number of the transaction that applied the payload, and a place
//! in it. Transactions may commit in another order than their numbers. So only those are shown
//! whose numbers are below that of every transaction that is still running: nothing can be
//! committed between them any more.

use std::time::Duration;

use deadpool_postgres::Transaction;
use uuid::Uuid;

use super::event_pages::columns;
use super::event_row;
use super::event_scan::of_spans;
use super::reading::Reading;
use super::user_sql::setup::ROLE_PREFIX;
use crate::store::bucket::bucket_of_row;
use crate::store::postgres::columns::{get, row_id};
use crate::store::postgres::connection::database::Database;
use crate::store::postgres::connection::failure::Failure;
use crate::store::shard_map::BucketSet;
use crate::store::{EventFilter, EventRow, LivePlace, LivePosition, LiveTail, RowId};

/// How many places one transaction has. Each payload takes one.
const PLACES: i64 = 1 << PLACE_BITS;
const PLACE_BITS: u32 = 12;
/// How many payloads are kept for the live view, at least.
const KEPT: i64 = 20_000;
/// Of this many transactions, one deletes the payloads that are too old.
const PRUNED_EVERY: i64 = 128;
/// The most payloads that one read of the live view covers.
const PAYLOADS_MAX: usize = 200;
/// How many payloads and how many events are read in one statement.
const PAYLOADS_READ: usize = 20;
const EVENTS_READ: usize = 64;
/// One read of the live view ends early once its JSON columns have this many bytes.
const BYTES_MAX: usize = 256 * 1024;

/// How often a read is done again while transactions hold it up, and how long
/// after the one before.
pub(crate) const AGAIN_MAX: u32 = 3;
pub(crate) const AGAIN_AFTER: Duration = Duration::from_millis(5);

/// Records payloads.
pub(crate) const ADD: &str = "INSERT INTO recent (position, first_id, last_id) \
     SELECT ((pg_current_xact_id()::text::bigint + mark.shift) << 12) + new.place - 1, new.first, new.last \
     FROM live_mark AS mark, unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS new (first, last, place) \
     RETURNING position >> 12";
/// Deletes payloads that are too old, unless another transaction does. What it deletes at a time is
/// limited.
pub(crate) const PRUNE: &str = "WITH mine AS (SELECT id FROM live_mark FOR UPDATE SKIP LOCKED), \
     gone AS (DELETE FROM recent WHERE EXISTS (SELECT FROM mine) AND position <= (SELECT position FROM recent \
       ORDER BY position DESC OFFSET $1 LIMIT 1) AND position < (SELECT coalesce(max(position), 0) FROM \
       (SELECT position FROM recent ORDER BY position LIMIT 5000) AS oldest) RETURNING position) \
     UPDATE live_mark SET pruned_to = (SELECT max(position) FROM gone) WHERE EXISTS (SELECT FROM gone) AND EXISTS (SELECT FROM mine)";
/// Where the order begins and ends: what was deleted, the first position of all, the first one that
/// may still be taken, and the first one that no transaction has. A transaction of another database
/// adds nothing, nor does a statement of a user.
pub(crate) const ENDS: &str = "SELECT mark.pruned_to, mark.begun, \
     (coalesce((SELECT min(running::text::bigint) FROM pg_snapshot_xip(pg_current_snapshot()) AS running \
        WHERE NOT EXISTS (SELECT FROM pg_stat_activity AS other \
          WHERE other.backend_xid::text::bigint = (running::text::bigint & 4294967295) \
          AND (other.datname <> current_database() OR starts_with(other.usename, $1)))), \
       pg_snapshot_xmax(pg_current_snapshot())::text::bigint) + mark.shift) << 12, \
     (pg_snapshot_xmax(pg_current_snapshot())::text::bigint + mark.shift) << 12, \
     EXISTS (SELECT FROM shard_moves) FROM live_mark AS mark";
/// The next payloads.
pub(crate) const PAYLOADS: &str = "SELECT position, first_id, last_id FROM recent \
     WHERE position >= $1 AND position < $2 ORDER BY position LIMIT 200";
/// In a database whose transactions are numbered again, because it was restored from a dump, goes
/// on far behind what it has. The other cluster went on after the dump, so positions may be known
/// that the dump has not, and numbers here may be behind those or before.
const GO_ON: &str = "UPDATE live_mark SET cluster = here.id, shift = CASE \
       WHEN cluster <> here.id OR there.last > pg_snapshot_xmax(pg_current_snapshot())::text::bigint + shift \
       THEN there.last + (1::bigint << 32) - pg_current_xact_id()::text::bigint ELSE shift END \
     FROM (SELECT system_identifier AS id FROM pg_control_system()) AS here, \
       (SELECT greatest(pruned_to, begun, (SELECT max(position) FROM recent)) >> 12 AS last FROM live_mark) AS there \
     WHERE cluster IS DISTINCT FROM here.id \
       OR there.last > pg_snapshot_xmax(pg_current_snapshot())::text::bigint + shift";

/// The position of this transaction.
pub(crate) const POSITION: &str =
    "SELECT (pg_current_xact_id()::text::bigint + shift) << 12 FROM live_mark";
/// The last position that a transaction may have.
pub(crate) const LAST_TAKEN: &str = "SELECT ((pg_snapshot_xmax(pg_current_snapshot())::text::bigint + shift) << 12) - 1 \
     FROM live_mark";
/// Buckets that came here after a position, and those that left with events that were stored after
/// it.
pub(crate) const MOVES: &str = "SELECT buckets, (counts_json::json ->> 'at')::bigint, (counts_json::json ->> 'left')::bigint, \
       coalesce((counts_json::json ->> 'events')::bigint, 0) > 0 \
     FROM shard_moves WHERE greatest((counts_json::json ->> 'at')::bigint, (counts_json::json ->> 'left')::bigint) > $1";

/// The position of this transaction.
pub(crate) async fn position(transaction: &Transaction<'_>) -> Result<i64, Failure> {
    get(&transaction.query_one(POSITION, &[]).await?, 0)
}

/// The last position that a transaction may have.
pub(crate) async fn last_taken(transaction: &Transaction<'_>) -> Result<i64, Failure> {
    get(&transaction.query_one(LAST_TAKEN, &[]).await?, 0)
}

/// What has moved since a position. Whoever follows the live view of all shards has seen copied
/// events where they were.
#[derive(Debug, Default)]
struct Moves {
    /// Buckets, and the position at which they were copied here.
    copied: Vec<(BucketSet, i64)>,
    /// The last positions that may have events which are not here any more.
    left: Vec<i64>,
}

impl Moves {
    async fn after(reading: &Reading<'_>, position: i64) -> Result<Self, Failure> {
        let statement = reading.prepare_cached(MOVES).await?;
        let mut moves = Self::default();
        for row in reading.query(&statement, &[&position]).await? {
            let buckets = get::<&str>(&row, 0)?.parse();
            let buckets: BucketSet = buckets.map_err(|_| Failure::Column("buckets"))?;
            moves.copied.extend(get::<Option<i64>>(&row, 1)?.map(|at| (buckets, at)));
            moves
                .left
                .extend(get::<Option<i64>>(&row, 2)?.filter(|_| get(&row, 3).unwrap_or(true)));
        }
        Ok(moves)
    }

    /// Whether an event of a payload at this position was copied here, rather than stored here.
    fn is_copied(&self, payload: i64, event: &EventRow) -> bool {
        let bucket = u16::try_from(bucket_of_row(event)).unwrap_or_default();
        self.copied.iter().any(|(buckets, at)| payload < *at && buckets.contains(bucket))
    }

    /// Whether events between two positions may not be here any more.
    fn have_left(&self, after: i64, to: i64) -> bool {
        self.left.iter().any(|left| after < *left && *left <= to)
    }
}

/// Prepares the order of a database that may have been restored from a dump.
pub(crate) async fn prepare(database: &Database) -> Result<(), Failure> {
    database
        .transaction(|transaction| {
            Box::pin(async move {
                transaction.execute(GO_ON, &[]).await?;
                Ok(())
            })
        })
        .await
}

/// Records payloads that have at least one row each. Runs in the transaction that writes the rows.
pub(crate) async fn add(
    transaction: &Transaction<'_>,
    spans: &[(RowId, RowId)],
) -> Result<(), Failure> {
    if spans.is_empty() {
        return Ok(());
    }
    if i64::try_from(spans.len()).is_ok_and(|count| count > PLACES) {
        return Err(Failure::Column("the place of a payload in its transaction"));
    }
    let firsts: Vec<Uuid> = spans.iter().map(|(first, _)| first.0).collect();
    let lasts: Vec<Uuid> = spans.iter().map(|(_, last)| last.0).collect();
    let statement = transaction.prepare_cached(ADD).await?;
    let rows = transaction.query(&statement, &[&firsts, &lasts]).await?;
    let number: i64 = rows.first().map_or(Ok(1), |row| get(row, 0))?;
    if number % PRUNED_EVERY == 0 {
        let statement = transaction.prepare_cached(PRUNE).await?;
        transaction.execute(&statement, &[&KEPT]).await?;
    }
    Ok(())
}

/// Where the order begins and ends.
struct Ends {
    pruned_to: i64,
    begun: i64,
    /// The first position that may still be taken. It may be lower than it was.
    open: i64,
    /// The first position that no transaction has.
    end: i64,
    /// Whether buckets have ever moved.
    has_moves: bool,
}

impl Ends {
    async fn read(reading: &Reading<'_>) -> Result<Self, Failure> {
        let statement = reading.prepare_cached(ENDS).await?;
        let row = reading.query_one(&statement, &[&ROLE_PREFIX]).await?;
        let (pruned_to, begun) = (get(&row, 0)?, get(&row, 1)?);
        let (open, end, has_moves) = (get(&row, 2)?, get(&row, 3)?, get(&row, 4)?);
        Ok(Self { pruned_to, begun, open, end, has_moves })
    }

    /// Whether nothing is missing between a position and what is there. 0 is before everything.
    fn has(&self, payload: i64) -> bool {
        let is_first = payload == 0 && self.pruned_to <= self.begun;
        is_first || (payload >= self.pruned_to.max(self.begun) && payload < self.end)
    }
}

/// The current end of the live view, and whether it is held up, as of [`tail`].
pub(crate) async fn end(reading: &Reading<'_>) -> Result<(LivePosition, bool), Failure> {
    let ends = Ends::read(reading).await?;
    let end = LivePosition { payload: ends.open - 1, index: u32::MAX };
    Ok((end, ends.open < ends.end))
}

/// What was stored after `after`, at most `limit` events of it, and whether a transaction that
/// still ran when the snapshot was taken may have held up more. One of another database, which is
/// not told apart once it has ended, is gone in the next snapshot.
pub(crate) async fn tail(
    reading: &Reading<'_>,
    filter: &EventFilter,
    after: LivePosition,
    limit: u32,
) -> Result<(LiveTail, bool), Failure> {
    let ends = Ends::read(reading).await?;
    let is_held_up = ends.open < ends.end;
    let is_known = ends.has(after.payload);
    let after = if is_known { after } else { LivePlace::START };
    let moves =
        if ends.has_moves { Moves::after(reading, after.payload).await? } else { Moves::default() };
    let mut tail = read_tail(reading, (filter, after, limit), &ends, &moves).await?;
    let to = tail.next.alone().payload;
    tail.has_gap = !is_known || moves.have_left(after.payload, to);
    Ok((tail, is_held_up))
}

async fn read_tail(
    reading: &Reading<'_>,
    (filter, after, limit): (&EventFilter, LivePosition, u32),
    ends: &Ends,
    moves: &Moves,
) -> Result<LiveTail, Failure> {
    let mut tail =
        LiveTail { events: Vec::new(), next: after.into(), has_more: false, has_gap: false };
    let statement = reading.prepare_cached(PAYLOADS).await?;
    let payloads = reading.query(&statement, &[&after.payload, &ends.open]).await?;
    let (mut bytes, time) = (0, reading.budget());
    for some in payloads.chunks(PAYLOADS_READ) {
        let mut places = Vec::with_capacity(some.len());
        let mut spans = Vec::with_capacity(some.len());
        for row in some {
            places.push(get::<i64>(row, 0)?);
            spans.push((row_id(row, 1)?, row_id(row, 2)?));
        }
        let found = matching(reading, filter, &spans).await?;
        for ids in found.chunks(EVENTS_READ) {
            let wanted: Vec<RowId> = ids.iter().map(|(_, id)| *id).collect();
            let mut rows = event_row::by_ids(reading, &wanted).await?;
            for (place, id) in ids {
                let Some(event) = rows.remove(id) else { continue };
                let payload = places.get(*place).copied().unwrap_or_default();
                let position = LivePosition { payload, index: event.index };
                if position <= after || moves.is_copied(payload, &event) {
                    continue;
                }
                if tail.events.len() >= limit as usize || bytes >= BYTES_MAX {
                    tail.has_more = true;
                    return Ok(tail);
                }
                bytes += event.json_bytes();
                tail.next = position.into();
                tail.events.push((position.into(), event));
            }
        }
        if let Some(payload) = places.last() {
            tail.next = LivePosition { payload: *payload, index: u32::MAX }.into();
        }
        if time.is_over() {
            tail.has_more = true;
            return Ok(tail);
        }
    }
    tail.has_more = payloads.len() >= PAYLOADS_MAX;
    if !tail.has_more {
        // Nothing is left below the end, so who asks again later need not come from further back.
        let end = LivePosition { payload: ends.open - 1, index: u32::MAX };
        tail.next = tail.next.alone().max(end).into();
    }
    Ok(tail)
}

/// The rows of payloads that match, each with the index of its payload.
async fn matching(
    reading: &Reading<'_>,
    filter: &EventFilter,
    spans: &[(RowId, RowId)],
) -> Result<Vec<(usize, RowId)>, Failure> {
    let rows = of_spans(columns(filter), filter, spans).query(reading).await?;
    let mut found = Vec::new();
    for row in &rows {
        let properties: Option<&str> = get(row, 2)?;
        if get::<bool>(row, 3)? && filter.has_properties(properties) {
            let place = usize::try_from(get::<i64>(row, 0)?.saturating_sub(1));
            found.push((place.unwrap_or_default(), row_id(row, 1)?));
        }
    }
    Ok(found)
}

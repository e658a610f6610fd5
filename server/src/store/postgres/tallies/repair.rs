//! Makes tallies again from what is stored, while servers may run.
//!
//! Everything is read in one snapshot, under the lock of tallies. What is committed after it stays
//! in the log, and is added later.

use std::collections::HashMap;
use std::sync::Arc;

use deadpool_postgres::Transaction;
use tokio_postgres::{IsolationLevel, Row};

use super::log;
use super::rows::{NewDetails, of_kinds, write, write_folded};
use crate::store::postgres::columns::{get, row_id, text, text_or_null};
use crate::store::postgres::connection::database::Database;
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::connection::open_error::OpenError;
use crate::store::postgres::connection::url::DatabaseUrl;
use crate::store::postgres::locks::Lock;
use crate::store::postgres::schema;
use crate::store::tally::{
    OVERFLOW, TallyKey, TallyKind, TallyScan, TallyScanned, Wanted, repaired,
};
use crate::store::{Counts, Opening, Outcome, Week};
use crate::system::supervisor::Supervisor;

/// How many rows are read at once.
const ROWS_AT_ONCE: i32 = 2_000;

const WEEKS: &str = "SELECT week FROM weeks WHERE NOT is_removed ORDER BY week";
const COUNT: &str = "SELECT count(*) FROM events WHERE id >= $1 AND id < $2";
const EVENTS: &str = "SELECT source, name, received_ms, properties::text FROM events \
     WHERE id >= $1 AND id < $2 ORDER BY id";
const OUTCOMES: &str =
    "SELECT id, state, reason, detail, source, received_ms FROM outcomes ORDER BY id";
const KEPT_FROM: &str = "SELECT max(week) FROM weeks WHERE is_removed OR removed_events > 0";
const CLEAR_LOG: &str = "DELETE FROM tally_log WHERE id = ANY($1)";
const REMOVE: &str = "WITH removed AS (DELETE FROM tallies WHERE id = ANY($1) RETURNING id) \
     DELETE FROM tally_details WHERE id IN (SELECT id FROM removed)";

/// What a repair did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TalliesRepaired {
    /// Events that were counted.
    pub events: u64,
    /// Tallies that were different.
    pub changed: u64,
    /// Tallies in all.
    pub tallies: u64,
}

/// Says which week is read next, and how many events it has.
pub(super) type Progress<'a> = &'a mut (dyn FnMut(Week, u64) + Send);

/// Makes all tallies of a database again from what is stored. Servers may run on it. Counts of
/// weeks that were removed stay as they are, and so do counts of errors that nothing else tells of.
///
/// # Errors
/// [`OpenError`].
pub async fn repair(
    url: &DatabaseUrl,
    progress: Progress<'_>,
) -> Result<TalliesRepaired, OpenError> {
    let database = Database::connect(url, &Supervisor::default()).await?;
    schema::prepare(&database, &Opening::Read).await?;
    let repaired = rebuild(&database, progress).await;
    database.close();
    repaired.map_err(|failure| OpenError::Prepare { source: Arc::new(failure) })
}

async fn rebuild(database: &Database, progress: Progress<'_>) -> Result<TalliesRepaired, Failure> {
    // The snapshot is taken once nobody else changes tallies.
    let lock = database.dedicated().await?;
    lock.batch_execute("SET statement_timeout = 0; SET lock_timeout = 0").await?;
    Lock::Tallies.hold(&lock).await?;
    let mut client = database.client().await?;
    let transaction =
        client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).start().await?;
    let unlimited =
        "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";
    transaction.batch_execute(unlimited).await?;
    let repaired = make(&transaction, progress).await?;
    transaction.commit().await?;
    // Its end is that of the lock.
    drop(lock);
    Ok(repaired)
}

/// Tallies as they were counted so far, each with its number.
type Earlier = HashMap<TallyKey<'static>, (i64, Counts)>;

/// Adds the log to the tallies, and reads them.
async fn earlier(transaction: &Transaction<'_>) -> Result<Earlier, Failure> {
    let rows = transaction.query(log::ALL, &[]).await?;
    let ids = rows.iter().map(|row| get(row, 0)).collect::<Result<Vec<i64>, _>>()?;
    let log = log::of_rows(&rows, |_| Wanted::Everything)?;
    let folded = log::folded(transaction, log).await?;
    write_folded(transaction, &folded).await?;
    transaction.execute(CLEAR_LOG, &[&ids]).await?;
    let stored = of_kinds(transaction, &TallyKind::ALL).await?.into_iter();
    Ok(stored.map(|(key, number, counts)| (key, (number, counts))).collect())
}

async fn make(
    transaction: &Transaction<'_>,
    progress: Progress<'_>,
) -> Result<TalliesRepaired, Failure> {
    let mut earlier = earlier(transaction).await?;
    let names = earlier.keys().filter(|key| key.kind == TallyKind::Name && key.label != OVERFLOW);
    let mut scan = TallyScan::of(names.cloned(), true);
    let events = scan_all(transaction, &mut scan, progress).await?;
    let mut done = TalliesRepaired { events, ..TalliesRepaired::default() };
    let removed: Option<i32> = get(&transaction.query_one(KEPT_FROM, &[]).await?, 0)?;
    let kept_from = removed.map_or(i64::MIN, |week| i64::from(week) + 1);
    let mut scanned = scan.tallies;
    let found: std::collections::HashSet<_> = scanned.iter().map(|(key, _)| key.clone()).collect();
    let gone = earlier.keys().filter(|key| !found.contains(*key)).cloned();
    let gone: Vec<_> = gone.map(|key| (key, TallyScanned::default())).collect();
    scanned.extend(gone);
    put(transaction, &scanned, &mut earlier, kept_from, &mut done).await?;
    Ok(done)
}

/// Counts everything that is stored, and arrivals that are not. Returns how many events there are.
pub(super) async fn scan_all(
    transaction: &Transaction<'_>,
    scan: &mut TallyScan,
    progress: Progress<'_>,
) -> Result<u64, Failure> {
    let mut all = 0;
    for row in transaction.query(WEEKS, &[]).await? {
        let week = week(get(&row, 0)?)?;
        let ids = (week.first_row().0, Week::from_number(week.number() + 1).first_row().0);
        let counted = transaction.query_one(COUNT, &[&ids.0, &ids.1]).await?;
        let events = u64::try_from(get::<i64>(&counted, 0)?).unwrap_or(0);
        progress(week, events);
        all += events;
        let portal = transaction.bind(EVENTS, &[&ids.0, &ids.1]).await?;
        read_all(transaction, &portal, |row| stored(scan, row)).await?;
    }
    let portal = transaction.bind(OUTCOMES, &[]).await?;
    read_all(transaction, &portal, |row| not_stored(scan, row)).await?;
    Ok(all)
}

async fn read_all(
    transaction: &Transaction<'_>,
    portal: &tokio_postgres::Portal,
    mut each: impl FnMut(&Row) -> Result<(), Failure>,
) -> Result<(), Failure> {
    loop {
        let rows = transaction.query_portal(portal, ROWS_AT_ONCE).await?;
        rows.iter().try_for_each(&mut each)?;
        if rows.is_empty() {
            return Ok(());
        }
    }
}

fn week(number: i32) -> Result<Week, Failure> {
    Ok(Week::from_number(u32::try_from(number).map_err(|_| Failure::Column("week"))?))
}

fn stored(scan: &mut TallyScan, row: &Row) -> Result<(), Failure> {
    let at_ms = get(row, 2)?;
    if let Some(facts) = scan.stored(&text(row, 0)?, &text(row, 1)?, at_ms) {
        facts.look(get(row, 3)?, at_ms);
    }
    Ok(())
}

fn not_stored(scan: &mut TallyScan, row: &Row) -> Result<(), Failure> {
    let outcome = Outcome::from_name(get(row, 1)?).ok_or(Failure::Column("state"))?;
    let (reason, detail) = (text_or_null(row, 2)?, text_or_null(row, 3)?);
    let why = (reason.as_deref(), detail.as_deref());
    scan.not_stored((row_id(row, 0)?, outcome), why, &text(row, 4)?, get(row, 5)?);
    Ok(())
}

/// Writes what was found, and removes tallies of nothing.
async fn put(
    transaction: &Transaction<'_>,
    scanned: &[(TallyKey<'static>, TallyScanned)],
    earlier: &mut Earlier,
    kept_from: i64,
    done: &mut TalliesRepaired,
) -> Result<(), Failure> {
    let (mut removed, mut new) = (Vec::new(), Vec::new());
    for (key, found) in scanned {
        let (number, before) = match earlier.remove(key) {
            Some((number, counts)) => (Some(number), Some(counts)),
            None => (None, None),
        };
        let counts = repaired(key, before.as_ref(), &found.counts, |week| week >= kept_from);
        if counts.total() == 0 {
            // A tally of nothing says the same as none.
            done.changed += u64::from(before.is_some_and(|before| before.total() != 0));
            removed.extend(number);
        } else {
            done.changed += u64::from(before.is_none_or(|before| before.differs(&counts)));
            new.push((key, number, counts, found));
        }
    }
    transaction.execute(REMOVE, &[&removed]).await?;
    let rows: Vec<_> = new.iter().map(|(key, number, counts, _)| (*key, *number, counts)).collect();
    let numbers = write(transaction, &rows).await?;
    let mut details = NewDetails::default();
    for ((key, _, _, found), tally) in new.iter().zip(numbers) {
        let is_name = key.kind == TallyKind::Name && key.label != OVERFLOW;
        if is_name && found.facts.sampled > 0 {
            details.facts(tally, &found.facts)?;
        }
        if let Some(sample) = &found.sample {
            details.sample(tally, Week::of_ms(found.counts.last_ms), sample)?;
        }
    }
    details.write(transaction).await?;
    done.tallies = rows.len() as u64;
    Ok(())
}

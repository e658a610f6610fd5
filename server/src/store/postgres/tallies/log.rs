//! The log: `tally_log`, a row for each transaction that counted something.

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use super::rows;
use crate::store::PropertyFacts;
use crate::store::postgres::columns::{count, get};
use crate::store::postgres::connection::failure::Failure;
use crate::store::tally::{
    Folded, KeyedLog, NeededTallies, TallyChange, TallyKey, Wanted, fold, write_keyed,
};

/// More rows or bytes than there are unless nobody adds them to tallies for long.
const ROWS_MAX: i64 = 2_000;
const BYTES_MAX: i64 = 16 << 20;

pub(crate) const APPEND: &str = "INSERT INTO tally_log (counted) VALUES ($1)";
/// A few of the oldest rows: of at most `$2` bytes, or one.
pub(crate) const TAKE: &str = "DELETE FROM tally_log WHERE id IN (SELECT id FROM (SELECT id, \
     octet_length(counted) AS own, sum(octet_length(counted)) OVER (ORDER BY id) AS bytes \
     FROM (SELECT id, counted FROM tally_log ORDER BY id LIMIT $1) AS first) AS summed \
     WHERE bytes - own < $2) RETURNING id, counted";
pub(crate) const LENGTH: &str = "SELECT count(*), coalesce(sum(octet_length(counted)), 0)::bigint \
     FROM (SELECT counted FROM tally_log ORDER BY id LIMIT $1) AS first";
pub(crate) const ALL: &str = "SELECT id, counted FROM tally_log ORDER BY id";

/// Appends what a transaction counted. Returns how many bytes that takes.
pub(super) async fn append(
    transaction: &Transaction<'_>,
    change: &TallyChange<'_>,
    facts: &HashMap<TallyKey<'_>, PropertyFacts>,
) -> Result<usize, Failure> {
    let counted = write_keyed(change, facts).map_err(|_| Failure::Column("counted"))?;
    let append = transaction.prepare_cached(APPEND).await?;
    transaction.execute(&append, &[&counted]).await?;
    Ok(counted.len())
}

/// Whether so much is in the log that it takes long to read.
pub(super) async fn is_long(snapshot: &Transaction<'_>) -> Result<bool, Failure> {
    let length = snapshot.prepare_cached(LENGTH).await?;
    let row = snapshot.query_one(&length, &[&ROWS_MAX]).await?;
    Ok(get::<i64>(&row, 0)? >= ROWS_MAX || get::<i64>(&row, 1)? > BYTES_MAX)
}

/// What is wanted of the log.
pub(super) async fn read(
    snapshot: &Transaction<'_>,
    wanted: impl Fn(&TallyKey<'_>) -> Wanted,
) -> Result<KeyedLog, Failure> {
    let all = snapshot.prepare_cached(ALL).await?;
    of_rows(&snapshot.query(&all, &[]).await?, wanted)
}

/// What is wanted of rows, which are in order.
pub(super) fn of_rows(
    rows: &[Row],
    wanted: impl Fn(&TallyKey<'_>) -> Wanted,
) -> Result<KeyedLog, Failure> {
    let mut log = KeyedLog::default();
    for row in rows {
        log.read(get(row, 1)?, &wanted).ok_or(Failure::Column("counted"))?;
    }
    Ok(log)
}

/// The tallies to which a log adds something, with what it adds.
pub(super) async fn folded(
    transaction: &Transaction<'_>,
    log: KeyedLog,
) -> Result<Vec<Folded>, Failure> {
    if log.is_empty() {
        return Ok(Vec::new());
    }
    let needed = NeededTallies::of(&log);
    let stored = rows::find(transaction, needed.keys.iter()).await?;
    let owners = needed.owners(&stored);
    let counted = rows::counted(transaction, &owners).await?;
    Ok(fold(log, stored, owners.into_iter().zip(counted)))
}

/// Reads a count of rows.
pub(super) fn number_of(row: &Row, at: usize) -> Result<usize, Failure> {
    usize::try_from(count(row, at)?).map_err(|_| Failure::Column("a count"))
}

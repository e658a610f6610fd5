//! The table `weeks`: which weeks have partitions of events, and which retention removed.

use deadpool_postgres::Transaction;

use crate::store::Week;
use crate::store::postgres::columns::{get, int};
use crate::store::postgres::connection::failure::Failure;

/// The weeks with events between two weeks, both included, newest first.
pub(crate) const BETWEEN: &str = "SELECT week FROM weeks WHERE week BETWEEN $1 AND $2 AND NOT is_removed \
     ORDER BY week DESC LIMIT $3";
/// The first week with events, and the last that was removed.
pub(crate) const ENDS: &str = "SELECT (SELECT min(week) FROM weeks WHERE NOT is_removed), \
     (SELECT max(week) FROM weeks WHERE is_removed)";
/// When the last removal of a week between two weeks, both included, took place.
pub(crate) const REMOVED_BETWEEN: &str =
    "SELECT max(removed_ms) FROM weeks WHERE week BETWEEN $1 AND $2 AND is_removed";

fn week(number: i32) -> Result<Week, Failure> {
    Ok(Week::from_number(u32::try_from(number).map_err(|_| Failure::Column("week"))?))
}

/// The weeks with events between two weeks, both included, newest first.
pub(crate) async fn between(
    transaction: &Transaction<'_>,
    (oldest, newest): (Week, Week),
    limit: usize,
) -> Result<Vec<Week>, Failure> {
    let statement = transaction.prepare_cached(BETWEEN).await?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let ends = (int(oldest.number()), int(newest.number()));
    let rows = transaction.query(&statement, &[&ends.0, &ends.1, &limit]).await?;
    rows.iter().map(|row| week(get(row, 0)?)).collect()
}

/// The first week with events, and the last that was removed.
pub(crate) async fn ends(
    transaction: &Transaction<'_>,
) -> Result<(Option<Week>, Option<Week>), Failure> {
    let statement = transaction.prepare_cached(ENDS).await?;
    let row = transaction.query_one(&statement, &[]).await?;
    let end = |at| get::<Option<i32>>(&row, at)?.map(week).transpose();
    Ok((end(0)?, end(1)?))
}

/// When the last removal of a week between two weeks, both included, took place.
pub(crate) async fn removed_between(
    transaction: &Transaction<'_>,
    (oldest, newest): (Week, Week),
) -> Result<Option<i64>, Failure> {
    let statement = transaction.prepare_cached(REMOVED_BETWEEN).await?;
    let ends = (int(oldest.number()), int(newest.number()));
    get(&transaction.query_one(&statement, &[&ends.0, &ends.1]).await?, 0)
}

/// Whether the week's events were removed.
pub(crate) async fn is_removed(transaction: &Transaction<'_>, week: Week) -> Result<bool, Failure> {
    Ok(removed_between(transaction, (week, week)).await?.is_some())
}

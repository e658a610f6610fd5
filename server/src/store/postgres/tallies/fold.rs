//! Adding the log to the tallies: one transaction at a time, in all servers.

use deadpool_postgres::Transaction;

use super::{log, rows};
use crate::store::postgres::columns::get;
use crate::store::postgres::connection::database::Database;
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::locks::Lock;
use crate::store::postgres::moving::record;
use crate::store::tally::Wanted;

/// The most rows and bytes of the log that one transaction adds.
const ROWS_MAX: i64 = 256;
const BYTES_MAX: i64 = 4 << 20;
/// The most transactions at a time. Others add to the log meanwhile.
const BATCHES_MAX: u32 = 200;

/// Adds all of the log, unless another server is doing that.
pub(super) async fn all(database: &Database) -> Result<(), Failure> {
    for _ in 0..BATCHES_MAX {
        let folding = database.transaction(|transaction| {
            Box::pin(async move {
                let is_free = Lock::Tallies.try_take(transaction).await?;
                if is_free && !record::is_held(transaction).await? {
                    batch(transaction).await
                } else {
                    Ok(Batch::Last)
                }
            })
        });
        if folding.await? == Batch::Last {
            break;
        }
    }
    Ok(())
}

/// What a transaction has added of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Batch {
    /// There is more.
    Full,
    /// All that there was.
    Last,
}

/// Adds a part of the log, under the lock of tallies.
pub(crate) async fn batch(transaction: &Transaction<'_>) -> Result<Batch, Failure> {
    let take = transaction.prepare_cached(log::TAKE).await?;
    let mut taken = transaction.query(&take, &[&ROWS_MAX, &BYTES_MAX]).await?;
    if taken.is_empty() {
        return Ok(Batch::Last);
    }
    taken.sort_by_key(|row| get::<i64>(row, 0).unwrap_or(i64::MAX));
    let log = log::of_rows(&taken, |_| Wanted::Everything)?;
    let folded = log::folded(transaction, log).await?;
    rows::write_folded(transaction, &folded).await?;
    Ok(Batch::Full)
}

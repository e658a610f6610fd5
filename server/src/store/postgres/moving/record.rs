//! The record of migrations, and what follows from it for servers.

use std::sync::Arc;

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::store::Opening;
use crate::store::postgres::OpenError;
use crate::store::postgres::columns::{get, text};
use crate::store::postgres::connection::database::Database;
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::text::kept;

/// Whether servers hold still: they neither process nor delete anything. Statements that lease work
/// have the same condition, so that no lease begins after a migration has.
const IS_HELD: &str = "SELECT EXISTS (SELECT FROM migration WHERE ended_ms IS NULL OR is_leaving)";
const ALL: &str =
    "SELECT id, is_leaving, place, begun_ms, ended_ms FROM migration ORDER BY begun_ms, id";
const BEGIN: &str =
    "INSERT INTO migration (id, is_leaving, place, begun_ms) VALUES ($1, $2, $3, $4)";
const END: &str = "UPDATE migration SET ended_ms = $2 WHERE id = $1 AND ended_ms IS NULL";
/// The record of an open migration. Nobody ends it until the transaction has.
const HOLD: &str = "SELECT 1 FROM migration WHERE id = $1 AND ended_ms IS NULL FOR SHARE";
const FORGET: &str = "DELETE FROM migration WHERE is_leaving";

/// Which way a migration goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Into the database.
    Arriving,
    /// Out of it.
    Leaving,
}

/// A migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its id.
    pub id: Uuid,
    /// Which way it goes.
    pub direction: Direction,
    /// Where it comes from, or goes to.
    pub place: String,
    /// When it began, in milliseconds since 1970.
    pub begun_ms: i64,
    /// When it ended.
    pub ended_ms: Option<i64>,
}

/// Whether servers hold still.
pub(crate) async fn is_held(transaction: &Transaction<'_>) -> Result<bool, Failure> {
    let is_held = transaction.prepare_cached(IS_HELD).await?;
    get(&transaction.query_one(&is_held, &[]).await?, 0)
}

/// All migrations, the first first.
pub(super) async fn all(transaction: &Transaction<'_>) -> Result<Vec<Record>, Failure> {
    transaction.query(ALL, &[]).await?.iter().map(record).collect()
}

fn record(row: &Row) -> Result<Record, Failure> {
    Ok(Record {
        id: get(row, 0)?,
        direction: if get(row, 1)? { Direction::Leaving } else { Direction::Arriving },
        place: text(row, 2)?,
        begun_ms: get(row, 3)?,
        ended_ms: get(row, 4)?,
    })
}

/// Records that a migration begins.
pub(super) async fn begin(transaction: &Transaction<'_>, record: &Record) -> Result<(), Failure> {
    let is_leaving = record.direction == Direction::Leaving;
    let values = (kept(&record.place), record.begun_ms);
    transaction.execute(BEGIN, &[&record.id, &is_leaving, &values.0, &values.1]).await?;
    Ok(())
}

/// Fails unless a migration is open, and stays so until the transaction ends.
pub(super) async fn hold(transaction: &Transaction<'_>, id: Uuid) -> Result<(), Failure> {
    let hold = transaction.prepare_cached(HOLD).await?;
    match transaction.query_opt(&hold, &[&id]).await? {
        Some(_) => Ok(()),
        None => Err(Failure::Column("the record of this migration, which has ended")),
    }
}

/// Records that a migration has ended.
pub(super) async fn end(
    transaction: &Transaction<'_>,
    id: Uuid,
    now_ms: i64,
) -> Result<(), Failure> {
    transaction.execute(END, &[&id, &now_ms]).await?;
    Ok(())
}

/// Forgets a migration that did not begin.
pub(super) async fn forget(transaction: &Transaction<'_>, id: Uuid) -> Result<(), Failure> {
    transaction.execute("DELETE FROM migration WHERE id = $1", &[&id]).await?;
    Ok(())
}

/// Forgets that everything left.
pub(super) async fn forget_leaving(transaction: &Transaction<'_>) -> Result<u64, Failure> {
    Ok(transaction.execute(FORGET, &[]).await?)
}

/// Refuses to open a database for a server from which everything was moved.
///
/// # Errors
/// [`OpenError::Moved`].
pub(crate) async fn check_open(database: &Database, opening: &Opening) -> Result<(), OpenError> {
    if opening.only_reads() {
        return Ok(());
    }
    let records = database.transaction(|transaction| Box::pin(all(transaction))).await;
    let records = records.map_err(|failure| OpenError::Prepare { source: Arc::new(failure) })?;
    match records.into_iter().find(|record| record.direction == Direction::Leaving) {
        Some(Record { place, begun_ms, .. }) => {
            Err(OpenError::Moved { place, date: crate::store::postgres::moving::date(begun_ms) })
        }
        None => Ok(()),
    }
}

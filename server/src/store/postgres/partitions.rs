//! Partitions: the tables of each ISO week.
//!
//! A partition is made before the first row of its week, in a transaction of its own, and attached
//! to its table without a lock that readers or writers wait for. Several servers may want the same
//! one: an advisory lock lets one of them make it.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use deadpool_postgres::Transaction;
use uuid::Uuid;

use super::connection::database::Database;
use super::connection::failure::Failure;
use super::locks::Lock;
use crate::store::Week;

/// What is partitioned by the week of events.
pub(crate) const OF_EVENTS: [&str; 4] = ["events", "runs", "deliveries", "profile_versions"];
/// What is partitioned by the week of payloads.
const OF_PAYLOADS: [&str; 1] = ["payloads"];

/// What a week's partitions hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Events and what belongs to them.
    Events,
    /// Raw payloads.
    Payloads,
}

impl Kind {
    fn tables(self) -> &'static [&'static str] {
        match self {
            Self::Events => &OF_EVENTS,
            Self::Payloads => &OF_PAYLOADS,
        }
    }
}

/// Partitions that are known to be there.
#[derive(Debug, Default)]
pub(crate) struct Partitions(Mutex<HashSet<(Kind, Week)>>);

impl Partitions {
    fn known(&self) -> std::sync::MutexGuard<'_, HashSet<(Kind, Week)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a week is known to have its partitions.
    pub(crate) fn has(&self, kind: Kind, week: Week) -> bool {
        self.known().contains(&(kind, week))
    }

    /// Asks the database again the next time: another server may have removed one.
    pub(crate) fn forget(&self) {
        self.known().clear();
    }
}

/// The name of a week's partition, such as `events_2026_w47`.
pub(crate) fn name(table: &str, week: Week) -> String {
    format!("{table}_{}", week.to_string().replace('-', "_").to_lowercase())
}

/// The bounds of a week's partition of a table.
fn bounds(table: &str, week: Week) -> String {
    if table == "profile_versions" {
        return format!("FROM ({}) TO ({})", week.number(), u64::from(week.number()) + 1);
    }
    let next = Week::from_number(week.number() + 1);
    let (from, to): (Uuid, Uuid) = (week.first_row().0, next.first_row().0);
    format!("FROM ('{from}') TO ('{to}')")
}

/// Makes sure that a week has its partitions.
pub(crate) async fn ensure(database: &Database, kind: Kind, week: Week) -> Result<(), Failure> {
    if database.partitions.has(kind, week) {
        return Ok(());
    }
    database.transaction(|transaction| Box::pin(make(transaction, kind, week))).await?;
    database.partitions.known().insert((kind, week));
    Ok(())
}

async fn make(transaction: &Transaction<'_>, kind: Kind, week: Week) -> Result<(), Failure> {
    lock(transaction).await?;
    for table in kind.tables() {
        if exists(transaction, table, week).await? {
            continue;
        }
        let (partition, bounds) = (name(table, week), bounds(table, week));
        transaction
            .batch_execute(&format!(
                "CREATE TABLE {partition} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS \
                 INCLUDING STORAGE INCLUDING COMPRESSION); \
                 ALTER TABLE {table} ATTACH PARTITION {partition} FOR VALUES {bounds}"
            ))
            .await?;
    }
    if kind == Kind::Events {
        let number = super::columns::int(week.number());
        // A week that retention removed is there again, if something was received so late.
        let sql = "INSERT INTO weeks (week) VALUES ($1) \
                   ON CONFLICT (week) DO UPDATE SET is_removed = false, removed_ms = NULL";
        transaction.execute(sql, &[&number]).await?;
    }
    Ok(())
}

/// Waits until nobody else makes or removes partitions. Until the transaction ends, nobody does.
pub(crate) async fn lock(transaction: &Transaction<'_>) -> Result<(), Failure> {
    Lock::Partitions.take(transaction).await
}

/// Whether a table has a partition for a week.
pub(crate) async fn exists(
    transaction: &Transaction<'_>,
    table: &str,
    week: Week,
) -> Result<bool, Failure> {
    let sql = "SELECT to_regclass($1) IS NOT NULL";
    let name = format!("lamplight.{}", name(table, week));
    Ok(transaction.query_one(sql, &[&name]).await?.try_get(0)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_named_after_its_week_and_holds_its_ids() {
        let week = Week::of_ms(1_764_000_000_000);
        assert_eq!(name("events", week), "events_2025_w48");
        assert_eq!(
            bounds("events", week),
            "FROM ('019ab329-0000-0000-0000-000000000000') TO ('019ad735-8400-0000-0000-000000000000')"
        );
        assert_eq!(bounds("profile_versions", week), "FROM (2917) TO (2918)");
    }
}

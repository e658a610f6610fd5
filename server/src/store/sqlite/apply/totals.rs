//! The counters: one row, updated in the transactions that change what it counts.

use rusqlite::{Connection, params};

use crate::store::apply::TotalsChange;
use crate::store::sqlite::weeks::catalog;
use crate::store::{IN_FLIGHT_MS, Totals};

/// Adds a change to the counters.
pub(crate) fn add(connection: &Connection, change: &TotalsChange) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE totals SET stored = stored + ?1, duplicates = duplicates + ?2, invalid = invalid + ?3, \
             unnumbered = unnumbered + ?4, made = made + ?5, declared = declared + ?6, missing = missing + ?7",
        )?
        .execute(params![
            change.stored,
            change.duplicates,
            change.invalid,
            change.unnumbered,
            change.made,
            change.declared,
            change.missing
        ])?;
    Ok(())
}

/// Reads the counters. Only holes that are still in flight are added up, along an index that holds
/// only those.
pub(crate) fn read(connection: &Connection, now_ms: i64) -> rusqlite::Result<Totals> {
    let in_flight: u64 = connection
        .prepare_cached(
            "SELECT coalesce(sum(missing), 0) FROM producers INDEXED BY producers_open \
             WHERE missing > 0 AND last_heard_ms >= ?1",
        )?
        .query_row([now_ms.saturating_sub(IN_FLIGHT_MS)], |row| row.get(0))?;
    let removed = catalog::removed_events(connection)?;
    connection
        .prepare_cached(
            "SELECT stored, duplicates, invalid, unnumbered, made, declared, missing FROM totals",
        )?
        .query_row([], |row| {
            let (stored, duplicates, invalid): (u64, u64, u64) =
                (row.get(0)?, row.get(1)?, row.get(2)?);
            let (unnumbered, made, missing): (u64, u64, u64) =
                (row.get(3)?, row.get(4)?, row.get(6)?);
            Ok(Totals {
                made: made + unnumbered,
                received: stored + duplicates + invalid,
                stored,
                removed,
                duplicates,
                invalid,
                in_flight,
                declared: row.get(5)?,
                lost: missing.saturating_sub(in_flight),
            })
        })
}

//! Ledgers in the database.

use lamplight_wire::Producer;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::store::apply::LedgerWrite;
use crate::store::ledger::Ledger;
use crate::store::ledger_text::{read_dropped, read_received};
use crate::store::sqlite::file::columns::producer_bytes;

/// What [`ledger()`] reads, in its order.
pub(crate) const COLUMNS: &str =
    "source, next, first_heard_ms, last_heard_ms, received_json, dropped_json";

/// Writes ledgers.
pub(crate) fn save(connection: &Connection, ledgers: &[LedgerWrite]) -> rusqlite::Result<()> {
    let mut save = connection.prepare_cached(
        "INSERT INTO producers (producer, source, next, made, received, declared, missing, first_heard_ms, \
         last_heard_ms, received_json, dropped_json) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
         ON CONFLICT (producer) DO UPDATE SET next = excluded.next, made = excluded.made, \
         received = excluded.received, declared = excluded.declared, missing = excluded.missing, \
         first_heard_ms = excluded.first_heard_ms, last_heard_ms = excluded.last_heard_ms, \
         received_json = excluded.received_json, dropped_json = excluded.dropped_json",
    )?;
    for LedgerWrite { producer, ledger, sums } in ledgers {
        save.execute(params![
            producer_bytes(*producer),
            ledger.source,
            ledger.next,
            sums.made,
            sums.received,
            sums.declared,
            sums.missing,
            ledger.first_heard_ms,
            ledger.last_heard_ms,
            ledger.received_json(),
            ledger.dropped_json(),
        ])?;
    }
    Ok(())
}

/// The ledger of `producer`.
pub(crate) fn find(
    connection: &Connection,
    producer: Producer,
) -> rusqlite::Result<Option<Ledger>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM producers WHERE producer = ?1"))?
        .query_row([producer_bytes(producer)], |row| ledger(row, 0))
        .optional()
}

/// Reads a ledger from [`COLUMNS`], which begin at column `at`.
pub(crate) fn ledger(row: &Row<'_>, at: usize) -> rusqlite::Result<Ledger> {
    let wrong = |column: usize| {
        move |error: serde_json::Error| {
            rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
        }
    };
    let received: String = row.get(at + 4)?;
    let dropped: String = row.get(at + 5)?;
    Ok(Ledger {
        source: row.get(at)?,
        next: row.get(at + 1)?,
        first_heard_ms: row.get(at + 2)?,
        last_heard_ms: row.get(at + 3)?,
        received: read_received(&received).map_err(wrong(at + 4))?,
        dropped: read_dropped(&dropped).map_err(wrong(at + 5))?,
    })
}

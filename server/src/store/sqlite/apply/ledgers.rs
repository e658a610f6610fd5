//! Ledgers in the database, each loaded and saved once for all the payloads applied together.

use std::collections::HashMap;

use lamplight_wire::Producer;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::totals;
use crate::store::Plan;
use crate::store::ledger::{self, Ledger};
use crate::store::ledger_text::{read_dropped, read_received};
use crate::store::sqlite::file::columns::producer_bytes;

/// What [`ledger()`] reads, in its order.
pub(crate) const COLUMNS: &str =
    "source, next, first_heard_ms, last_heard_ms, received_json, dropped_json";

/// The ledgers that one transaction works on.
#[derive(Debug, Default)]
pub(crate) struct Ledgers(HashMap<Producer, Loaded>);

#[derive(Debug)]
struct Loaded {
    ledger: Ledger,
    before: ledger::Sums,
}

impl Ledgers {
    /// The ledger of `producer`, a new one if it was never heard from.
    pub(crate) fn load(
        &mut self,
        connection: &Connection,
        producer: Producer,
        plan: &Plan,
    ) -> rusqlite::Result<&mut Ledger> {
        let loaded = match self.0.entry(producer) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                let found = find(connection, producer)?;
                let before = found.as_ref().map(Ledger::sums).unwrap_or_default();
                let ledger = found.unwrap_or_else(|| Ledger::new(&plan.source, plan.received_ms));
                entry.insert(Loaded { ledger, before })
            }
        };
        Ok(&mut loaded.ledger)
    }

    /// Writes every ledger back and adds what changed to `sums`.
    pub(crate) fn save(
        &self,
        connection: &Connection,
        sums: &mut totals::Sums,
    ) -> rusqlite::Result<()> {
        let mut save = connection.prepare_cached(
            "INSERT INTO producers (producer, source, next, made, received, declared, missing, first_heard_ms, \
             last_heard_ms, received_json, dropped_json) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
             ON CONFLICT (producer) DO UPDATE SET next = excluded.next, made = excluded.made, \
             received = excluded.received, declared = excluded.declared, missing = excluded.missing, \
             first_heard_ms = excluded.first_heard_ms, last_heard_ms = excluded.last_heard_ms, \
             received_json = excluded.received_json, dropped_json = excluded.dropped_json",
        )?;
        for (producer, Loaded { ledger, before }) in &self.0 {
            let after = ledger.sums();
            sums.moved(*before, after);
            save.execute(params![
                producer_bytes(*producer),
                ledger.source,
                ledger.next,
                after.made,
                after.received,
                after.declared,
                after.missing,
                ledger.first_heard_ms,
                ledger.last_heard_ms,
                ledger.received_json(),
                ledger.dropped_json(),
            ])?;
        }
        Ok(())
    }
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

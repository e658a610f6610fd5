//! Counts of each source, and forgetting one.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use super::{ledgers, totals};
use crate::store::apply::{ForgetWrites, SourceChange};
use crate::store::ledger::SHARED;
use crate::store::sqlite::file::columns::{producer, producer_bytes};
use crate::store::sqlite::store::SqliteStore;
use crate::store::sqlite::writer::step::Guard;
use crate::store::{Forgotten, SourceTotals, StoreError};

/// The most ledgers that one transaction looks at to forget a source.
const LEDGERS_MAX: u32 = 1_000;

/// Adds changes to the counts.
pub(super) fn add(
    connection: &Connection,
    changes: &HashMap<String, SourceChange>,
) -> rusqlite::Result<()> {
    let mut add = connection.prepare_cached(
        "INSERT INTO sources (source, producers, made, received, declared, missing) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (source) DO UPDATE SET \
         producers = producers + excluded.producers, made = made + excluded.made, \
         received = received + excluded.received, declared = declared + excluded.declared, \
         missing = missing + excluded.missing",
    )?;
    let changes = changes.iter().filter(|(_, change)| **change != SourceChange::default());
    for (source, it) in changes {
        add.execute(params![source, it.producers, it.made, it.received, it.declared, it.missing])?;
    }
    Ok(())
}

/// Reads the counts.
pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Vec<SourceTotals>> {
    connection
        .prepare_cached(
            "SELECT source, producers, made, received, declared, missing FROM sources ORDER BY source",
        )?
        .query_map([], |row| {
            Ok(SourceTotals {
                source: row.get(0)?,
                producers: row.get(1)?,
                made: row.get(2)?,
                received: row.get(3)?,
                declared: row.get(4)?,
                missing: row.get(5)?,
            })
        })?
        .collect()
}

/// A place in the order of ledgers: a producer's bytes, none before all of them, and a scope.
type Place = (Vec<u8>, String);

/// Forgets the ledgers of `source` among the next ones after a place. Returns where the next
/// transaction continues, if it has to.
fn forget(
    connection: &Connection,
    source: &str,
    after: &Place,
) -> rusqlite::Result<(Forgotten, Option<Place>)> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT producer, {} FROM producers WHERE (producer, scope) > (?1, ?2) \
         ORDER BY producer, scope LIMIT ?3",
        ledgers::COLUMNS
    ))?;
    let mut rows = statement.query(params![after.0, after.1, LEDGERS_MAX])?;
    let (mut writes, mut seen, mut last) = (ForgetWrites::default(), 0, None);
    while let Some(row) = rows.next()? {
        seen += 1;
        let (producer, header) = (producer(row, 0)?, ledgers::header(row, 1)?);
        last = Some((producer_bytes(producer).to_vec(), header.scope.clone()));
        if header.source() == source {
            writes.forget(producer, header.read(connection, producer)?);
        }
    }
    ledgers::save(connection, &writes.ledgers, |_, _| {})?;
    for (producer, is_shared) in &writes.deleted {
        ledgers::delete(connection, *producer, if *is_shared { SHARED } else { source })?;
    }
    add(connection, &writes.sources)?;
    totals::add(connection, &writes.totals)?;
    Ok((writes.forgotten, last.filter(|_| seen >= LEDGERS_MAX)))
}

impl SqliteStore {
    /// Forgets a source, a limited number of ledgers in each transaction.
    pub(super) async fn forget_source(&self, source: String) -> Result<Forgotten, StoreError> {
        let (mut forgotten, mut after) = (Forgotten::default(), (Vec::new(), String::new()));
        loop {
            let source = source.clone();
            let step = self.writer.write("forget a source", Guard::Alone, 0, move |files, _| {
                files.ledgers.clear();
                forget(&files.store, &source, &after)
            });
            let (more, next) = step.await?;
            forgotten += more;
            let Some(next) = next else { return Ok(forgotten) };
            after = next;
        }
    }
}

//! Writing rows. The progress is in the same transaction as the rows: it is a table of each file,
//! which is removed at the end.

use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::directory::{Directory, DirectoryError};
use super::read::stored;
use super::tables::layout;
use crate::store::Week;
use crate::store::moving::{Batch, Key, Part, Row, Table, Value};
use crate::store::sqlite::apply::ledgers::INLINE_BYTES_MAX;
use crate::store::sqlite::file::connection::version;
use crate::store::sqlite::payloads::kept_body;
use crate::store::sqlite::weeks::open::{SCHEMA, path};

const PROGRESS: &str = "CREATE TABLE IF NOT EXISTS migration_progress (part TEXT NOT NULL PRIMARY KEY, next BLOB) STRICT";

impl Directory {
    /// Where to continue with a part, or that all of it is there.
    ///
    /// # Errors
    /// [`DirectoryError`].
    pub fn progress(&mut self, part: Part) -> Result<Option<Option<Key>>, DirectoryError> {
        let failed = |source| DirectoryError::Write { part: part.to_string(), source };
        let file = self.file(part)?;
        file.execute_batch(PROGRESS).map_err(failed)?;
        let next: Option<Option<Vec<u8>>> = file
            .query_row(
                "SELECT next FROM migration_progress WHERE part = ?1",
                [part.to_string()],
                |row| row.get(0),
            )
            .optional()
            .map_err(failed)?;
        Ok(match next {
            None => Some(None),
            Some(Some(next)) => Some(Key::decode(&next)),
            Some(None) => None,
        })
    }

    /// Writes rows of a part, and how far it has come.
    ///
    /// # Errors
    /// [`DirectoryError`].
    pub fn write(&mut self, part: Part, batch: &Batch) -> Result<(), DirectoryError> {
        let counted = self.counted_weeks(part, batch)?;
        let file = self.file(part)?;
        write(file, part, batch, &counted)
            .map_err(|source| DirectoryError::Write { part: part.to_string(), source })
    }

    /// How many events the weeks of these rows have, if they are weeks.
    fn counted_weeks(&mut self, part: Part, batch: &Batch) -> Result<Vec<u64>, DirectoryError> {
        if part.table != Table::Weeks {
            return Ok(Vec::new());
        }
        let mut counted = Vec::new();
        for row in &batch.rows {
            let number = row.first().and_then(Value::int).and_then(|it| u32::try_from(it).ok());
            let week = Week::from_number(number.unwrap_or_default());
            let has_file = path(&self.folder, week).exists();
            let events = Part { table: Table::Events, week: Some(week) };
            counted.push(if has_file { self.count(events)? } else { 0 });
        }
        Ok(counted)
    }

    /// Completes the directory: nothing says any more that rows are missing, and everything is in
    /// the databases themselves.
    ///
    /// # Errors
    /// [`DirectoryError`].
    pub fn finish(mut self, parts: &[Part]) -> Result<(), DirectoryError> {
        for part in parts.iter().filter(|part| part.week.is_some()) {
            complete(self.file(*part)?, "a week")?;
        }
        complete(&self.intake, "intake.db")?;
        complete(&self.store, "store.db")
    }
}

fn complete(file: &Connection, name: &str) -> Result<(), DirectoryError> {
    let failed = |source| DirectoryError::Write { part: name.to_owned(), source };
    file.execute_batch("DROP TABLE IF EXISTS migration_progress").map_err(failed)?;
    file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(failed)
}

fn write(file: &Connection, part: Part, batch: &Batch, counted: &[u64]) -> rusqlite::Result<()> {
    file.execute_batch("BEGIN IMMEDIATE")?;
    let written = rows(file, part, batch, counted);
    match written {
        Ok(()) => file.execute_batch("COMMIT"),
        Err(error) => {
            file.execute_batch("ROLLBACK")?;
            Err(error)
        }
    }
}

fn rows(file: &Connection, part: Part, batch: &Batch, counted: &[u64]) -> rusqlite::Result<()> {
    let mut insert = file.prepare_cached(layout(part.table).insert)?;
    for (at, row) in batch.rows.iter().enumerate() {
        let mut values: Vec<_> = row.iter().map(stored).collect();
        match part.table {
            Table::Payloads => kept_body::compress_row(row, &mut values),
            Table::Producers => put_long_ledger(file, row, &mut values)?,
            Table::Weeks => {
                let events = counted.get(at).copied().unwrap_or_default();
                values.push(i64::try_from(events).unwrap_or(i64::MAX).into());
                values.push(version(&SCHEMA).into());
            }
            _ => {}
        }
        if insert.execute(params_from_iter(values))? != 1 {
            return Err(rusqlite::Error::QueryReturnedNoRows);
        }
    }
    file.prepare_cached(
        "INSERT INTO migration_progress (part, next) VALUES (?1, ?2) \
         ON CONFLICT (part) DO UPDATE SET next = excluded.next",
    )?
    .execute(params![part.to_string(), batch.next.as_ref().map(Key::encode)])?;
    Ok(())
}

/// Puts the texts of a long ledger where they are kept.
fn put_long_ledger(
    file: &Connection,
    row: &Row,
    values: &mut [rusqlite::types::ToSqlOutput<'_>],
) -> rusqlite::Result<()> {
    let [producer, scope, .., received, dropped] = row.as_slice() else { return Ok(()) };
    if received.size() + dropped.size() <= INLINE_BYTES_MAX {
        return Ok(());
    }
    file.prepare_cached(
        "INSERT INTO long_ledgers (producer, scope, received_json, dropped_json) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params_from_iter([producer, scope, received, dropped].map(stored)))?;
    if let [.., received, dropped] = values {
        (*received, *dropped) = (stored(&Value::Null), stored(&Value::Null));
    }
    Ok(())
}

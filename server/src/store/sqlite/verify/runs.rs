//! Checks that the runs in files of events are those of the rows.

use super::{Databases, Found, shown};
use crate::store::EventIdentity;
use crate::store::ledger::SHARED;
use crate::store::sqlite::file::columns::{number, row_id};
use crate::store::sqlite::weeks::runs::has;

/// The rows that a run says are there.
const ROWS: &str = "SELECT count(*) FROM events WHERE id BETWEEN ?1 AND ?2 AND producer = ?3";

pub(super) fn rows(databases: &Databases, found: &mut Found) -> rusqlite::Result<()> {
    for week in databases.weeks()? {
        let connection = week.connection();
        let mut statement = connection.prepare(
            "SELECT id, producer, seq, source FROM events WHERE producer IS NOT NULL ORDER BY id",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (id, source): (_, String) = (row_id(row, 0)?, row.get(3)?);
            let Some((producer, seq)) = number(row, 1)? else { continue };
            let identity = EventIdentity::Numbered(producer, seq);
            let is_told =
                has(connection, &identity, &source, id)? || has(connection, &identity, SHARED, id)?;
            if !is_told {
                found.add(&week.name, "a row that no run has", || id.0.to_string());
            }
        }
        let mut count = connection.prepare(ROWS)?;
        let mut statement = connection.prepare(
            "SELECT producer, first, last, first_id FROM runs ORDER BY producer, scope, first",
        )?;
        let mut runs = statement.query([])?;
        while let Some(row) = runs.next()? {
            let producer: [u8; 16] = row.get(0)?;
            let (first, last): (u64, u64) = (row.get(1)?, row.get(2)?);
            let first_id = u128::from_be_bytes(row.get(3)?);
            let numbers = last - first + 1;
            let last_id = first_id.saturating_add(u128::from(last - first));
            let span = (first_id.to_be_bytes(), last_id.to_be_bytes(), producer);
            let rows: u64 = count.query_row(span, |row| row.get(0))?;
            if rows != numbers {
                found.add_many(
                    &week.name,
                    "numbers of runs without their rows",
                    numbers.abs_diff(rows),
                    || format!("numbers {first} to {last} from row {}", shown(first_id)),
                );
            }
        }
    }
    Ok(())
}

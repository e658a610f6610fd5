//! Reads events and outcomes for a scan.

use rusqlite::Connection;

use crate::store::Outcome;
use crate::store::sqlite::file::columns::{column_error, row_id};
use crate::store::tally::TallyScan;

/// Adds the events of a file of which `counts` says yes to the id, and looks at the properties of
/// some of them if `looks`.
pub(crate) fn week(
    scan: &mut TallyScan,
    file: &Connection,
    counts: impl Fn(u128) -> bool,
    looks: bool,
) -> rusqlite::Result<()> {
    let mut find = file.prepare("SELECT properties FROM events WHERE rowid = ?1")?;
    let mut statement = file.prepare("SELECT rowid, id, source, name, received_ms FROM events")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if !counts(row_id(row, 1)?.0.as_u128()) {
            continue;
        }
        let (source, name) = (row.get_ref(2)?.as_str()?, row.get_ref(3)?.as_str()?);
        let at_ms: i64 = row.get(4)?;
        if let Some(facts) = scan.stored(source, name, at_ms).filter(|_| looks) {
            let rowid: i64 = row.get(0)?;
            let properties: Option<String> = find.query_row([rowid], |row| row.get(0))?;
            facts.look(properties.as_deref(), at_ms);
        }
    }
    Ok(())
}

/// Adds arrivals that were not stored.
pub(crate) fn outcomes(scan: &mut TallyScan, store: &Connection) -> rusqlite::Result<()> {
    let mut statement =
        store.prepare("SELECT id, state, reason, detail, source, received_ms FROM outcomes")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let outcome = Outcome::from_name(row.get_ref(1)?.as_str()?);
        let outcome = outcome.ok_or_else(|| column_error(1, "state"))?;
        let reason = row.get_ref(2)?.as_str_or_null()?;
        let detail = row.get_ref(3)?.as_str_or_null()?;
        let (source, at_ms) = (row.get_ref(4)?.as_str()?, row.get(5)?);
        scan.not_stored((row_id(row, 0)?, outcome), (reason, detail), source, at_ms);
    }
    Ok(())
}

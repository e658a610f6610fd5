//! Rows of `tallies`, and the log in `totals`.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::store::Counts;
use crate::store::sqlite::file::columns::column_error;
use crate::store::tally::{TallyKey, TallyKind, TallyLog};

/// The counts in a column.
pub(super) fn counts(row: &Row<'_>, at: usize) -> rusqlite::Result<Counts> {
    let bytes = row.get_ref(at)?.as_blob()?;
    Counts::read(bytes).ok_or_else(|| column_error(at, "counts"))
}

/// The kind in a column.
pub(super) fn kind(row: &Row<'_>, at: usize) -> rusqlite::Result<TallyKind> {
    TallyKind::from_number(row.get(at)?).ok_or_else(|| column_error(at, "kind"))
}

/// Every tally with its number, from the index alone.
pub(crate) fn keys(store: &Connection) -> rusqlite::Result<Vec<(TallyKey<'static>, i64)>> {
    store
        .prepare_cached("SELECT kind, owner, label, id FROM tallies ORDER BY kind, owner, label")?
        .query_map([], |row| {
            let (owner, label) = (row.get::<_, String>(1)?, row.get::<_, String>(2)?);
            let key = TallyKey { kind: kind(row, 0)?, owner: owner.into(), label: label.into() };
            Ok((key, row.get(3)?))
        })?
        .collect()
}

/// What a tally counts, and its counts.
pub(crate) fn find(
    store: &Connection,
    tally: i64,
) -> rusqlite::Result<Option<(TallyKind, Counts)>> {
    store
        .prepare_cached("SELECT kind, counts FROM tallies WHERE id = ?1")?
        .query_row([tally], |row| Ok((kind(row, 0)?, counts(row, 1)?)))
        .optional()
}

/// A tally with what the log adds to it.
pub(crate) fn with_log(
    store: &Connection,
    tally: i64,
    log: &TallyLog,
) -> rusqlite::Result<Option<(TallyKind, Counts)>> {
    let found = find(store, tally)?;
    Ok(found.map(|(kind, mut counts)| {
        if let Some(seen) = log.get(tally) {
            seen.add_to(&mut counts, kind);
        }
        (kind, counts)
    }))
}

/// Adds a tally. Returns its number.
pub(super) fn insert(
    store: &Connection,
    key: &TallyKey<'_>,
    counts: &Counts,
) -> rusqlite::Result<i64> {
    store
        .prepare_cached(
            "INSERT INTO tallies (kind, owner, label, counts) VALUES (?1, ?2, ?3, ?4) RETURNING id",
        )?
        .query_row(params![key.kind.number(), key.owner, key.label, counts.write()], |row| {
            row.get(0)
        })
}

/// Replaces the counts of a tally.
pub(super) fn update(store: &Connection, tally: i64, counts: &Counts) -> rusqlite::Result<()> {
    store
        .prepare_cached("UPDATE tallies SET counts = ?2 WHERE id = ?1")?
        .execute(params![tally, counts.write()])?;
    Ok(())
}

/// Reads the log. `None` while the events of earlier versions are not counted.
pub(crate) fn log(store: &Connection) -> rusqlite::Result<Option<TallyLog>> {
    let bytes: Option<Vec<u8>> =
        store.prepare_cached("SELECT tally_log FROM totals")?.query_row([], |row| row.get(0))?;
    let read = |bytes: Vec<u8>| TallyLog::read(&bytes).ok_or_else(|| column_error(0, "tally_log"));
    bytes.map(read).transpose()
}

/// Replaces the log.
pub(super) fn set_log(store: &Connection, bytes: &[u8]) -> rusqlite::Result<()> {
    store.prepare_cached("UPDATE totals SET tally_log = ?1")?.execute([bytes])?;
    Ok(())
}

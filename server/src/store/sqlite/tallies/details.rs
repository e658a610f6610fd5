//! What is known of the properties of names, and samples of errors: the table `tally_details`.

use rusqlite::{Connection, OptionalExtension, params};

use super::rows::kind;
use crate::store::sqlite::file::columns::column_error;
use crate::store::sqlite::weeks::files::StoreFiles;
use crate::store::tally::TallyKind;
use crate::store::{ErrorSample, PropertyFacts, Week};

/// Reads what is known of the properties of a name.
pub(super) fn facts(store: &Connection, tally: i64) -> rusqlite::Result<Option<PropertyFacts>> {
    text(store, tally)?.map(|text| read_facts(&text)).transpose()
}

fn read_facts(text: &str) -> rusqlite::Result<PropertyFacts> {
    serde_json::from_str(text).map_err(|_| column_error(0, "json"))
}

/// Reads the sample of a group of errors.
pub(super) fn sample(store: &Connection, tally: i64) -> rusqlite::Result<Option<ErrorSample>> {
    let read = |text: String| serde_json::from_str(&text).map_err(|_| column_error(0, "json"));
    text(store, tally)?.map(read).transpose()
}

fn text(store: &Connection, tally: i64) -> rusqlite::Result<Option<String>> {
    store
        .prepare_cached("SELECT json FROM tally_details WHERE id = ?1")?
        .query_row([tally], |row| row.get(0))
        .optional()
}

/// Writes what is known of the properties of a name.
pub(super) fn set_facts(
    store: &Connection,
    tally: i64,
    facts: &PropertyFacts,
) -> rusqlite::Result<()> {
    set(store, tally, facts.oldest_week(), serde_json::to_string(facts))
}

/// Writes the sample of a group of errors, which happened in `week`.
pub(super) fn set_sample(
    store: &Connection,
    tally: i64,
    week: Week,
    sample: &ErrorSample,
) -> rusqlite::Result<()> {
    set(store, tally, Some(week), serde_json::to_string(sample))
}

fn set(
    store: &Connection,
    tally: i64,
    week: Option<Week>,
    json: serde_json::Result<String>,
) -> rusqlite::Result<()> {
    let json = json.map_err(|_| column_error(0, "json"))?;
    store
        .prepare_cached(
            "INSERT INTO tally_details (id, oldest_week, json) VALUES (?1, ?2, ?3) \
             ON CONFLICT (id) DO UPDATE SET oldest_week = excluded.oldest_week, json = excluded.json",
        )?
        .execute(params![tally, week.map(Week::number), json])?;
    Ok(())
}

/// Deletes values of events that were received before `week`, of at most `max` tallies. Returns of
/// how many.
pub(crate) fn prune(files: &mut StoreFiles, week: Week, max: u32) -> rusqlite::Result<usize> {
    let due: Vec<(i64, String, TallyKind)> = files
        .store
        .prepare_cached(
            "SELECT d.id, d.json, t.kind FROM tally_details AS d JOIN tallies AS t ON t.id = d.id \
             WHERE d.oldest_week < ?1 ORDER BY d.oldest_week LIMIT ?2",
        )?
        .query_map(params![week.number(), max], |row| {
            Ok((row.get(0)?, row.get(1)?, kind(row, 2)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    if due.is_empty() {
        return Ok(0);
    }
    // What is in memory has these values too.
    files.tallies.flush_details(&files.store)?;
    files.tallies.forget();
    for (tally, json, kind) in &due {
        if *kind == TallyKind::Name {
            let known = facts(&files.store, *tally)?;
            let mut facts = known.map_or_else(|| read_facts(json), Ok)?;
            facts.forget_before(week);
            set_facts(&files.store, *tally, &facts)?;
        } else {
            files
                .store
                .prepare_cached("DELETE FROM tally_details WHERE id = ?1")?
                .execute([tally])?;
        }
    }
    Ok(due.len())
}

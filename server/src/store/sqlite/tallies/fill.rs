//! Makes tallies from the events that are stored: of databases of earlier versions, and to repair
//! them.

use std::collections::HashMap;
use std::path::Path;

use rusqlite::{Connection, params};

use super::{details, rows, scan};
use crate::store::sqlite::OpenError;
use crate::store::sqlite::file::connection::{check_current, open_reader, open_writer};
use crate::store::sqlite::file::transaction::WriteTarget;
use crate::store::sqlite::store::{LAYOUT, SCHEMA};
use crate::store::sqlite::weeks::open::{OpenWeeks, path};
use crate::store::tally::{
    OVERFLOW, TallyKey, TallyKind, TallyLog, TallyScan, TallyScanned, repaired,
};
use crate::store::{Counts, Week};

/// What a repair did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Events that were counted.
    pub events: u64,
    /// Tallies that were different.
    pub changed: u64,
    /// Tallies in all.
    pub tallies: u64,
}

/// Says which week is read next, and how many events it has.
type Progress<'a> = &'a mut dyn FnMut(Week, u64);

/// Counts the events of earlier versions, once.
pub(crate) fn fill_once(store: &mut Connection, folder: &Path) -> rusqlite::Result<()> {
    if rows::log(store)?.is_some() {
        return Ok(());
    }
    let transaction = store.transaction()?;
    rebuild(&transaction, folder, &mut |week, events| {
        tracing::info!(%week, events, "counting the events of an earlier version, once");
    })?;
    transaction.commit()
}

/// Makes all tallies of a data directory again from what is stored, while no server runs on it.
/// Counts of weeks that were removed stay as they are, and so do counts of errors that nothing else
/// tells of.
///
/// # Errors
/// [`OpenError`].
pub fn repair(path_of_store: &Path, progress: Progress<'_>) -> Result<Repaired, OpenError> {
    let folder = path_of_store.parent().unwrap_or(Path::new("."));
    let sqlite = |source| OpenError::Sqlite { path: path_of_store.to_owned(), source };
    let mut store = open_writer(path_of_store, LAYOUT)?;
    check_current(&store, path_of_store, &SCHEMA)?;
    // Deletes rows that do not count.
    drop(OpenWeeks::open(&store, folder)?);
    let transaction = store.transaction().map_err(sqlite)?;
    let repaired = rebuild(&transaction, folder, progress).map_err(sqlite)?;
    transaction.commit().map_err(sqlite)?;
    store.checkpoint().map_err(sqlite)?;
    Ok(repaired)
}

fn rebuild(
    store: &Connection,
    folder: &Path,
    progress: Progress<'_>,
) -> rusqlite::Result<Repaired> {
    let log = rows::log(store)?.unwrap_or_default();
    let mut stored = HashMap::new();
    for (key, tally) in rows::keys(store)? {
        let counts = rows::with_log(store, tally, &log).ok().flatten();
        stored.insert(key, (tally, counts.map(|(_, counts)| counts)));
    }
    let names = stored.keys().filter(|key| key.kind == TallyKind::Name && key.label != OVERFLOW);
    let mut scanning = TallyScan::of(names.cloned(), true);
    let mut done = Repaired::default();
    for (week, events) in weeks(store)? {
        progress(week, events);
        done.events += events;
        scan::week(&mut scanning, &open_reader(&path(folder, week))?, |_| true, true)?;
    }
    scan::outcomes(&mut scanning, store)?;
    let kept_from = kept_from(store)?;
    for (key, scanned) in scanning.tallies {
        let earlier = stored.remove(&key);
        let is_changed = put(store, &key, &scanned, earlier, kept_from)?;
        done.changed += u64::from(is_changed);
    }
    for (key, earlier) in stored {
        let is_changed = put(store, &key, &TallyScanned::default(), Some(earlier), kept_from)?;
        done.changed += u64::from(is_changed);
    }
    rows::set_log(store, &TallyLog::default().write())?;
    done.tallies = store.query_row("SELECT count(*) FROM tallies", [], |row| row.get(0))?;
    Ok(done)
}

/// Writes a tally. Returns whether it is another than before.
fn put(
    store: &Connection,
    key: &TallyKey<'static>,
    scanned: &TallyScanned,
    earlier: Option<(i64, Option<Counts>)>,
    kept_from: Option<Week>,
) -> rusqlite::Result<bool> {
    let (tally, before) = earlier.map_or((None, None), |(tally, counts)| (Some(tally), counts));
    let is_kept = |week: i64| kept_from.is_none_or(|from| week >= i64::from(from.number()));
    let counts = repaired(key, before.as_ref(), &scanned.counts, is_kept);
    if counts.total() == 0 {
        if let Some(tally) = tally {
            for sql in
                ["DELETE FROM tallies WHERE id = ?1", "DELETE FROM tally_details WHERE id = ?1"]
            {
                store.prepare_cached(sql)?.execute(params![tally])?;
            }
        }
        // A tally of nothing says the same as none.
        return Ok(before.map_or(tally.is_some(), |before| before.total() != 0));
    }
    let is_changed = before.is_none_or(|before| before.differs(&counts));
    let tally = match tally {
        Some(tally) => {
            rows::update(store, tally, &counts)?;
            tally
        }
        None => rows::insert(store, key, &counts)?,
    };
    if key.kind == TallyKind::Name && key.label != OVERFLOW && scanned.facts.sampled > 0 {
        details::set_facts(store, tally, &scanned.facts)?;
    }
    if let Some(sample) = &scanned.sample {
        details::set_sample(store, tally, Week::of_ms(scanned.counts.last_ms), sample)?;
    }
    Ok(is_changed)
}

/// The weeks with events, oldest first.
fn weeks(store: &Connection) -> rusqlite::Result<Vec<(Week, u64)>> {
    store
        .prepare(
            "SELECT week, events FROM weeks WHERE state <> 'removed' AND events > 0 ORDER BY week",
        )?
        .query_map([], |row| Ok((Week::from_number(row.get(0)?), row.get(1)?)))?
        .collect()
}

/// The first week of which everything is kept. `None` while no week was removed.
fn kept_from(store: &Connection) -> rusqlite::Result<Option<Week>> {
    let removed: Option<u32> = store.query_row(
        "SELECT max(week) FROM weeks WHERE state = 'removed' OR removed_events > 0",
        [],
        |row| row.get(0),
    )?;
    Ok(removed.map(|week| Week::from_number(week + 1)))
}

//! Checks of tallies: what is counted without a scan equals what a scan counts.

use std::collections::{HashMap, HashSet};

use super::{Databases, Found};
use crate::store::sqlite::tallies::{rows, scan};
use crate::store::tally::{TallyKind, TallyScan};
use crate::store::{Counts, Week};

pub(super) fn counts(databases: &Databases, found: &mut Found) -> rusqlite::Result<()> {
    let store = databases.store();
    let Some(log) = rows::log(store)? else {
        found.add("store.db", "events of an earlier version are not counted", String::new);
        return Ok(());
    };
    let mut stored = HashMap::new();
    for (key, tally) in rows::keys(store)? {
        stored.extend(rows::with_log(store, tally, &log)?.map(|(_, counts)| (key, counts)));
    }
    let mut scanning = TallyScan::of(stored.keys().cloned(), false);
    for week in databases.weeks()? {
        scan::week(&mut scanning, week.connection(), |id| week.counts(id), false)?;
    }
    scan::outcomes(&mut scanning, store)?;
    let missing = missing(databases)?;
    let is_kept = |week: i64| {
        let from_ms = u32::try_from(week).map_or(0, |week| Week::from_number(week).from_ms());
        databases.kept_from_ms.is_none_or(|ms| from_ms >= ms) && !missing.contains(&week)
    };
    let none = Counts::default();
    for (key, scanned) in &scanning.tallies {
        let is_exact = !matches!(key.kind, TallyKind::Error(_));
        let told = stored.get(key).unwrap_or(&none);
        if let Some(difference) = told.difference(&scanned.counts, is_exact, is_kept) {
            let kind = "a count by time is not that of what is stored";
            found.add("store.db", kind, || format!("{key}: {difference}"));
        }
    }
    Ok(())
}

/// Weeks whose file is missing, which another check says.
fn missing(databases: &Databases) -> rusqlite::Result<HashSet<i64>> {
    let mut statement = databases
        .store()
        .prepare("SELECT week FROM weeks WHERE state <> 'removed' AND events > 0")?;
    let weeks = statement.query_map([], |row| row.get(0))?;
    let mut missing = HashSet::new();
    for week in weeks {
        let week: u32 = week?;
        if databases.week(Week::from_number(week)).is_none() {
            missing.insert(i64::from(week));
        }
    }
    Ok(missing)
}

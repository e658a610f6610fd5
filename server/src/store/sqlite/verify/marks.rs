//! Checks of the marks of payloads that were applied.

use crate::counted::counted;
use rusqlite::OptionalExtension;

use super::{Databases, Found, shown};

/// Rows of one payload that follow each other.
struct Group {
    payload: [u8; 16],
    rows: u64,
}

pub(super) fn rows(databases: &Databases, found: &mut Found) -> rusqlite::Result<()> {
    let mut mark = databases.store().prepare("SELECT stored FROM applied WHERE payload_id = ?1")?;
    let mut all_rows = 0;
    for week in databases.weeks()? {
        let mut check = |group: Group| -> rusqlite::Result<()> {
            let stored: Option<u64> =
                mark.query_row([group.payload], |row| row.get(0)).optional()?;
            let payload = || shown(u128::from_be_bytes(group.payload));
            match stored {
                None => found.add_many(
                    &week.name,
                    "rows of a payload that is not marked as applied",
                    group.rows,
                    payload,
                ),
                Some(stored) if stored != group.rows => {
                    found.add(
                        &week.name,
                        "a payload has another number of rows than its mark",
                        || {
                            let rows = counted(group.rows, "row", "rows");
                            format!("{}: {rows}, the mark says {stored}", payload())
                        },
                    );
                }
                Some(_) => {}
            }
            all_rows += group.rows;
            Ok(())
        };
        let mut statement =
            week.connection().prepare("SELECT id, payload_id FROM events ORDER BY id")?;
        let mut rows = statement.query([])?;
        let mut group: Option<Group> = None;
        while let Some(row) = rows.next()? {
            let payload: [u8; 16] = row.get(1)?;
            if !week.counts(u128::from_be_bytes(row.get(0)?)) {
                continue;
            }
            match &mut group {
                Some(group) if group.payload == payload => group.rows += 1,
                _ => {
                    let ended = group.replace(Group { payload, rows: 1 });
                    ended.map(&mut check).transpose()?;
                }
            }
        }
        group.map(check).transpose()?;
    }
    // Nothing says where the rows of a mark were, if all of them are gone.
    if databases.kept_from_ms.is_none() {
        let marked: u64 = databases.store().query_row(
            "SELECT coalesce(sum(stored), 0) FROM applied",
            [],
            |row| row.get(0),
        )?;
        if marked > all_rows {
            found.add_many(
                "store.db",
                "marks say more rows than there are",
                marked - all_rows,
                || format!("{marked}, and there are {all_rows}"),
            );
        }
    }
    Ok(())
}

pub(super) fn outcomes(databases: &Databases, found: &mut Found) -> rusqlite::Result<()> {
    let place = "store.db";
    let store = databases.store();
    let mut mark = store.prepare("SELECT 1 FROM applied WHERE payload_id = ?1")?;
    let mut statement = store.prepare("SELECT id, payload_id FROM outcomes WHERE id >= ?1")?;
    let mut outcomes = statement.query([databases.kept_from()])?;
    while let Some(row) = outcomes.next()? {
        let id: [u8; 16] = row.get(0)?;
        if !mark.exists([row.get::<_, [u8; 16]>(1)?])? {
            found.add(place, "an arrival of a payload that is not marked as applied", || {
                shown(u128::from_be_bytes(id))
            });
        }
        let row_id = crate::store::RowId(uuid::Uuid::from_bytes(id));
        let Some(week) = databases.week(crate::store::Week::of_row(row_id)) else { continue };
        let mut find = week.held.connection.prepare_cached("SELECT 1 FROM events WHERE id = ?1")?;
        if find.exists([id])? {
            found.add(place, "an arrival that is stored and also is not", || {
                shown(u128::from_be_bytes(id))
            });
        }
    }
    if databases.kept_from_ms.is_none() {
        let (marked, outcomes): (i64, i64) = store.query_row(
            "SELECT (SELECT coalesce(sum(duplicates + invalid), 0) FROM applied), \
             (SELECT count(*) FROM outcomes)",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        if marked != outcomes {
            found.add_many(
                place,
                "marks say another number of arrivals that were not stored",
                marked.abs_diff(outcomes),
                || format!("{marked}, and there are {outcomes}"),
            );
        }
    }
    Ok(())
}

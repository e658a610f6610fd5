//! Checks of rows of events and their ids.

use super::{Databases, Found, VerifiedWeek, shown};
use crate::counted::counted;
use crate::store::Week;

/// The times in row ids have 48 bits.
const TIME_SHIFT: u32 = 80;

/// How many rows of a file count.
fn rows_that_count(week: &VerifiedWeek<'_>) -> rusqlite::Result<i64> {
    let all: i64 =
        week.connection().query_row("SELECT count(*) FROM events", [], |row| row.get(0))?;
    let mut count = week
        .connection()
        .prepare_cached("SELECT count(*) FROM events WHERE id BETWEEN ?1 AND ?2")?;
    let mut counted = all;
    for (first, last) in &week.uncounted {
        let bytes = (first.to_be_bytes(), last.to_be_bytes());
        counted -= count.query_row([bytes.0, bytes.1], |row| row.get::<_, i64>(0))?;
    }
    Ok(counted)
}

pub(super) fn counts(databases: &Databases, found: &mut Found) -> rusqlite::Result<()> {
    for week in databases.weeks()? {
        let (rows, events) = (rows_that_count(&week)?, week.week.listed.events);
        if week.week.listed.is_sealed && !week.uncounted.is_empty() {
            found.add(&week.name, "rows that do not count are in a closed week", String::new);
        }
        let (kind, count) = match rows - events {
            0 => continue,
            more @ 1.. => ("there are rows that store.db does not count", more),
            fewer => ("events are missing", -fewer),
        };
        let count = count.unsigned_abs();
        let example = || {
            let rows = counted(rows.unsigned_abs(), "row", "rows");
            format!("{rows}, and store.db counts {events}")
        };
        found.add_many(&week.name, kind, count, example);
    }
    Ok(())
}

pub(super) fn ids(databases: &Databases, found: &mut Found) -> rusqlite::Result<()> {
    for week in databases.weeks()? {
        let first = week.week.listed.week.first_row().0.as_u128();
        let next = Week::from_number(week.week.listed.week.number() + 1).first_row().0.as_u128();
        let mut statement = week
            .connection()
            .prepare("SELECT id, payload_index, received_ms FROM events ORDER BY id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let id = u128::from_be_bytes(row.get(0)?);
            let (index, received_ms): (i64, i64) = (row.get(1)?, row.get(2)?);
            if !(first..next).contains(&id) {
                found.add(&week.name, "a row of another week", || shown(id));
            }
            let is_its_place = (id & 0xFFFF).cast_signed() == i128::from(index);
            let is_its_time = (id >> TIME_SHIFT).cast_signed() == i128::from(received_ms.max(0));
            if !is_its_place || !is_its_time {
                found.add(&week.name, "a row whose id is not that of its payload", || shown(id));
            }
        }
    }
    Ok(())
}

pub(super) fn client_ids(databases: &Databases, found: &mut Found) -> rusqlite::Result<()> {
    let store = databases.store();
    let mut statement = store.prepare("SELECT event_id, id FROM event_ids WHERE refused = 0")?;
    let mut owners = statement.query([])?;
    while let Some(row) = owners.next()? {
        let id = crate::store::sqlite::file::columns::row_id(row, 1)?;
        if databases.is_gone(id)? {
            let name: String = row.get(0)?;
            found.add("store.db", "an id belongs to an event that is not stored", || name);
        }
    }
    for week in databases.weeks()? {
        let mut statement = week.connection().prepare(
            "SELECT id, event_id, source FROM events WHERE event_id IS NOT NULL ORDER BY event_id, source",
        )?;
        let mut owners =
            store.prepare("SELECT id FROM event_ids WHERE event_id = ?1 AND source = ?2")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let id = u128::from_be_bytes(row.get(0)?);
            let (event_id, source): (String, String) = (row.get(1)?, row.get(2)?);
            let owners = owners
                .query_map([&event_id, &source], |row| Ok(u128::from_be_bytes(row.get(0)?)))?
                .collect::<rusqlite::Result<Vec<u128>>>()?;
            // Ids are forgotten after a while, and may then be stored again. Then the owner is
            // later.
            let is_second = !owners.is_empty() && owners.iter().all(|owner| *owner < id);
            if is_second && week.counts(id) {
                found.add(&week.name, "an id that belongs to another event", || event_id);
            }
        }
    }
    Ok(())
}

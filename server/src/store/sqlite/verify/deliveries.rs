//! Checks of deliveries to sinks.

use super::{Databases, Found, shown};
use crate::store::RowId;

const PLACE: &str = "store.db";

pub(super) fn sinks(databases: &Databases, found: &mut Found) -> rusqlite::Result<()> {
    let mut statement = databases.store().prepare(
        "SELECT name, waiting, (SELECT count(*) FROM delivery_queue WHERE sink = sinks.id), \
         dead, (SELECT count(*) FROM dead_letters WHERE sink = sinks.id), discarded, \
         (SELECT count(*) FROM discarded_letters WHERE sink = sinks.id) FROM sinks ORDER BY name",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        for (what, at) in [("waiting", 1), ("dead", 3), ("discarded", 5)] {
            let (told, counted): (i64, i64) = (row.get(at)?, row.get(at + 1)?);
            // Retention deletes some of those that were discarded, and they stay counted.
            if told < counted || (told > counted && what != "discarded") {
                let example = || format!("{what} of {name} is {told}, the rows say {counted}");
                let count = told.abs_diff(counted);
                found.add_many(PLACE, "a count of a sink is wrong", count, example);
            }
        }
    }
    Ok(())
}

/// Deliveries that are somewhere else than their log says. The log of removed weeks is gone.
const MISPLACED: [(&str, &str); 6] = [
    (
        "a delivery waits although its log says otherwise",
        "SELECT event_id FROM delivery_queue AS it WHERE event_id >= ?1 AND coalesce((SELECT state \
         FROM deliveries WHERE event_id = it.event_id AND sink = it.sink ORDER BY step DESC LIMIT 1), '') \
         NOT IN ('queued', 'retry')",
    ),
    (
        "a dead letter that its log does not say",
        "SELECT event_id FROM dead_letters AS it WHERE event_id >= ?1 AND coalesce((SELECT state \
         FROM deliveries WHERE event_id = it.event_id AND sink = it.sink ORDER BY step DESC LIMIT 1), '') \
         <> 'dead'",
    ),
    (
        "a discarded delivery that its log does not say",
        "SELECT event_id FROM discarded_letters AS it WHERE event_id >= ?1 AND coalesce((SELECT state \
         FROM deliveries WHERE event_id = it.event_id AND sink = it.sink ORDER BY step DESC LIMIT 1), '') \
         <> 'discarded'",
    ),
    (
        "a delivery was given up and is in no list",
        "SELECT event_id FROM (SELECT event_id, sink, state, max(step) FROM deliveries \
         WHERE event_id >= ?1 GROUP BY event_id, sink) AS it WHERE CASE state \
         WHEN 'dead' THEN NOT EXISTS (SELECT 1 FROM dead_letters WHERE sink = it.sink AND event_id = it.event_id) \
         WHEN 'discarded' THEN NOT EXISTS \
         (SELECT 1 FROM discarded_letters WHERE sink = it.sink AND event_id = it.event_id) ELSE 0 END",
    ),
    (
        "a delivery is open and waits nowhere",
        "SELECT event_id FROM (SELECT event_id, sink, state, max(step) FROM deliveries \
         WHERE event_id >= ?1 GROUP BY event_id, sink) WHERE state IN ('queued', 'retry') \
         AND (sink, event_id) NOT IN (SELECT sink, event_id FROM delivery_queue)",
    ),
    (
        "a delivery waits twice",
        "SELECT event_id FROM delivery_queue WHERE event_id >= ?1 GROUP BY sink, event_id \
         HAVING count(*) > 1",
    ),
];

pub(super) fn queued(databases: &Databases, found: &mut Found) -> rusqlite::Result<()> {
    for (kind, sql) in MISPLACED {
        let mut statement = databases.store().prepare(sql)?;
        let mut rows = statement.query([databases.kept_from()])?;
        while let Some(row) = rows.next()? {
            let event = u128::from_be_bytes(row.get(0)?);
            found.add(PLACE, kind, || shown(event));
        }
    }
    Ok(())
}

pub(super) fn events(databases: &Databases, found: &mut Found) -> rusqlite::Result<()> {
    let mut statement = databases.store().prepare(
        "SELECT DISTINCT event_id FROM deliveries WHERE event_id >= ?1 ORDER BY event_id",
    )?;
    let mut rows = statement.query([databases.kept_from()])?;
    while let Some(row) = rows.next()? {
        let id: [u8; 16] = row.get(0)?;
        if databases.is_gone(RowId(uuid::Uuid::from_bytes(id)))? {
            let example = || shown(u128::from_be_bytes(id));
            found.add(PLACE, "a delivery of an event that is not stored", example);
        }
    }
    Ok(())
}

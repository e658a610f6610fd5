//! Checks of payloads and their queue.

use super::{Databases, Found, shown};
use crate::store::share::share_of;

const PLACE: &str = "intake.db";
/// Payloads that wait no more.
const SETTLED: &str = "SELECT id, received_ms FROM payloads WHERE position NOT IN \
     (SELECT position FROM payload_queue UNION ALL SELECT position FROM set_aside)";

pub(super) fn queue(databases: &Databases, found: &mut Found) -> rusqlite::Result<()> {
    let intake = databases.intake();
    let mut statement = intake.prepare(
        "SELECT queue.position, queue.share, queue.events, payloads.events FROM \
         (SELECT position, share, events FROM payload_queue UNION ALL \
          SELECT position, NULL, events FROM set_aside) AS queue \
         LEFT JOIN payloads USING (position)",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let position: i64 = row.get(0)?;
        let (share, events): (Option<u32>, i64) = (row.get(1)?, row.get(2)?);
        let example = || format!("position {position}");
        match row.get::<_, Option<i64>>(3)? {
            None => found.add(PLACE, "a payload that waits is not there", example),
            Some(kept) if kept != events => {
                found.add(PLACE, "a payload waits with another number of events", example);
            }
            Some(_) => {}
        }
        if share.is_some_and(|share| share != share_of(position)) {
            found.add(PLACE, "a payload waits in a share that no worker reads", example);
        }
    }
    let mut statement = intake.prepare(
        "SELECT position, count(*) FROM (SELECT position FROM payload_queue UNION ALL \
         SELECT position FROM set_aside) GROUP BY position HAVING count(*) > 1",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let position: i64 = row.get(0)?;
        found.add(PLACE, "a payload waits twice", || format!("position {position}"));
    }
    Ok(())
}

pub(super) fn settled(databases: &Databases, found: &mut Found) -> rusqlite::Result<()> {
    let mut mark = databases.store().prepare("SELECT 1 FROM applied WHERE payload_id = ?1")?;
    let mut statement = databases.intake().prepare(SETTLED)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, received_ms): ([u8; 16], i64) = (row.get(0)?, row.get(1)?);
        // The mark may have been pruned.
        if databases.kept_from_ms.is_some_and(|from_ms| received_ms < from_ms) {
            continue;
        }
        if !mark.exists([id])? {
            found.add(PLACE, "a payload neither waits nor is marked as applied", || {
                shown(u128::from_be_bytes(id))
            });
        }
    }
    Ok(())
}

pub(super) fn discarded(databases: &Databases, found: &mut Found) -> rusqlite::Result<()> {
    let (counted, there): ((i64, i64), (i64, i64)) = databases.intake().query_row(
        "SELECT sums.payloads, sums.events, count(aside.position), coalesce(sum(aside.events), 0) \
         FROM discarded_sums AS sums LEFT JOIN set_aside AS aside ON discarded_ms IS NOT NULL",
        [],
        |row| Ok(((row.get(0)?, row.get(1)?), (row.get(2)?, row.get(3)?))),
    )?;
    // Retention deletes some of those that were discarded, and they stay counted.
    if counted.0 < there.0 || counted.1 < there.1 {
        found.add(PLACE, "fewer payloads count as discarded than are", || {
            format!("{counted:?} are counted, {there:?} are there")
        });
    }
    Ok(())
}

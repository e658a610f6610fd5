//! Checks of counts.

use super::{Databases, Found};

/// A count, as it is stored and as the rows say.
const TOTALS: [(&str, &str); 4] = [
    ("stored", "SELECT coalesce(sum(events + removed_events), 0) FROM weeks"),
    ("made", "SELECT coalesce(sum(made), 0) FROM producers"),
    ("declared", "SELECT coalesce(sum(declared), 0) FROM producers"),
    ("missing", "SELECT coalesce(sum(missing), 0) FROM producers"),
];
/// Those whose rows are pruned.
const PRUNED_TOTALS: [(&str, &str); 2] = [
    ("duplicates", "SELECT count(*) FROM outcomes WHERE state = 'duplicate'"),
    ("invalid", "SELECT count(*) FROM outcomes WHERE state = 'invalid'"),
];

pub(super) fn totals(databases: &Databases, found: &mut Found) -> rusqlite::Result<()> {
    let pruned = PRUNED_TOTALS.iter().filter(|_| databases.kept_from_ms.is_none());
    for (name, sql) in TOTALS.iter().chain(pruned) {
        let both = format!("SELECT (SELECT {name} FROM totals), ({sql})");
        let (told, counted): (i64, i64) =
            databases.store().query_row(&both, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if told != counted {
            let kind = "a count of everything is wrong";
            let example = || format!("{name} is {told}, the rows say {counted}");
            found.add_many("store.db", kind, told.abs_diff(counted), example);
        }
    }
    Ok(())
}

pub(super) fn sources(databases: &Databases, found: &mut Found) -> rusqlite::Result<()> {
    let mut statement = databases.store().prepare(
        "SELECT source FROM (SELECT source, producers, made, received, declared, missing FROM sources \
           WHERE producers <> 0 OR made <> 0 OR received <> 0 OR declared <> 0 OR missing <> 0 \
           UNION ALL SELECT source, count(*), sum(made), sum(received), sum(declared), sum(missing) \
           FROM producers GROUP BY source) \
         GROUP BY source, producers, made, received, declared, missing HAVING count(*) <> 2",
    )?;
    let mut rows = statement.query([])?;
    let mut last = None;
    while let Some(row) = rows.next()? {
        // Both sides of a difference are listed.
        let source: String = row.get(0)?;
        if last.as_ref() != Some(&source) {
            let example = source.clone();
            found
                .add("store.db", "the counts of a source are not those of its ledgers", || example);
        }
        last = Some(source);
    }
    Ok(())
}

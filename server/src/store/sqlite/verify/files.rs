//! Checks of the files as such.

use rusqlite::Connection;

use super::{Databases, Found, Violation};
use crate::store::sqlite::snapshot::SchemaVersions;

/// The most messages of SQLite's own check for one file.
const MESSAGES_MAX: u32 = 100;

pub(super) fn integrity(databases: &Databases, found: &mut Found) -> rusqlite::Result<()> {
    let files = [&databases.intake.0, &databases.store.store];
    for held in files.into_iter().chain(databases.store.weeks.iter().map(|it| &it.held)) {
        check_file(&held.connection, &held.name(), found)?;
    }
    Ok(())
}

fn check_file(connection: &Connection, name: &str, found: &mut Found) -> rusqlite::Result<()> {
    const KIND: &str = "SQLite finds the file damaged";
    let mut check = connection.prepare(&format!("PRAGMA integrity_check({MESSAGES_MAX})"))?;
    let mut messages = check.query([])?;
    loop {
        match messages.next() {
            Ok(None) => break,
            Ok(Some(row)) => {
                let message: String = row.get(0)?;
                if message != "ok" {
                    found.add(name, KIND, || message);
                }
            }
            // So damaged that the check itself ends.
            Err(error) => {
                found.add(name, KIND, || error.to_string());
                break;
            }
        }
    }
    let mut check = connection.prepare("PRAGMA foreign_key_check")?;
    let mut rows = check.query([])?;
    while let Some(row) = rows.next()? {
        let table: String = row.get(0)?;
        found.add(name, "a row refers to one that is not there", || table);
    }
    Ok(())
}

#[allow(clippy::unnecessary_wraps, reason = "every check has this type")]
pub(super) fn schema(databases: &Databases, found: &mut Found) -> rusqlite::Result<()> {
    let known = SchemaVersions::known();
    let weeks = databases.store.weeks.iter().map(|week| (&week.held, known.week));
    let files = [(&databases.intake.0, known.intake), (&databases.store.store, known.store)];
    for (held, known) in files.into_iter().chain(weeks) {
        if held.schema < known {
            found.add(&held.name(), "an earlier version wrote it", || {
                format!("schema {}, this version has {known}", held.schema)
            });
        }
    }
    Ok(())
}

#[allow(clippy::unnecessary_wraps, reason = "every check has this type")]
pub(super) fn week_files(databases: &Databases, found: &mut Found) -> rusqlite::Result<()> {
    for week in &databases.store.missing {
        let place = format!("events-{}.db", week.week);
        let count = u64::try_from(week.events).unwrap_or(0);
        found.add_many(&place, "the file is missing, and with it events", count, String::new);
    }
    Ok(())
}

/// Whether the other checks cannot run.
pub(super) fn are_unreadable(violations: &[Violation]) -> bool {
    violations.iter().any(|it| ["integrity", "schema"].contains(&it.check))
}

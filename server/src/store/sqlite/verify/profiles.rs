//! Checks of profiles, their words and their versions.

use rusqlite::OptionalExtension;

use super::{Databases, Found};
use crate::store::sqlite::file::columns::row_id;

/// The user of a row of events.
const KEY: &str = "iif(user_id IS NULL, 'anonymous:' || anonymous_id, 'user:' || user_id)";

pub(super) fn words(databases: &Databases, found: &mut Found) -> rusqlite::Result<()> {
    let place = "store.db";
    let mut statement = databases.store().prepare(
        "SELECT profile_words.event_id, profile_states.key FROM profile_words \
         LEFT JOIN profile_states ON profile_states.id = profile_words.profile",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let event = row_id(row, 0)?;
        if row.get::<_, Option<String>>(1)?.is_none() {
            found.add(place, "a word of a profile that is not there", || event.0.to_string());
        }
        if databases.is_gone(event)? {
            found.add(place, "a word of an event that is not stored", || event.0.to_string());
        }
    }
    Ok(())
}

pub(super) fn versions(databases: &Databases, found: &mut Found) -> rusqlite::Result<()> {
    let mut state =
        databases.store().prepare("SELECT revision FROM profile_states WHERE key = ?1")?;
    for week in databases.weeks()? {
        let connection = week.connection();
        let mut statement = connection.prepare(&format!(
            "SELECT id FROM events WHERE profile_revision IS NOT NULL AND NOT EXISTS (SELECT 1 FROM \
             profile_versions WHERE key = {KEY} AND revision = profile_revision)"
        ))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let id = row_id(row, 0)?;
            found
                .add(&week.name, "an event shows a version that is not there", || id.0.to_string());
        }
        let mut statement = connection.prepare(
            "SELECT key, revision, batch, EXISTS (SELECT 1 FROM profile_versions AS whole \
             WHERE whole.key = it.key AND whole.revision = it.base AND whole.base = whole.revision \
             AND whole.revision <= it.revision) FROM profile_versions AS it ORDER BY key, revision",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (key, revision): (String, u64) = (row.get(0)?, row.get(1)?);
            let (batch, has_whole): (i64, bool) = (row.get(2)?, row.get(3)?);
            if !has_whole {
                let example = || format!("version {revision} of {key}");
                found.add(
                    &week.name,
                    "a version without the whole one that it begins with",
                    example,
                );
            }
            if batch > week.week.listed.batch {
                continue;
            }
            let known: Option<u64> = state.query_row([&key], |row| row.get(0)).optional()?;
            if known.is_none_or(|known| known < revision) {
                let example = || format!("version {revision} of {key}");
                found.add(&week.name, "a version that its profile does not know", example);
            }
        }
    }
    Ok(())
}

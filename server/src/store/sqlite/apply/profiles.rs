//! Profiles: one row a user.

use rusqlite::{Connection, OptionalExtension, params};

use crate::store::apply::{ProfileWrite, StoredProfile};
use crate::store::{EventRow, ProfileKey, ProfileNote, SaidAt};

/// The profile of a user.
pub(crate) fn find(
    store: &Connection,
    key: ProfileKey<'_>,
) -> rusqlite::Result<Option<StoredProfile>> {
    store
        .prepare_cached("SELECT said_ms, json, words_json FROM profiles WHERE key = ?1")?
        .query_row([key.to_string()], |row| {
            Ok(StoredProfile::read(row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()
}

/// Which of the traits that an event set were set again, or removed, by a later one.
pub(crate) fn outdated(store: &Connection, row: &EventRow) -> rusqlite::Result<Vec<String>> {
    let Some(note) = ProfileNote::read(&row.name, row.properties_json.as_deref()) else {
        return Ok(Vec::new());
    };
    let key = ProfileKey::new(row.user_id.as_deref(), row.anonymous_id.as_deref());
    let profile = key.map(|key| find(store, key)).transpose()?.flatten();
    let at = SaidAt::new(row.id, row.time_ms, row.received_ms);
    Ok(profile.map(|profile| profile.outdated(&note, at)).unwrap_or_default())
}

/// Writes profiles.
pub(super) fn save(store: &Connection, profiles: &[ProfileWrite<'_>]) -> rusqlite::Result<()> {
    let mut save = store.prepare_cached(
        "INSERT INTO profiles (key, said_ms, json, words_json) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (key) DO UPDATE SET said_ms = excluded.said_ms, json = excluded.json, \
         words_json = excluded.words_json",
    )?;
    for ProfileWrite { key, said_ms, json, words_json } in profiles {
        save.execute(params![key.to_string(), said_ms, &**json, words_json])?;
    }
    Ok(())
}

//! Profiles in the database, each loaded and saved once for all the payloads applied together.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use crate::store::{EventColumns, Profile, ProfileNote, profile_key};

/// The profiles that one transaction works on.
#[derive(Debug, Default)]
pub(crate) struct Profiles(HashMap<String, Loaded>);

#[derive(Debug)]
struct Loaded {
    profile: Profile,
    json: Option<String>,
    said_ms: i64,
    is_changed: bool,
}

impl Profiles {
    /// Takes in what an event that is stored for the first time says about its user, and gives what is known
    /// about that user then.
    pub(crate) fn apply(
        &mut self,
        connection: &Connection,
        event: &EventColumns,
    ) -> rusqlite::Result<Option<&str>> {
        let Some(key) = profile_key(event) else { return Ok(None) };
        let loaded = match self.0.entry(key) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                let loaded = find(connection, entry.key())?;
                entry.insert(loaded)
            }
        };
        if let Some(note) = ProfileNote::of(event) {
            loaded.profile.apply(&note, event.time_ms, loaded.said_ms);
            loaded.said_ms = loaded.said_ms.max(event.time_ms);
            loaded.json = (!loaded.profile.is_empty()).then(|| loaded.profile.json());
            loaded.is_changed = true;
        }
        Ok(loaded.json.as_deref())
    }

    /// Writes back what changed.
    pub(crate) fn save(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut save = connection.prepare_cached(
            "INSERT INTO profiles (key, said_ms, json) VALUES (?1, ?2, ?3) \
             ON CONFLICT (key) DO UPDATE SET said_ms = excluded.said_ms, json = excluded.json",
        )?;
        for (key, loaded) in self.0.iter().filter(|(_, loaded)| loaded.is_changed) {
            save.execute(params![key, loaded.said_ms, loaded.profile.json()])?;
        }
        Ok(())
    }
}

fn find(connection: &Connection, key: &str) -> rusqlite::Result<Loaded> {
    let found: Option<(i64, String)> = connection
        .prepare_cached("SELECT said_ms, json FROM profiles WHERE key = ?1")?
        .query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (said_ms, json) = found.unwrap_or((i64::MIN, String::new()));
    // A profile is an aid: one that cannot be read begins anew.
    let profile: Profile = serde_json::from_str(&json).unwrap_or_default();
    let json = (!profile.is_empty()).then_some(json);
    Ok(Loaded { profile, json, said_ms, is_changed: false })
}

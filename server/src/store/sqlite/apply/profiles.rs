//! Profiles: one row a user, and one a word.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::store::apply::{ProfileWrite, StoredProfile};
use crate::store::sqlite::file::columns::{column_error, row_id};
use crate::store::sqlite::weeks::profile_versions;
use crate::store::{
    EventRow, Profile, ProfileKey, ProfileNote, SaidAt, Subject, Week, Word, WordName,
};

/// A profile's row.
pub(crate) const STATE: &str = "SELECT id, revision, empty, week, earlier_words, earlier_shown, earlier_ms \
     FROM profile_states WHERE key = ?1";
/// The words of a profile.
pub(crate) const WORDS: &str =
    "SELECT subject, name, said_ms, event_id, json FROM profile_words WHERE profile = ?1";
/// Profiles of users whose newest event was in an early week.
const FORGOTTEN: &str = "SELECT id FROM profile_states WHERE week < ?1 ORDER BY week LIMIT ?2";

/// A profile's row.
struct State {
    id: i64,
    revision: u64,
    is_empty: bool,
    week: Week,
    /// All words, if an earlier version stored them.
    earlier: Option<Profile>,
}

impl State {
    fn find(store: &Connection, key: &str) -> rusqlite::Result<Option<Self>> {
        store.prepare_cached(STATE)?.query_row([key], Self::read).optional()
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let words: Option<String> = row.get(4)?;
        let shown: Option<String> = row.get(5)?;
        let said_ms: Option<i64> = row.get(6)?;
        let earlier = words.as_deref().map(Profile::of_words_json);
        let shown = || Some(Profile::of_shown_json(shown.as_deref()?, said_ms?));
        Ok(Self {
            id: row.get(0)?,
            revision: row.get(1)?,
            is_empty: row.get(2)?,
            week: Week::from_number(row.get(3)?),
            earlier: earlier.or_else(shown),
        })
    }

    fn words(&self, store: &Connection) -> rusqlite::Result<Profile> {
        if let Some(earlier) = &self.earlier {
            return Ok(earlier.clone());
        }
        let mut statement = store.prepare_cached(WORDS)?;
        let words = statement.query_map([self.id], |row| {
            let subject = match row.get(0)? {
                0 => Subject::Trait,
                1 => Subject::Experiment,
                _ => return Err(column_error(0, "subject")),
            };
            let at = SaidAt { ms: row.get(2)?, event: row_id(row, 3)? };
            let json: String = row.get(4)?;
            Ok(((subject, row.get(1)?), Word { at, json: json.into() }))
        })?;
        Ok(Profile::of_words(words.collect::<rusqlite::Result<Vec<_>>>()?))
    }
}

/// The profile of a user, and its newest version in the file of events that the rows go to. Its
/// words are read if `with_words`, or if the version is not up to date.
pub(super) fn find(
    store: &Connection,
    events: Option<&Connection>,
    key: ProfileKey<'_>,
    with_words: bool,
) -> rusqlite::Result<Option<StoredProfile>> {
    let key = key.to_string();
    let state = State::find(store, &key)?;
    if state.is_none() && !with_words {
        return Ok(None);
    }
    let newest = events.map(|events| profile_versions::newest(events, &key));
    let latest = newest.transpose()?.flatten();
    let mut stored = match &state {
        Some(State { revision, is_empty, week, .. }) => StoredProfile {
            revision: *revision,
            is_empty: *is_empty,
            week: *week,
            latest,
            words: None,
        },
        // The profile may have been deleted, and versions of it may still be there.
        None if latest.is_some() => StoredProfile {
            revision: 0,
            is_empty: true,
            week: Week::from_number(0),
            latest,
            words: None,
        },
        None => return Ok(None),
    };
    let is_behind = stored.latest.as_ref().is_some_and(|it| it.revision != stored.revision);
    if is_behind && let Some((events, latest)) = events.zip(stored.latest.as_mut()) {
        let shown = profile_versions::find(events, &key, latest.revision)?;
        latest.shown = shown.as_deref().map(crate::store::ShownProfile::read);
    }
    if with_words || is_behind || stored.needs_version() {
        stored.words = state.map(|state| state.words(store)).transpose()?;
    }
    Ok(Some(stored))
}

/// Which of the traits that an event set were set again, or removed, by a later one.
pub(crate) fn outdated(store: &Connection, row: &EventRow) -> rusqlite::Result<Vec<String>> {
    let Some(note) = ProfileNote::read(&row.name, row.properties_json.as_deref()) else {
        return Ok(Vec::new());
    };
    let key = ProfileKey::new(row.user_id.as_deref(), row.anonymous_id.as_deref());
    let state = key.map(|key| State::find(store, &key.to_string())).transpose()?.flatten();
    let Some(state) = state else { return Ok(Vec::new()) };
    let at = SaidAt::new(row.id, row.time_ms, row.received_ms);
    Ok(state.words(store)?.outdated(&note, at))
}

/// Writes profiles.
pub(super) fn save(store: &Connection, profiles: &[ProfileWrite<'_>]) -> rusqlite::Result<()> {
    for write in profiles {
        let key = write.key.to_string();
        let id = if let Some(state) = State::find(store, &key)? {
            update(store, &state, write)?;
            state.id
        } else {
            store
                .prepare_cached(
                    "INSERT INTO profile_states (key, revision, empty, week) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![key, write.revision, write.is_empty, write.week.number()])?;
            store.last_insert_rowid()
        };
        for (name, word) in &write.words {
            save_word(store, id, name, word.as_ref())?;
        }
    }
    Ok(())
}

fn update(store: &Connection, state: &State, write: &ProfileWrite<'_>) -> rusqlite::Result<()> {
    let values = params![state.id, write.revision, write.is_empty, write.week.number()];
    let Some(earlier) = state.earlier.as_ref().filter(|_| !write.words.is_empty()) else {
        store
            .prepare_cached(
                "UPDATE profile_states SET revision = ?2, empty = ?3, week = ?4 WHERE id = ?1",
            )?
            .execute(values)?;
        return Ok(());
    };
    for (name, word) in earlier.words() {
        save_word(store, state.id, name, Some(word))?;
    }
    store
        .prepare_cached(
            "UPDATE profile_states SET revision = ?2, empty = ?3, week = ?4, earlier_words = NULL, \
             earlier_shown = NULL, earlier_ms = NULL WHERE id = ?1",
        )?
        .execute(values)?;
    Ok(())
}

fn save_word(
    store: &Connection,
    profile: i64,
    (subject, name): &WordName,
    word: Option<&Word>,
) -> rusqlite::Result<()> {
    let subject = match subject {
        Subject::Trait => 0,
        Subject::Experiment => 1,
    };
    match word {
        Some(Word { at, json }) => store
            .prepare_cached(
                "INSERT INTO profile_words (profile, subject, name, said_ms, event_id, json) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (profile, subject, name) DO UPDATE SET \
                 said_ms = excluded.said_ms, event_id = excluded.event_id, json = excluded.json",
            )?
            .execute(params![profile, subject, name, at.ms, at.event.0.as_bytes(), json])?,
        None => store
            .prepare_cached(
                "DELETE FROM profile_words WHERE profile = ?1 AND subject = ?2 AND name = ?3",
            )?
            .execute(params![profile, subject, name])?,
    };
    Ok(())
}

/// Profiles whose words an earlier version stored.
const EARLIER: &str = "SELECT id, revision, empty, week, earlier_words, earlier_shown, earlier_ms FROM profile_states \
     WHERE id > ?1 AND (earlier_words IS NOT NULL OR earlier_shown IS NOT NULL OR earlier_ms IS NOT NULL) \
     ORDER BY id LIMIT ?2";

/// Moves the words of profiles to where this version has them, of at most `limit` profiles that
/// come after one. Returns the last of them.
pub(crate) fn settle_earlier(
    store: &mut Connection,
    after: i64,
    limit: u32,
) -> rusqlite::Result<Option<i64>> {
    let transaction = store.transaction()?;
    let states = transaction
        .prepare_cached(EARLIER)?
        .query_map(params![after, limit], State::read)?
        .collect::<rusqlite::Result<Vec<State>>>()?;
    for state in &states {
        for (name, word) in state.earlier.iter().flat_map(Profile::words) {
            save_word(&transaction, state.id, name, Some(word))?;
        }
        transaction
            .prepare_cached(
                "UPDATE profile_states SET earlier_words = NULL, earlier_shown = NULL, earlier_ms = NULL WHERE id = ?1",
            )?
            .execute([state.id])?;
    }
    transaction.commit()?;
    Ok(states.last().map(|state| state.id))
}

/// Deletes profiles of users whose newest event was in a week that ended before `from_ms`, at most
/// `limit`. Returns how many there were.
pub(crate) fn prune(store: &Connection, from_ms: i64, limit: u32) -> rusqlite::Result<usize> {
    let week = Week::of_ms(from_ms).number();
    let ids = store
        .prepare_cached(FORGOTTEN)?
        .query_map(params![week, limit], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<i64>>>()?;
    for id in &ids {
        store.prepare_cached("DELETE FROM profile_words WHERE profile = ?1")?.execute([id])?;
        store.prepare_cached("DELETE FROM profile_states WHERE id = ?1")?.execute([id])?;
    }
    Ok(ids.len())
}

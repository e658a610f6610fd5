//! Versions of profiles, which rows of events refer to. The table `profile_versions` of a file of
//! events.

use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::{Connection, OptionalExtension, params};

use crate::store::apply::VersionWrite;
use crate::store::{LatestVersion, RowId, ShownProfile};

/// The texts that a version adds up to, in their order.
pub(crate) const TEXTS: &str = "SELECT json FROM profile_versions WHERE key = ?1 AND revision BETWEEN \
     (SELECT base FROM profile_versions WHERE key = ?1 AND revision = ?2) AND ?2 ORDER BY revision";
/// The newest version of a profile.
pub(crate) const NEWEST: &str = "SELECT revision, base, changed_bytes FROM profile_versions \
     WHERE key = ?1 ORDER BY revision DESC LIMIT 1";
/// Deletes the versions that the rows in a span refer to and that a later batch wrote.
pub(crate) const UNDO: &str = "DELETE FROM profile_versions WHERE batch > ?1 AND (key, revision) IN \
     (SELECT iif(user_id IS NULL, 'anonymous:' || anonymous_id, 'user:' || user_id), profile_revision \
     FROM events WHERE id BETWEEN ?2 AND ?3 AND profile_revision IS NOT NULL)";

/// What a version shows, if it is there.
pub(crate) fn find(
    events: &Connection,
    key: &str,
    revision: u64,
) -> rusqlite::Result<Option<String>> {
    let mut statement = events.prepare_cached(TEXTS)?;
    let texts = statement.query_map(params![key, revision], |row| row.get(0))?;
    let texts = texts.collect::<rusqlite::Result<Vec<String>>>()?;
    Ok(ShownProfile::add_up(texts.iter().map(String::as_str)))
}

/// The newest version of a profile, without what it shows.
pub(crate) fn newest(events: &Connection, key: &str) -> rusqlite::Result<Option<LatestVersion>> {
    events
        .prepare_cached(NEWEST)?
        .query_row([key], |row| {
            Ok(LatestVersion {
                revision: row.get(0)?,
                base: row.get(1)?,
                changed_bytes: row.get(2)?,
                shown: None,
            })
        })
        .optional()
}

/// Writes versions in a batch.
pub(crate) fn save(
    events: &Connection,
    batch: i64,
    versions: &[VersionWrite<'_>],
) -> rusqlite::Result<()> {
    if versions.is_empty() {
        return Ok(());
    }
    let mut insert = events.prepare_cached(
        "INSERT INTO profile_versions (key, revision, base, changed_bytes, batch, json) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for VersionWrite { key, version } in versions {
        insert.execute(params![
            key.to_string(),
            version.revision,
            version.base,
            version.changed_bytes,
            batch,
            version.json
        ])?;
    }
    Ok(())
}

/// Deletes the versions of batches after `counted`, which wrote the rows in these spans. Each
/// version was written for a row that refers to it.
pub(crate) fn undo(
    events: &Connection,
    counted: i64,
    spans: &[(RowId, RowId)],
) -> rusqlite::Result<()> {
    let mut delete = events.prepare_cached(UNDO)?;
    for (first, last) in spans {
        delete.execute(params![counted, first.0.as_bytes(), last.0.as_bytes()])?;
    }
    Ok(())
}

/// The column `profile` of `event`, a row of `events` in `file`, as SQL. Needs
/// [`add_function`].
pub(crate) fn column(file: &str, event: &str) -> String {
    let key = format!(
        "iif({event}.user_id IS NULL, 'anonymous:' || {event}.anonymous_id, 'user:' || {event}.user_id)"
    );
    format!(
        "iif({event}.profile_revision IS NULL, {event}.profile, \
         (SELECT add_up_profile(version.json ORDER BY version.revision) \
         FROM {file}.profile_versions AS version WHERE version.key = {key} \
         AND version.revision BETWEEN (SELECT base FROM {file}.profile_versions AS last \
         WHERE last.key = {key} AND last.revision = {event}.profile_revision) \
         AND {event}.profile_revision))"
    )
}

/// Adds the function that [`column()`] calls.
pub(crate) fn add_function(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_aggregate_function("add_up_profile", 1, flags, AddUp)
}

/// Adds up the texts of a version.
struct AddUp;

impl Aggregate<Vec<String>, Option<String>> for AddUp {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn step(&self, call: &mut Context<'_>, texts: &mut Vec<String>) -> rusqlite::Result<()> {
        texts.extend(call.get_raw(0).as_str_or_null()?.map(str::to_owned));
        Ok(())
    }

    fn finalize(
        &self,
        _: &mut Context<'_>,
        texts: Option<Vec<String>>,
    ) -> rusqlite::Result<Option<String>> {
        let texts = texts.unwrap_or_default();
        Ok(ShownProfile::add_up(texts.iter().map(String::as_str)))
    }
}

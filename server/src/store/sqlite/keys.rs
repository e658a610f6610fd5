//! Keys, behind the trait.

use rusqlite::{Connection, params};

use super::file::columns::column_error;
use super::store::SqliteStore;
use super::writer::step::Guard;
use crate::store::read_class::ReadClass;
use crate::store::{Answer, Key, KeyKind, KeyRules, Keys};

/// Every key, the oldest first.
pub(crate) fn all(connection: &Connection) -> rusqlite::Result<Vec<Key>> {
    connection
        .prepare_cached(
            "SELECT id, kind, source, hash, public_text, made_ms, disabled_ms, origins_json, bytes_per_s, events_per_s \
             FROM keys ORDER BY made_ms, id",
        )?
        .query_map([], |row| {
            let kind: String = row.get(1)?;
            Ok(Key {
                id: row.get(0)?,
                kind: KeyKind::from_name(&kind).ok_or_else(|| column_error(1, "kind"))?,
                source: row.get(2)?,
                hash: row.get(3)?,
                public_text: row.get(4)?,
                made_ms: row.get(5)?,
                disabled_ms: row.get(6)?,
                rules: KeyRules {
                    origins: read_origins(row.get(7)?)?,
                    bytes_per_s: row.get(8)?,
                    events_per_s: row.get(9)?,
                },
            })
        })?
        .collect()
}

/// Adds `key`, unless one with its hash is there.
pub(crate) fn add(connection: &Connection, key: &Key) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO keys (id, kind, source, hash, public_text, made_ms, disabled_ms, origins_json, bytes_per_s, \
             events_per_s) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            key.id,
            key.kind.name(),
            key.source,
            key.hash,
            key.public_text,
            key.made_ms,
            key.disabled_ms,
            write_origins(&key.rules.origins),
            key.rules.bytes_per_s,
            key.rules.events_per_s
        ])?;
    Ok(())
}

/// Updates what can change of `key`. Returns whether the key exists.
pub(crate) fn change(connection: &Connection, key: &Key) -> rusqlite::Result<bool> {
    let changed = connection
        .prepare_cached(
            "UPDATE keys SET disabled_ms = ?2, origins_json = ?3, bytes_per_s = ?4, events_per_s = ?5 WHERE id = ?1",
        )?
        .execute(params![
            key.id,
            key.disabled_ms,
            write_origins(&key.rules.origins),
            key.rules.bytes_per_s,
            key.rules.events_per_s
        ])?;
    Ok(changed == 1)
}

fn write_origins(origins: &[String]) -> Option<String> {
    (!origins.is_empty()).then(|| serde_json::Value::from(origins).to_string())
}

fn read_origins(json: Option<String>) -> rusqlite::Result<Vec<String>> {
    let Some(json) = json else { return Ok(Vec::new()) };
    serde_json::from_str(&json).map_err(|_| column_error(7, "origins_json"))
}

impl Keys for SqliteStore {
    fn list(&self) -> Answer<'_, Vec<Key>> {
        Box::pin(
            self.readers.read(ReadClass::Summary, "read the keys", |connection| all(connection)),
        )
    }

    fn add(&self, keys: Vec<Key>) -> Answer<'_, ()> {
        Box::pin(self.writer.write("add keys", Guard::Alone, 0, move |files, _| {
            keys.iter().try_for_each(|key| add(files, key))
        }))
    }

    fn add_first(&self, keys: Vec<Key>) -> Answer<'_, Vec<KeyKind>> {
        Box::pin(self.writer.write("add the first keys", Guard::Alone, 0, move |files, _| {
            let known = all(files)?;
            let is_first = |key: &&Key| !known.iter().any(|known| known.kind == key.kind);
            let first: Vec<&Key> = keys.iter().filter(is_first).collect();
            first.iter().try_for_each(|key| add(files, key))?;
            Ok(first.iter().map(|key| key.kind).collect())
        }))
    }

    fn change(&self, key: Key) -> Answer<'_, bool> {
        Box::pin(
            self.writer.write("change a key", Guard::Alone, 0, move |connection, _| {
                change(connection, &key)
            }),
        )
    }
}

//! Keys.

use rusqlite::{Connection, params};

use super::columns::column_error;
use crate::store::{Key, KeyKind};

/// Every key, the oldest first.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<Key>> {
    connection
        .prepare_cached(
            "SELECT id, kind, source, hash, public_text, made_ms, disabled_ms FROM keys ORDER BY made_ms, id",
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
            })
        })?
        .collect()
}

/// Adds `key`, unless one with its hash is there.
pub(super) fn add(connection: &Connection, key: &Key) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO keys VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            key.id,
            key.kind.name(),
            key.source,
            key.hash,
            key.public_text,
            key.made_ms,
            key.disabled_ms
        ])?;
    Ok(())
}

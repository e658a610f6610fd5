//! Sessions of the console, behind the trait.

use rusqlite::{Connection, params};

use super::store::SqliteStore;
use super::writer::step::Guard;
use crate::store::keys::KeyHash;
use crate::store::read_class::ReadClass;
use crate::store::sessions::SESSIONS_MAX;
use crate::store::{Answer, Session, Sessions};

fn list(connection: &Connection, now_ms: i64) -> rusqlite::Result<Vec<Session>> {
    connection
        .prepare_cached(
            "SELECT hash, key_id, made_ms, expires_ms FROM sessions WHERE expires_ms > ?1 \
             ORDER BY expires_ms",
        )?
        .query_map([now_ms], |row| {
            Ok(Session {
                hash: row.get(0)?,
                key_id: row.get(1)?,
                made_ms: row.get(2)?,
                expires_ms: row.get(3)?,
            })
        })?
        .collect()
}

fn add(connection: &Connection, session: &Session) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM sessions WHERE expires_ms <= ?1")?
        .execute([session.made_ms])?;
    connection
        .prepare_cached(
            "DELETE FROM sessions WHERE hash IN (SELECT hash FROM sessions ORDER BY expires_ms DESC \
             LIMIT -1 OFFSET ?1)",
        )?
        .execute([SESSIONS_MAX - 1])?;
    connection
        .prepare_cached(
            "INSERT INTO sessions (hash, key_id, made_ms, expires_ms) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![session.hash, session.key_id, session.made_ms, session.expires_ms])?;
    Ok(())
}

impl Sessions for SqliteStore {
    fn list(&self, now_ms: i64) -> Answer<'_, Vec<Session>> {
        Box::pin(
            self.readers
                .read(ReadClass::Summary, "read the sessions", move |files| list(files, now_ms)),
        )
    }

    fn add(&self, session: Session) -> Answer<'_, ()> {
        Box::pin(
            self.writer
                .write("add a session", Guard::Alone, 0, move |files, _| add(files, &session)),
        )
    }

    fn remove(&self, hash: KeyHash) -> Answer<'_, ()> {
        Box::pin(self.writer.write("remove a session", Guard::Alone, 0, move |files, _| {
            files.prepare_cached("DELETE FROM sessions WHERE hash = ?1")?.execute([hash])?;
            Ok(())
        }))
    }
}

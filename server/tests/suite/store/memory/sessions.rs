//! Sessions.

use lamplight_server::store::keys::KeyHash;
use lamplight_server::store::sessions::SESSIONS_MAX;
use lamplight_server::store::{Answer, Session, Sessions};

use super::events::MemoryEvents;
use super::tables::answer;

impl Sessions for MemoryEvents {
    fn list(&self, now_ms: i64) -> Answer<'_, Vec<Session>> {
        answer(self.tables.read(|tables| {
            let valid = tables.sessions.iter().filter(|session| session.expires_ms > now_ms);
            let mut sessions: Vec<Session> = valid.cloned().collect();
            sessions.sort_by_key(|session| session.expires_ms);
            sessions
        }))
    }

    fn add(&self, session: Session) -> Answer<'_, ()> {
        answer(self.tables.write(|tables| {
            let sessions = &mut tables.sessions;
            sessions.retain(|known| known.expires_ms > session.made_ms);
            sessions.sort_by_key(|known| std::cmp::Reverse(known.expires_ms));
            sessions.truncate(SESSIONS_MAX as usize - 1);
            if !sessions.iter().any(|known| known.hash == session.hash) {
                sessions.push(session);
            }
            Ok(())
        }))
    }

    fn remove(&self, hash: KeyHash) -> Answer<'_, ()> {
        answer(self.tables.write(|tables| {
            tables.sessions.retain(|session| session.hash != hash);
            Ok(())
        }))
    }
}

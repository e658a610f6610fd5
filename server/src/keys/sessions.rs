//! Who is signed in to the console, and one-time links to sign in.
//!
//! Sessions are in memory and in the database, so that a restart signs nobody out. Links are in
//! memory only, and so sign in at the server that made them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use data_encoding::HEXLOWER;

use crate::store::Session;
use crate::store::keys::{KeyHash, hash};
use crate::system::entropy::{Entropy, EntropyError};

/// How long a session lasts, in milliseconds: two weeks.
pub const SESSION_MS: i64 = 14 * 24 * 60 * 60 * 1_000;
/// How long a link can be used, in milliseconds: one hour.
pub const LINK_MS: i64 = 60 * 60 * 1_000;
/// Most links that can be used at a time.
const LINKS_MAX: usize = 16;
/// Random bytes in a secret: 256 bits, so that none can be guessed.
const SECRET_BYTES: usize = 32;

/// Who is signed in.
#[derive(Debug, Default)]
pub struct SessionBook {
    sessions: RwLock<Known>,
    links: Mutex<Vec<Link>>,
}

#[derive(Debug, Default)]
struct Known {
    sessions: HashMap<KeyHash, Session>,
    /// How often sessions were entered and ended here.
    changes: u64,
}

impl Known {
    fn new(sessions: impl IntoIterator<Item = Session>, changes: u64) -> Self {
        let sessions = sessions.into_iter().map(|session| (session.hash, session)).collect();
        Self { sessions, changes }
    }
}

/// A one-time link.
#[derive(Debug)]
struct Link {
    hash: KeyHash,
    key_id: String,
    expires_ms: i64,
}

impl SessionBook {
    /// A book of stored sessions.
    pub fn new(sessions: impl IntoIterator<Item = Session>) -> Self {
        Self { sessions: RwLock::new(Known::new(sessions, 0)), links: Mutex::default() }
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.sessions.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.sessions.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often sessions were entered and ended. Ask before the database is read for
    /// [`Self::replace`].
    pub fn changes(&self) -> u64 {
        self.read().changes
    }

    /// Holds these sessions of the database from here on. Does nothing, and returns false, if any
    /// were entered or ended since `changes`: that may be later than what was read.
    pub fn replace(&self, sessions: impl IntoIterator<Item = Session>, changes: u64) -> bool {
        let mut known = self.write();
        let is_current = known.changes == changes;
        if is_current {
            *known = Known::new(sessions, changes);
        }
        is_current
    }

    /// Makes a session for a token. Returns it, and the secret for its cookie. It counts once it
    /// is [entered](Self::enter).
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn make(
        key_id: &str,
        now_ms: i64,
        entropy: &dyn Entropy,
    ) -> Result<(Session, String), EntropyError> {
        let secret = secret(entropy)?;
        let (key_id, expires_ms) = (key_id.to_owned(), now_ms.saturating_add(SESSION_MS));
        Ok((Session { hash: hash(&secret), key_id, made_ms: now_ms, expires_ms }, secret))
    }

    /// Enters a session, and forgets those that have ended.
    pub fn enter(&self, session: Session) {
        let mut known = self.write();
        known.changes = known.changes.wrapping_add(1);
        known.sessions.retain(|_, known| known.expires_ms > session.made_ms);
        known.sessions.insert(session.hash, session);
    }

    /// The session with this secret, unless it has ended.
    ///
    /// The time it takes reveals at most a few bits of the secret's SHA-256, which do not help to
    /// guess it.
    pub fn find(&self, secret: &str, now_ms: i64) -> Option<Session> {
        let known = self.read();
        known.sessions.get(&hash(secret)).filter(|session| session.expires_ms > now_ms).cloned()
    }

    /// Ends a session.
    pub fn end(&self, hash: &KeyHash) {
        let mut known = self.write();
        known.changes = known.changes.wrapping_add(1);
        known.sessions.remove(hash);
    }

    /// Makes a link that signs in once as the token with this id. Returns its code.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn make_link(
        &self,
        key_id: &str,
        now_ms: i64,
        entropy: &dyn Entropy,
    ) -> Result<String, EntropyError> {
        let code = secret(entropy)?;
        let expires_ms = now_ms.saturating_add(LINK_MS);
        let link = Link { hash: hash(&code), key_id: key_id.to_owned(), expires_ms };
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.retain(|link| link.expires_ms > now_ms);
        if links.len() >= LINKS_MAX {
            links.remove(0);
        }
        links.push(link);
        Ok(code)
    }

    /// Uses up a link. Returns the id of its token, unless the link is unknown, used or too old.
    pub fn use_link(&self, code: &str, now_ms: i64) -> Option<String> {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = hash(code);
        let at = links.iter().position(|link| link.hash == wanted)?;
        let link = links.remove(at);
        (link.expires_ms > now_ms).then_some(link.key_id)
    }
}

fn secret(entropy: &dyn Entropy) -> Result<String, EntropyError> {
    let mut random = [0; SECRET_BYTES];
    entropy.fill(&mut random)?;
    Ok(HEXLOWER.encode(&random))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::entropy::SystemEntropy;

    #[test]
    fn a_session_counts_until_it_ends() {
        let book = SessionBook::default();
        let (session, secret) = SessionBook::make("at_1", 1_000, &SystemEntropy).unwrap();
        assert_eq!(book.find(&secret, 1_000), None, "it is not entered yet");
        book.enter(session.clone());
        assert_eq!(book.find(&secret, 1_000 + SESSION_MS - 1), Some(session.clone()));
        assert_eq!(book.find(&secret, 1_000 + SESSION_MS), None);
        assert_eq!(book.find("", 1_000), None);
        book.end(&session.hash);
        assert_eq!(book.find(&secret, 1_000), None);
    }

    #[test]
    fn what_was_read_before_a_sign_out_signs_nobody_in_again() {
        let (session, secret) = SessionBook::make("at_1", 0, &SystemEntropy).unwrap();
        let book = SessionBook::new([session.clone()]);
        let before = book.changes();
        book.end(&session.hash);
        assert!(!book.replace([session.clone()], before));
        assert_eq!(book.find(&secret, 1), None);
        assert!(book.replace([session.clone()], book.changes()));
        assert_eq!(book.find(&secret, 1), Some(session));
    }

    #[test]
    fn a_link_signs_in_once_and_for_an_hour() {
        let book = SessionBook::default();
        let code = book.make_link("at_1", 0, &SystemEntropy).unwrap();
        assert_eq!(book.use_link("00", 1), None);
        assert_eq!(book.use_link(&code, 1).as_deref(), Some("at_1"));
        assert_eq!(book.use_link(&code, 1), None);
        let late = book.make_link("at_1", 0, &SystemEntropy).unwrap();
        assert_eq!(book.use_link(&late, LINK_MS), None);
    }

    #[test]
    fn only_a_few_links_are_valid_at_a_time() {
        let book = SessionBook::default();
        let codes: Vec<String> =
            (0..=LINKS_MAX).map(|_| book.make_link("at_1", 0, &SystemEntropy).unwrap()).collect();
        assert_eq!(book.use_link(&codes[0], 1), None);
        assert!(codes[1..].iter().all(|code| book.use_link(code, 1).is_some()));
    }
}

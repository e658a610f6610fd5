//! Sessions of the console. Of a session's secret only the hash is stored.

use super::Answer;
use super::keys::KeyHash;

/// Most sessions that are stored. A new one takes the place of the one that ends first.
pub const SESSIONS_MAX: u32 = 1_000;

/// Someone who is signed in to the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The hash of the secret in its cookie.
    pub hash: KeyHash,
    /// The id of the token that it acts for.
    pub key_id: String,
    /// When it began, in milliseconds since 1970.
    pub made_ms: i64,
    /// When it ends, in milliseconds since 1970.
    pub expires_ms: i64,
}

/// The stored sessions.
pub trait Sessions: Send + Sync + 'static {
    /// Those that end after `now_ms`.
    fn list(&self, now_ms: i64) -> Answer<'_, Vec<Session>>;

    /// Adds a session, and removes those that ended before it began, and more than
    /// [`SESSIONS_MAX`].
    fn add(&self, session: Session) -> Answer<'_, ()>;

    /// Removes the session with this hash, if there is one.
    fn remove(&self, hash: KeyHash) -> Answer<'_, ()>;
}

//! The browser session: an id that all tabs share until half an hour passes without an event.
//!
//! It only groups events. Two tabs that wake at the same moment may start two sessions, which is
//! harmless.

use lamplight_wire::json;
use lamplight_wire::producer::{WORD_CHARS, push_digits};

use crate::keys::StorageKeys;
use crate::ports::{Rng, Storage};
use crate::text;

/// How long a session lives without an event, in milliseconds.
pub const IDLE_MS_MAX: u64 = 30 * 60 * 1_000;
/// How often its time in storage is updated, in milliseconds.
const WRITE_MS: u64 = 60_000;
/// The length of a session's id: 60 random bits.
const ID_CHARS: usize = WORD_CHARS as usize;

/// What one tab knows about the session. Times are wall times, because they are compared across
/// page loads.
#[derive(Debug, Default)]
pub struct Session {
    id: String,
    last_ms: u64,
    written_ms: u64,
}

impl Session {
    /// The session that an event at `now_ms` belongs to.
    pub fn touch<P: Storage + Rng>(
        &mut self,
        ports: &mut P,
        keys: &StorageKeys,
        now_ms: u64,
    ) -> &str {
        if self.id.is_empty() || !is_live(self.last_ms, now_ms) {
            self.load_or_create(ports, keys, now_ms);
        }
        self.last_ms = now_ms;
        if now_ms.abs_diff(self.written_ms) >= WRITE_MS {
            self.written_ms = now_ms;
            let mut value = String::new();
            json::push_integer(&mut value, now_ms);
            value.push(':');
            value.push_str(&self.id);
            // Without storage, each page has its own session.
            let _ = ports.set(&keys.session(), &value);
        }
        &self.id
    }

    /// Joins the session of another page, or starts one.
    fn load_or_create<P: Storage + Rng>(&mut self, ports: &mut P, keys: &StorageKeys, now_ms: u64) {
        let known = ports.get(&keys.session());
        let known = known.as_deref().and_then(|value| text::split_once(value, b':'));
        if let Some((last_ms, id)) = known
            && id.len() == ID_CHARS
            && text::parse_number(last_ms).is_some_and(|last_ms| is_live(last_ms, now_ms))
        {
            self.id = String::from(id);
        } else {
            self.id = random_id(ports);
            self.written_ms = 0;
        }
    }

    /// What [`Session::restore`] takes.
    pub(crate) fn parts(&self) -> (u64, u64, &str) {
        (self.last_ms, self.written_ms, &self.id)
    }

    /// Continues the session of another client.
    pub(crate) fn restore(&mut self, last_ms: u64, written_ms: u64, id: &str) {
        *self = Self { id: String::from(id), last_ms, written_ms };
    }

    /// Ends the session: the next event starts a new one.
    pub fn end(&mut self, storage: &mut impl Storage, keys: &StorageKeys) {
        *self = Self::default();
        storage.remove(&keys.session());
    }
}

/// Setting the clock back does not end a session.
fn is_live(last_ms: u64, now_ms: u64) -> bool {
    now_ms < last_ms.saturating_add(IDLE_MS_MAX)
}

/// An id of 60 random bits.
pub(crate) fn random_id(rng: &mut impl Rng) -> String {
    let bits = (u64::from(rng.random_bits()) << 32) | u64::from(rng.random_bits());
    let mut id = String::new();
    push_digits(&mut id, bits, WORD_CHARS);
    id
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::StorageError;
    use std::collections::BTreeMap;

    #[derive(Default)]
    struct Origin(BTreeMap<String, String>, u32);

    impl Storage for Origin {
        fn get(&self, key: &str) -> Option<String> {
            self.0.get(key).cloned()
        }
        fn size(&self, key: &str) -> usize {
            self.0.get(key).map_or(0, String::len)
        }
        fn set(&mut self, key: &str, value: &str) -> Result<(), StorageError> {
            self.0.insert(key.into(), value.into());
            Ok(())
        }
        fn remove(&mut self, key: &str) {
            self.0.remove(key);
        }
        fn keys(&self, _prefix: &str) -> Vec<String> {
            self.0.keys().cloned().collect()
        }
    }

    impl Rng for Origin {
        fn random_bits(&mut self) -> u32 {
            self.1 += 1;
            self.1.wrapping_mul(2_654_435_761)
        }
    }

    const START_MS: u64 = 1_800_000_000_000;

    #[test]
    fn tabs_share_a_session_until_half_an_hour_passes_without_an_event() {
        let (mut origin, keys) = (Origin::default(), StorageKeys::new("n"));
        let (mut one, mut two) = (Session::default(), Session::default());
        let first = one.touch(&mut origin, &keys, START_MS).to_owned();
        assert_eq!(two.touch(&mut origin, &keys, START_MS + 20 * 60_000), first);
        // The first tab was idle while the second continued.
        assert_eq!(one.touch(&mut origin, &keys, START_MS + 45 * 60_000), first);
        assert_ne!(one.touch(&mut origin, &keys, START_MS + 75 * 60_000), first);
    }

    #[test]
    fn the_session_is_written_at_most_once_a_minute() {
        let (mut origin, keys) = (Origin::default(), StorageKeys::new("n"));
        let mut session = Session::default();
        session.touch(&mut origin, &keys, START_MS);
        let written = origin.get(&keys.session());
        session.touch(&mut origin, &keys, START_MS + 59_999);
        assert_eq!(origin.get(&keys.session()), written);
        session.touch(&mut origin, &keys, START_MS + 60_000);
        assert_ne!(origin.get(&keys.session()), written);
    }

    #[test]
    fn setting_the_clock_back_keeps_the_session_and_forward_starts_a_new_one() {
        let (mut origin, keys) = (Origin::default(), StorageKeys::new("n"));
        let mut session = Session::default();
        let first = session.touch(&mut origin, &keys, START_MS).to_owned();
        assert_eq!(session.touch(&mut origin, &keys, START_MS - 86_400_000), first);
        assert_ne!(session.touch(&mut origin, &keys, START_MS + 86_400_000), first);
    }

    #[test]
    fn malformed_stored_sessions_are_ignored() {
        let (mut origin, keys) = (Origin::default(), StorageKeys::new("n"));
        for value in ["", "x", "1:", ":abcdefghijkl", "1800000000000:short"] {
            origin.set(&keys.session(), value).unwrap();
            let mut session = Session::default();
            assert_eq!(session.touch(&mut origin, &keys, START_MS).len(), ID_CHARS, "{value}");
        }
    }
}

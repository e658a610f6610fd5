//! All keys, in memory. Every request is checked against them.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use subtle::ConstantTimeEq;

use crate::keys::origin_pattern::AllowedOrigins;
use crate::keys::rate_limit::{Meter, Rates};
use crate::store::Key;
use crate::store::keys::hash;

/// A key, with the measurement of its use.
#[derive(Debug)]
pub struct HeldKey {
    /// The key as it is stored.
    pub key: Key,
    /// The origins whose pages may use it.
    pub origins: AllowedOrigins,
    /// How much may be sent with it in a second.
    pub rates: Rates,
    /// How much was sent with it recently.
    pub meter: Meter,
}

/// All keys, including disabled ones.
#[derive(Debug, Default)]
pub struct Keyring(RwLock<Ring>);

#[derive(Debug, Default)]
struct Ring {
    /// The keys of the database.
    stored: HashMap<Place, Arc<HeldKey>>,
    /// Those that are valid in this process only.
    lent: HashMap<Place, Arc<HeldKey>>,
    /// How often the keys of the database were changed here.
    changes: u64,
}

/// The beginning of a key's hash.
type Place = [u8; 8];

impl Ring {
    fn get(&self, place: Place) -> Option<&Arc<HeldKey>> {
        self.stored.get(&place).or_else(|| self.lent.get(&place))
    }

    fn all(&self) -> impl Iterator<Item = &Arc<HeldKey>> {
        self.stored.values().chain(self.lent.values())
    }
}

impl HeldKey {
    fn new(key: Key) -> Self {
        let origins = AllowedOrigins::new(&key.rules.origins);
        let rates = Rates::of(key.kind, &key.rules);
        Self { key, origins, rates, meter: Meter::default() }
    }
}

impl Keyring {
    /// A keyring of the keys of the database.
    pub fn new(keys: impl IntoIterator<Item = Key>) -> Self {
        let ring = Self::default();
        keys.into_iter().for_each(|key| ring.put(key));
        ring
    }

    fn read(&self) -> RwLockReadGuard<'_, Ring> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Ring> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a key that the database has now, or replaces the one with the same text.
    pub fn put(&self, key: Key) {
        let mut ring = self.write();
        ring.changes = ring.changes.wrapping_add(1);
        ring.stored.insert(place(&key.hash), Arc::new(HeldKey::new(key)));
    }

    /// Adds a key that no database has, until this process ends.
    pub fn lend(&self, key: Key) {
        self.write().lent.insert(place(&key.hash), Arc::new(HeldKey::new(key)));
    }

    /// How often keys were [put](Self::put). Ask before the database is read for
    /// [`Self::replace`].
    pub fn changes(&self) -> u64 {
        self.read().changes
    }

    /// Holds these keys of the database from here on. Those that are the same keep what was
    /// measured. Does nothing, and returns false, if keys were put since `changes`: they may be
    /// later than what was read.
    pub fn replace(&self, keys: impl IntoIterator<Item = Key>, changes: u64) -> bool {
        let mut ring = self.write();
        if ring.changes != changes {
            return false;
        }
        let held = keys.into_iter().map(|key| {
            let place = place(&key.hash);
            let same = ring.stored.get(&place).filter(|held| held.key == key).map(Arc::clone);
            (place, same.unwrap_or_else(|| Arc::new(HeldKey::new(key))))
        });
        ring.stored = held.collect();
        true
    }

    /// The key with this text.
    ///
    /// The time it takes reveals at most a few bits of the text's SHA-256, which do not help to
    /// guess a key.
    pub fn find(&self, text: &str) -> Option<Arc<HeldKey>> {
        let hash = hash(text);
        let ring = self.read();
        let held = ring.get(place(&hash))?;
        bool::from(held.key.hash.ct_eq(&hash)).then(|| Arc::clone(held))
    }

    /// Every key.
    pub fn all(&self) -> Vec<Key> {
        self.read().all().map(|held| held.key.clone()).collect()
    }

    /// The key with this id.
    pub fn find_id(&self, id: &str) -> Option<Arc<HeldKey>> {
        self.read().all().find(|held| held.key.id == id).map(Arc::clone)
    }

    /// Whether a key that was found earlier is still valid for the same use.
    pub fn is_valid(&self, held: &HeldKey) -> bool {
        let ring = self.read();
        let now = ring.get(place(&held.key.hash));
        now.is_some_and(|now| now.key.kind == held.key.kind && now.key.disabled_ms.is_none())
    }
}

fn place(hash: &[u8; 32]) -> Place {
    let mut place = [0; 8];
    place.copy_from_slice(&hash[..8]);
    place
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::KeyKind;

    fn key(text: &str) -> Key {
        Key::new(KeyKind::Secret, "backend", text, 0)
    }

    #[test]
    fn keys_that_others_made_changed_or_deleted_are_taken_over() {
        let ring = Keyring::new([key("same"), key("changed"), key("deleted")]);
        ring.lend(key("lent"));
        let (same, deleted) = (ring.find("same").unwrap(), ring.find("deleted").unwrap());
        let disabled = Key { disabled_ms: Some(1), ..key("changed") };
        assert!(ring.replace([key("same"), disabled.clone(), key("made")], ring.changes()));
        assert!(Arc::ptr_eq(&same, &ring.find("same").unwrap()), "its measurement goes on");
        assert_eq!(ring.find("changed").unwrap().key, disabled);
        assert!(ring.find("made").is_some() && ring.find("lent").is_some());
        assert!(ring.find("deleted").is_none() && !ring.is_valid(&deleted));
        assert_eq!(ring.all().len(), 4);
    }

    #[test]
    fn what_was_read_before_a_change_of_this_server_is_not_taken_over() {
        let ring = Keyring::new([key("known")]);
        let before = ring.changes();
        ring.put(key("made"));
        assert!(!ring.replace([key("known")], before));
        assert!(ring.find("made").is_some());
        assert!(ring.replace([key("known"), key("made")], ring.changes()));
    }
}

//! All keys, in memory. Every request is checked against them.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

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
pub struct Keyring(RwLock<HashMap<[u8; 8], Arc<HeldKey>>>);

impl Keyring {
    /// A keyring of `keys`.
    pub fn new(keys: impl IntoIterator<Item = Key>) -> Self {
        let ring = Self::default();
        keys.into_iter().for_each(|key| ring.put(key));
        ring
    }

    /// Adds a key, or replaces the one with the same text, until this process ends.
    pub fn put(&self, key: Key) {
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let origins = AllowedOrigins::new(&key.rules.origins);
        let rates = Rates::of(key.kind, &key.rules);
        let held = HeldKey { key, origins, rates, meter: Meter::default() };
        keys.insert(place(&held.key.hash), Arc::new(held));
    }

    /// The key with this text.
    ///
    /// The time it takes reveals at most a few bits of the text's SHA-256, which do not help to
    /// guess a key.
    pub fn find(&self, text: &str) -> Option<Arc<HeldKey>> {
        let hash = hash(text);
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let held = keys.get(&place(&hash))?;
        bool::from(held.key.hash.ct_eq(&hash)).then(|| Arc::clone(held))
    }

    /// Every key.
    pub fn all(&self) -> Vec<Key> {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        keys.values().map(|held| held.key.clone()).collect()
    }

    /// The key with this id.
    pub fn find_id(&self, id: &str) -> Option<Arc<HeldKey>> {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        keys.values().find(|held| held.key.id == id).map(Arc::clone)
    }

    /// Whether a key that was found earlier is still valid for the same use.
    pub fn is_valid(&self, held: &HeldKey) -> bool {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let now = keys.get(&place(&held.key.hash));
        now.is_some_and(|now| now.key.kind == held.key.kind && now.key.disabled_ms.is_none())
    }
}

fn place(hash: &[u8; 32]) -> [u8; 8] {
    let mut place = [0; 8];
    place.copy_from_slice(&hash[..8]);
    place
}

//! Who uses this browser: a random anonymous id that all tabs share, and the user id that the
//! page's code gave.

use lamplight_wire::json;

use crate::identity::session::random_id;
use crate::keys::StorageKeys;
use crate::ports::{Rng, Storage};
use crate::text;

/// What one tab knows about the person.
#[derive(Debug, Default)]
pub struct Person {
    anonymous_id: String,
    /// Escaped as inside a JSON string.
    id: String,
    /// The event's `user` object; empty until it is needed.
    json: String,
    /// Storage has held this person, so a different value there was written by another tab.
    is_stored: bool,
}

impl Person {
    /// The `user` object's JSON text.
    pub fn json<P: Storage + Rng>(&mut self, ports: &mut P, keys: &StorageKeys) -> &str {
        if self.json.is_empty() {
            self.load_or_create(ports, keys);
        }
        &self.json
    }

    /// Sets the user id in this browser, for this page and later ones.
    pub fn identify<P: Storage + Rng>(&mut self, ports: &mut P, keys: &StorageKeys, id: &str) {
        self.json(ports, keys);
        self.id = String::from(id);
        self.write(ports, keys);
    }

    /// Starts a new anonymous person, which other tabs read from storage.
    pub fn reset<P: Storage + Rng>(&mut self, ports: &mut P, keys: &StorageKeys) {
        self.id.clear();
        self.create(ports, keys);
    }

    /// Deletes the person here and in storage.
    pub fn forget(&mut self, storage: &mut impl Storage, keys: &StorageKeys) {
        *self = Self::default();
        storage.remove(&keys.person());
    }

    /// Takes over a person that another tab identified or started. Returns whether it is a
    /// different person.
    pub(crate) fn sync(&mut self, storage: &impl Storage, keys: &StorageKeys) -> bool {
        // A person that was never needed is loaded on first use. A missing key changes nothing:
        // some Firefox pages cannot read stored keys, and deleting a person is announced by other
        // means.
        let known = self.is_stored.then(|| storage.get(&keys.person())).flatten();
        let Some(known) = known.filter(|known| *known != self.value()) else { return false };
        let before = self.anonymous_id.clone();
        self.restore(&known, true);
        self.anonymous_id != before
    }

    fn load_or_create<P: Storage + Rng>(&mut self, ports: &mut P, keys: &StorageKeys) {
        let known = ports.get(&keys.person());
        if !self.restore(known.as_deref().unwrap_or_default(), true) {
            self.create(ports, keys);
        }
    }

    fn create<P: Storage + Rng>(&mut self, ports: &mut P, keys: &StorageKeys) {
        self.anonymous_id = random_id(ports);
        self.write(ports, keys);
    }

    /// Takes the person in `value`; returns whether there is one. `is_stored` says whether it came
    /// from storage.
    pub(crate) fn restore(&mut self, value: &str, is_stored: bool) -> bool {
        let known =
            text::split_once(value, b':').filter(|(anonymous_id, _)| !anonymous_id.is_empty());
        if let Some((anonymous_id, id)) = known {
            self.anonymous_id = String::from(anonymous_id);
            self.id = String::from(id);
            self.is_stored = is_stored;
            self.render_json();
        }
        known.is_some()
    }

    /// Whether other tabs find this person in storage.
    pub(crate) const fn is_stored(&self) -> bool {
        self.is_stored
    }

    /// The person as it is stored.
    pub(crate) fn value(&self) -> String {
        let mut value = self.anonymous_id.clone();
        value.push(':');
        value.push_str(&self.id);
        value
    }

    fn write(&mut self, storage: &mut impl Storage, keys: &StorageKeys) {
        let value = self.value();
        // Without storage, each page has its own person.
        self.is_stored = storage.set(&keys.person(), &value).is_ok();
        self.render_json();
    }

    fn render_json(&mut self) {
        self.json.clear();
        self.json.push('{');
        if !self.id.is_empty() {
            self.json.push_str("\"id\":");
            json::push_quoted(&mut self.json, &self.id);
            self.json.push(',');
        }
        self.json.push_str("\"anonymous_id\":");
        json::push_quoted(&mut self.json, &self.anonymous_id);
        self.json.push('}');
    }
}

//! Who uses this browser: a random name that all tabs share, and the id that the page's code gave.

use lamplight_wire::json;

use crate::identity::session::random_name;
use crate::keys::Keys;
use crate::ports::{Rng, Storage};
use crate::text;

/// What one tab knows of the person.
#[derive(Debug, Default)]
pub struct Person {
    anonymous: String,
    /// As it stands inside a JSON string.
    id: String,
    /// The event's `user` object; empty until it is asked for.
    json: String,
    /// Whether storage has held this person: then what it holds now is what another tab made of it.
    is_stored: bool,
}

impl Person {
    /// The `user` object's JSON text.
    pub fn json<P: Storage + Rng>(&mut self, ports: &mut P, keys: &Keys) -> &str {
        if self.json.is_empty() {
            self.load_or_create(ports, keys);
        }
        &self.json
    }

    /// Names the person on this browser, from now on and after the page.
    pub fn identify<P: Storage + Rng>(&mut self, ports: &mut P, keys: &Keys, id: &str) {
        self.json(ports, keys);
        self.id = String::from(id);
        self.write(ports, keys);
    }

    /// Later events are somebody else's, attribution_of name other tabs load_or_create.
    pub fn reset<P: Storage + Rng>(&mut self, ports: &mut P, keys: &Keys) {
        self.id.clear();
        self.create(ports, keys);
    }

    /// Forgets the person, and leaves nobody in storage.
    pub fn forget(&mut self, storage: &mut impl Storage, keys: &Keys) {
        *self = Self::default();
        storage.remove(&keys.person());
    }

    /// Follows another tab that named the person or began another. Says whether it is another.
    pub(crate) fn sync(&mut self, storage: &impl Storage, keys: &Keys) -> bool {
        // Somebody who was never asked for is found when that happens. A key that is gone says nothing: Firefox has pages
        // that cannot read what is there, and whoever forgets a person says so by other means.
        let known = self.is_stored.then(|| storage.get(&keys.person())).flatten();
        let Some(known) = known.filter(|known| *known != self.value()) else { return false };
        let before = self.anonymous.clone();
        self.restore(&known, true);
        self.anonymous != before
    }

    fn load_or_create<P: Storage + Rng>(&mut self, ports: &mut P, keys: &Keys) {
        let known = ports.get(&keys.person());
        if !self.restore(known.as_deref().unwrap_or_default(), true) {
            self.create(ports, keys);
        }
    }

    fn create<P: Storage + Rng>(&mut self, ports: &mut P, keys: &Keys) {
        self.anonymous = random_name(ports);
        self.write(ports, keys);
    }

    /// Takes up the person that another left, in storage if `is_stored`; says whether there was one.
    pub(crate) fn restore(&mut self, value: &str, is_stored: bool) -> bool {
        let known = text::split_once(value, b':').filter(|(anonymous, _)| !anonymous.is_empty());
        if let Some((anonymous, id)) = known {
            self.anonymous = String::from(anonymous);
            self.id = String::from(id);
            self.is_stored = is_stored;
            self.render_json();
        }
        known.is_some()
    }

    /// Whether other tabs load_or_create it in storage.
    pub(crate) const fn is_stored(&self) -> bool {
        self.is_stored
    }

    /// The person as it stands in storage.
    pub(crate) fn value(&self) -> String {
        let mut value = self.anonymous.clone();
        value.push(':');
        value.push_str(&self.id);
        value
    }

    fn write(&mut self, storage: &mut impl Storage, keys: &Keys) {
        let value = self.value();
        // Without storage the page has a person of its own.
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
        json::push_quoted(&mut self.json, &self.anonymous);
        self.json.push('}');
    }
}

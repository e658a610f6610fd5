//! Who uses this browser: a random name that all tabs share, and the id that the page's code gave.

use lamplight_wire::json;

use crate::keys::Keys;
use crate::ports::{Rng, Storage};
use crate::session::random_name;
use crate::text;

/// What one tab knows of the person.
#[derive(Debug, Default)]
pub struct Person {
    anonymous: String,
    id: String,
    /// The event's `user` object; empty until it is asked for.
    json: String,
}

impl Person {
    /// The `user` object's JSON text.
    pub fn json<P: Storage + Rng>(&mut self, ports: &mut P, keys: &Keys) -> &str {
        if self.json.is_empty() {
            self.find(ports, keys);
        }
        &self.json
    }

    /// Names the person on this browser, from now on and after the page.
    pub fn identify<P: Storage + Rng>(&mut self, ports: &mut P, keys: &Keys, id: &str) {
        self.json(ports, keys);
        self.id = String::from(id);
        self.write(ports, keys);
    }

    /// Forgets the person: later events are somebody else's.
    pub fn reset(&mut self, storage: &mut impl Storage, keys: &Keys) {
        *self = Self::default();
        storage.remove(&keys.person());
    }

    fn find<P: Storage + Rng>(&mut self, ports: &mut P, keys: &Keys) {
        let known = ports.get(&keys.person());
        if !self.resume(known.as_deref().unwrap_or_default()) {
            self.anonymous = random_name(ports);
            self.write(ports, keys);
        }
    }

    /// Takes up the person that another left; says whether there was one.
    pub(crate) fn resume(&mut self, value: &str) -> bool {
        let known = text::cut(value, b':').filter(|(anonymous, _)| !anonymous.is_empty());
        if let Some((anonymous, id)) = known {
            self.anonymous = String::from(anonymous);
            self.id = String::from(id);
            self.compose();
        }
        known.is_some()
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
        let _ = storage.set(&keys.person(), &value);
        self.compose();
    }

    fn compose(&mut self) {
        self.json.clear();
        self.json.push('{');
        if !self.id.is_empty() {
            self.json.push_str("\"id\":");
            json::push_string(&mut self.json, &self.id);
            self.json.push(',');
        }
        self.json.push_str("\"anonymous_id\":");
        json::push_string(&mut self.json, &self.anonymous);
        self.json.push('}');
    }
}

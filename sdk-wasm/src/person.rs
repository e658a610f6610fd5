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
        match known.as_deref().and_then(|value| text::cut(value, b':')) {
            Some((anonymous, id)) if !anonymous.is_empty() => {
                self.anonymous = String::from(anonymous);
                self.id = String::from(id);
                self.compose();
            }
            _ => {
                self.anonymous = random_name(ports);
                self.write(ports, keys);
            }
        }
    }

    fn write(&mut self, storage: &mut impl Storage, keys: &Keys) {
        let mut value = self.anonymous.clone();
        value.push(':');
        value.push_str(&self.id);
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

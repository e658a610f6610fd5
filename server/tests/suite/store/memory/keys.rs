//! Keys.

use lamplight_server::store::{Answer, Key, Keys};

use super::events::MemoryEvents;
use super::tables::answer;

impl Keys for MemoryEvents {
    fn list(&self) -> Answer<'_, Vec<Key>> {
        answer(self.tables.read(|tables| {
            let mut keys = tables.keys.clone();
            keys.sort_by(|a, b| (a.made_ms, &a.id).cmp(&(b.made_ms, &b.id)));
            keys
        }))
    }

    fn add(&self, keys: Vec<Key>) -> Answer<'_, ()> {
        answer(self.tables.write(|tables| {
            for key in keys {
                if !tables.keys.iter().any(|known| known.hash == key.hash) {
                    tables.keys.push(key);
                }
            }
            Ok(())
        }))
    }

    fn change(&self, key: Key) -> Answer<'_, bool> {
        answer(self.tables.write(|tables| {
            let Some(known) = tables.keys.iter_mut().find(|known| known.id == key.id) else {
                return Ok(false);
            };
            (known.disabled_ms, known.rules) = (key.disabled_ms, key.rules);
            Ok(true)
        }))
    }
}

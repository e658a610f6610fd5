//! Keys.

use lamplight_server::store::{Answer, Key, KeyKind, Keys};

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

    fn add_first(&self, keys: Vec<Key>) -> Answer<'_, Vec<KeyKind>> {
        answer(self.tables.write(|tables| {
            let is_first = |key: &Key| !tables.keys.iter().any(|known| known.kind == key.kind);
            let first: Vec<Key> = keys.into_iter().filter(is_first).collect();
            let kinds = first.iter().map(|key| key.kind).collect();
            tables.keys.extend(first);
            Ok(kinds)
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

//! `localStorage`.

use super::{Browser, js};
use crate::ports::{Refusal, Storage};

impl Storage for Browser {
    fn get(&self, key: &str) -> Option<String> {
        self.storage.as_ref()?.get_item(key).ok().flatten()
    }

    fn size(&self, key: &str) -> usize {
        let item = self.storage.as_ref().and_then(|storage| js::item(storage, key));
        item.map_or(0, |text| text.length() as usize)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), Refusal> {
        let storage = self.storage.as_ref().ok_or(Refusal::Blocked)?;
        storage.set_item(key, value).map_err(|_| Refusal::Full)
    }

    fn remove(&mut self, key: &str) {
        if let Some(storage) = &self.storage {
            // Storage that was taken away meanwhile has nothing left to remove.
            let _ = storage.remove_item(key);
        }
    }

    fn keys(&self, prefix: &str) -> Vec<String> {
        let Some(storage) = &self.storage else { return Vec::new() };
        // One call for all names: `key(i)` walks the table anew for each in some browsers.
        js::object_keys(storage)
            .unwrap_or_default()
            .iter()
            .filter_map(|name| name.as_string())
            .filter(|name| name.starts_with(prefix))
            .collect()
    }
}

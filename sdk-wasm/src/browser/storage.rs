//! `localStorage`.

use js_sys::JsString;
use wasm_bindgen::{JsCast, JsValue};

use super::{Browser, js};
use crate::ports::{Refusal, Storage};
use crate::text;

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
        let items: &js::Items = storage.unchecked_ref();
        let name = match numbered(key) {
            Some((prefix, number)) => {
                if self.prefix.0 != prefix {
                    self.prefix = (String::from(prefix), JsString::from(prefix));
                }
                self.prefix.1.concat(&JsValue::from(number))
            }
            None => JsString::from(key),
        };
        items.set(&name, value).map_err(|_| Refusal::Full)
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

/// A key that ends in a number, as what stands before it and the number: the first part is the same for all events of
/// a page and crosses into JavaScript once.
fn numbered(key: &str) -> Option<(&str, u32)> {
    let at = key.bytes().rposition(|byte| byte == b':')?;
    let (prefix, number) = key.split_at_checked(at + 1)?;
    Some((prefix, u32::try_from(text::number(number)?).ok()?))
}

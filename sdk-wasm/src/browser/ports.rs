//! The ports on top of web APIs.

use js_sys::{Date, Math};
use lamplight_wire::Producer;
use wasm_bindgen::prelude::*;
use web_sys::Performance;

use super::requests::QueuedRequest;
use super::web_lock::WebLockChange;
use super::{Browser, clients};
use crate::ports::{
    Clock, FullClientLoader, Keepalive, Liveness, Overflow, OverflowOperation, Rng, Storage,
    StorageError, Transport,
};
use crate::text;

#[wasm_bindgen(module = "/src/browser/storage.js")]
extern "C" {
    #[wasm_bindgen(catch)]
    fn size(storage: &web_sys::Storage, key: &str) -> Result<u32, JsValue>;
    fn keys(storage: &web_sys::Storage, prefix: &str) -> String;
    #[wasm_bindgen(js_name = sizeExcluding)]
    fn size_excluding(storage: &web_sys::Storage, prefix: &str, own: &str) -> u32;
}

impl Storage for Browser {
    fn get(&self, key: &str) -> Option<String> {
        self.storage.as_ref()?.get_item(key).ok()?
    }

    fn size(&self, key: &str) -> usize {
        self.storage.as_ref().and_then(|storage| size(storage, key).ok()).unwrap_or(0) as usize
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), StorageError> {
        let storage = self.storage.as_ref().ok_or(StorageError::Blocked)?;
        storage.set_item(key, value).map_err(|_| StorageError::QuotaExceeded)
    }

    fn remove(&mut self, key: &str) {
        if let Some(storage) = &self.storage {
            let _ = storage.remove_item(key);
        }
    }

    fn keys(&self, prefix: &str) -> Vec<String> {
        let mut names = Vec::new();
        if let Some(storage) = &self.storage {
            text::for_each_line(&keys(storage, prefix), |name| names.push(String::from(name)));
        }
        names
    }

    fn size_excluding(&self, prefix: &str, own: &str) -> usize {
        self.storage.as_ref().map_or(0, |storage| size_excluding(storage, prefix, own) as usize)
    }
}

// Both are positive and far below 2^53.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
impl Clock for Browser {
    fn wall_ms(&self) -> u64 {
        Date::now() as u64
    }

    fn monotonic_ms(&self) -> u64 {
        self.performance.as_ref().map_or_else(Date::now, Performance::now) as u64
    }
}

impl Rng for Browser {
    fn random_bits(&mut self) -> u32 {
        let mut bytes = [0; 4];
        if let Some(crypto) = &self.crypto {
            // It throws where the page replaced it or has none.
            let _ = crypto.get_random_values_with_u8_array(&mut bytes);
        }
        // Added to, because two pages must never have the same name.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let more_bits = (Math::random() * 4_294_967_296.0) as u32;
        u32::from_le_bytes(bytes) ^ more_bits
    }
}

impl Transport for Browser {
    fn send(&mut self, request: u32, body: String, keepalive: Keepalive) {
        self.effects.requests.push(QueuedRequest { number: request, body, keepalive });
    }

    fn outliving_bytes(&self, request: u32) -> usize {
        clients::find(self.client).map_or(0, |shell| shell.outliving_bytes(request))
    }

    fn abort(&mut self, request: u32) {
        self.effects.cancelled.push(request);
    }
}

impl Liveness for Browser {
    fn hold_lock(&mut self, producer: Producer) {
        let mut name = self.alive_prefix();
        producer.push_to(&mut name);
        self.effects.web_lock = Some(WebLockChange::Hold(name));
    }

    fn release_lock(&mut self) {
        self.effects.web_lock = Some(WebLockChange::Release);
    }

    fn query_locks(&mut self) {
        #[cfg(feature = "full")]
        super::live_producers::query_locks(self.client, &self.alive_prefix());
    }
}

impl Overflow for Browser {
    fn run_overflow(&mut self, id: u32, operation: OverflowOperation) {
        #[cfg(feature = "full")]
        super::indexed_db::start(self.client, &self.namespace, id, &operation);
        #[cfg(not(feature = "full"))]
        let _ = (self.client, id, operation);
    }
}

impl FullClientLoader for Browser {
    fn load_full_client(&mut self) {
        self.effects.load_full_client = true;
    }
}

//! The ports on top of the host's functions.

use lamplight_wire::Producer;

use super::{Browser, host};
use crate::ports::{
    Clock, FullClientLoader, Liveness, Overflow, OverflowOperation, Rng, Storage, StorageError,
    Transport,
};
use crate::text;

impl Storage for Browser {
    fn get(&self, key: &str) -> Option<String> {
        host::get(self.host, key)
    }

    fn size(&self, key: &str) -> usize {
        host::size(self.host, key) as usize
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), StorageError> {
        storage_result(host::set(self.host, key, value))
    }

    fn set_event_prefix(&mut self, prefix: &str) {
        host::set_event_prefix(self.host, prefix);
    }

    /// The prefix is the same for all events of a page and crosses into JavaScript once.
    fn set_numbered(
        &mut self,
        _prefix: &str,
        number: u64,
        value: &str,
    ) -> Result<(), StorageError> {
        // At most 2^32.
        #[allow(clippy::cast_precision_loss)]
        storage_result(host::set_numbered(self.host, number as f64, value))
    }

    fn remove(&mut self, key: &str) {
        host::remove(self.host, key);
    }

    fn keys(&self, prefix: &str) -> Vec<String> {
        let mut names = Vec::new();
        text::for_each_line(&host::keys(self.host, prefix), |name| names.push(String::from(name)));
        names
    }

    fn size_excluding(&self, prefix: &str, own: &str) -> usize {
        host::size_excluding(self.host, prefix, own) as usize
    }
}

/// Decodes the host's answer to a write.
const fn storage_result(answer: u32) -> Result<(), StorageError> {
    match answer {
        0 => Ok(()),
        1 => Err(StorageError::QuotaExceeded),
        _ => Err(StorageError::Blocked),
    }
}

// Both are positive and far below 2^53.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
impl Clock for Browser {
    fn wall_ms(&self) -> u64 {
        host::wall_ms(self.host) as u64
    }

    fn monotonic_ms(&self) -> u64 {
        host::monotonic_ms(self.host) as u64
    }
}

impl Rng for Browser {
    fn random_bits(&mut self) -> u32 {
        host::random_bits(self.host)
    }
}

impl Transport for Browser {
    fn send(&mut self, request: u32, body: String, keepalive: bool) {
        host::post_request(self.host, request, &body, keepalive);
    }

    fn abort(&mut self, request: u32) {
        host::abort(self.host, request);
    }
}

impl Liveness for Browser {
    fn hold_lock(&mut self, producer: Producer) {
        let mut name = self.alive_prefix();
        producer.push_to(&mut name);
        host::hold_lock(self.host, &name);
    }

    fn release_lock(&mut self) {
        host::release_lock(self.host);
    }

    fn query_locks(&mut self) {
        host::query_locks(self.host);
    }
}

impl Overflow for Browser {
    /// Never throws: the promise reports every failure.
    fn run_overflow(&mut self, id: u32, operation: OverflowOperation) {
        let result = start_operation(&self.namespace, &operation);
        host::await_overflow(self.host, id, result);
    }
}

impl FullClientLoader for Browser {
    fn load_full_client(&mut self) {
        host::load_full_client(self.host);
    }
}

/// Starts an operation in the database with this name; the promise resolves to its result.
pub fn start_operation(database: &str, operation: &OverflowOperation) -> wasm_bindgen::JsValue {
    match operation {
        OverflowOperation::List => host::overflow(database, 0, "", ""),
        OverflowOperation::Read(name) => host::overflow(database, 1, name, ""),
        OverflowOperation::Write(name, text) => host::overflow(database, 2, name, text),
        OverflowOperation::Erase(name) => host::overflow(database, 3, name, ""),
    }
}

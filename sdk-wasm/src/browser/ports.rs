//! The ports, on what the host offers.

use lamplight_wire::Producer;

use super::{Browser, host};
use crate::ports::{Clock, Growth, Liveness, Overflow, Refusal, Rng, Storage, Transport, Work};
use crate::text;

impl Storage for Browser {
    fn get(&self, key: &str) -> Option<String> {
        host::get(self.host, key)
    }

    fn size(&self, key: &str) -> usize {
        host::size(self.host, key) as usize
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), Refusal> {
        taken(host::set(self.host, key, value))
    }

    fn begin_numbered(&mut self, prefix: &str) {
        host::prefix(self.host, prefix);
    }

    /// The prefix is the same for all events of a page, and crosses into JavaScript once.
    fn set_numbered(&mut self, _prefix: &str, number: u64, value: &str) -> Result<(), Refusal> {
        // At most 2^32.
        #[allow(clippy::cast_precision_loss)]
        taken(host::set_numbered(self.host, number as f64, value))
    }

    fn remove(&mut self, key: &str) {
        host::remove(self.host, key);
    }

    fn keys(&self, prefix: &str) -> Vec<String> {
        let mut names = Vec::new();
        text::each_line(&host::keys(self.host, prefix), |name| names.push(String::from(name)));
        names
    }

    fn size_besides(&self, prefix: &str, own: &str) -> usize {
        host::size_besides(self.host, prefix, own) as usize
    }
}

/// What the host tells of a value that it was to store.
const fn taken(answer: u32) -> Result<(), Refusal> {
    match answer {
        0 => Ok(()),
        1 => Err(Refusal::Full),
        _ => Err(Refusal::Blocked),
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
    fn bits(&mut self) -> u32 {
        host::bits(self.host)
    }
}

impl Transport for Browser {
    fn send(&mut self, request: u32, body: String, keepalive: bool) {
        host::post(self.host, request, &body, keepalive);
    }

    fn abort(&mut self, request: u32) {
        host::abort(self.host, request);
    }
}

impl Liveness for Browser {
    fn hold(&mut self, producer: Producer) {
        let mut name = self.alive_prefix();
        producer.push_to(&mut name);
        host::hold(self.host, &name);
    }

    fn release(&mut self) {
        host::release(self.host);
    }

    fn look(&mut self) {
        host::look(self.host);
    }
}

impl Overflow for Browser {
    /// Never throws: every failure is told by the promise.
    fn work(&mut self, id: u32, work: Work) {
        let told = do_work(&self.namespace, &work);
        host::told(self.host, id, told);
    }
}

impl Growth for Browser {
    fn grow(&mut self) {
        host::grow(self.host);
    }
}

/// Does one piece of work in the database with this name; the promise is of what it has to tell.
pub fn do_work(database: &str, work: &Work) -> wasm_bindgen::JsValue {
    match work {
        Work::List => host::overflow(database, 0, "", ""),
        Work::Read(name) => host::overflow(database, 1, name, ""),
        Work::Write(name, text) => host::overflow(database, 2, name, text),
        Work::Erase(name) => host::overflow(database, 3, name, ""),
    }
}

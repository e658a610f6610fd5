//! The ports of a page, and what the pages of one origin share.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use lamplight_sdk::ports::{
    Clock, FullClientLoader, Keepalive, Liveness, Overflow, OverflowOperation, Rng,
    SMALL_BYTES_MAX, Storage, StorageError, Transport,
};
use lamplight_wire::Producer;

use super::sent::Sent;

/// What the pages of one origin share: storage and a database without delays, and the time.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) now_ms: u64,
    pub(crate) values: BTreeMap<String, String>,
    pub(crate) blocks: BTreeMap<String, String>,
    /// Storage refuses every write with this error.
    pub(crate) refuses: Option<StorageError>,
    /// Storage refuses writes that it has no room for.
    pub(crate) quota: usize,
    /// The random bits from now on; otherwise they differ each time.
    pub(crate) fixed_random: Option<u32>,
    /// The producers whose Web Locks are held.
    pub(crate) live: Vec<Producer>,
    random: u64,
}

impl Default for Site {
    fn default() -> Self {
        Self {
            now_ms: 1_000,
            values: BTreeMap::new(),
            blocks: BTreeMap::new(),
            refuses: None,
            quota: usize::MAX,
            fixed_random: None,
            live: Vec::new(),
            random: 0,
        }
    }
}

impl Site {
    pub(crate) fn operate(&mut self, operation: OverflowOperation) -> String {
        match operation {
            OverflowOperation::List => {
                self.blocks.keys().flat_map(|name| [name.as_str(), "\n"]).collect()
            }
            OverflowOperation::Read(name) => self.blocks.get(&name).cloned().unwrap_or_default(),
            OverflowOperation::Write(name, text) => {
                self.blocks.insert(name, text);
                String::new()
            }
            OverflowOperation::Erase(name) => {
                self.blocks.remove(&name);
                String::new()
            }
        }
    }

    /// The keys that begin with `prefix`.
    pub(crate) fn keys(&self, prefix: &str) -> Vec<String> {
        self.values.keys().filter(|key| key.starts_with(prefix)).cloned().collect()
    }

    fn bytes(&self) -> usize {
        self.values.iter().map(|(key, value)| key.len() + value.len()).sum()
    }
}

/// What one page did.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) sent: Vec<Sent>,
    /// How many bytes of its requests outlive the page.
    pub(crate) outliving: BTreeMap<u32, usize>,
    pub(crate) answered: BTreeSet<u32>,
    /// How many requests the first client made before it handed over.
    pub(crate) handed_over: usize,
    pub(crate) aborted: Vec<u32>,
    pub(crate) operations: Vec<(u64, u32, OverflowOperation)>,
    /// When it requested the full client.
    pub(crate) loads: Vec<u64>,
    /// When it wrote which keys.
    pub(crate) writes: Vec<(u64, String)>,
    /// When it read all keys.
    pub(crate) scans: RefCell<Vec<u64>>,
    /// When it requested the list of live pages, and whether it still waits for the list.
    pub(crate) queries: Vec<u64>,
    pub(crate) asks: bool,
    /// Holding and releasing the Web Lock.
    pub(crate) holds: Vec<bool>,
    held: Option<Producer>,
}

#[derive(Debug, Clone)]
pub(crate) struct PagePorts {
    pub(crate) site: Rc<RefCell<Site>>,
    pub(crate) log: Rc<RefCell<Log>>,
}

impl Storage for PagePorts {
    fn get(&self, key: &str) -> Option<String> {
        self.site.borrow().values.get(key).cloned()
    }

    fn size(&self, key: &str) -> usize {
        self.site.borrow().values.get(key).map_or(0, String::len)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), StorageError> {
        let site = &mut *self.site.borrow_mut();
        if let Some(error) = site.refuses {
            return Err(error);
        }
        let old = site.values.get(key).map_or(0, |old| key.len() + old.len());
        if site.bytes() - old + key.len() + value.len() > site.quota {
            return Err(StorageError::QuotaExceeded);
        }
        self.log.borrow_mut().writes.push((site.now_ms, key.into()));
        site.values.insert(key.into(), value.into());
        Ok(())
    }

    fn remove(&mut self, key: &str) {
        self.site.borrow_mut().values.remove(key);
    }

    fn keys(&self, prefix: &str) -> Vec<String> {
        let site = self.site.borrow();
        self.log.borrow().scans.borrow_mut().push(site.now_ms);
        site.keys(prefix)
    }
}

impl Clock for PagePorts {
    fn wall_ms(&self) -> u64 {
        1_800_000_000_000 + self.monotonic_ms()
    }

    fn monotonic_ms(&self) -> u64 {
        self.site.borrow().now_ms
    }
}

impl Rng for PagePorts {
    fn random_bits(&mut self) -> u32 {
        let site = &mut *self.site.borrow_mut();
        site.random =
            site.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_041);
        site.fixed_random.unwrap_or((site.random >> 32) as u32)
    }
}

impl Transport for PagePorts {
    fn send(&mut self, request: u32, body: String, keepalive: Keepalive) {
        let at_ms = self.site.borrow().now_ms;
        let is_small = keepalive == Keepalive::IfSmall && body.len() <= SMALL_BYTES_MAX as usize;
        let keepalive = keepalive == Keepalive::Yes || is_small;
        let log = &mut *self.log.borrow_mut();
        if keepalive {
            log.outliving.insert(request, body.len());
        }
        log.sent.push(Sent { id: request, body, keepalive, at_ms });
    }

    fn outliving_bytes(&self, request: u32) -> usize {
        let log = self.log.borrow();
        log.outliving.get(&request).copied().unwrap_or(0)
    }

    fn abort(&mut self, request: u32) {
        let log = &mut *self.log.borrow_mut();
        log.aborted.push(request);
        log.answered.insert(request);
    }
}

impl Overflow for PagePorts {
    fn run_overflow(&mut self, id: u32, operation: OverflowOperation) {
        let at_ms = self.site.borrow().now_ms;
        self.log.borrow_mut().operations.push((at_ms, id, operation));
    }
}

impl Liveness for PagePorts {
    fn hold_lock(&mut self, producer: Producer) {
        let log = &mut *self.log.borrow_mut();
        log.holds.push(true);
        log.held = Some(producer);
        self.site.borrow_mut().live.push(producer);
    }

    fn release_lock(&mut self) {
        let log = &mut *self.log.borrow_mut();
        log.holds.push(false);
        let held = log.held.take();
        self.site.borrow_mut().live.retain(|live| Some(*live) != held);
    }

    fn query_locks(&mut self) {
        let at_ms = self.site.borrow().now_ms;
        let log = &mut *self.log.borrow_mut();
        log.queries.push(at_ms);
        log.asks = true;
    }
}

impl FullClientLoader for PagePorts {
    fn load_full_client(&mut self) {
        let at_ms = self.site.borrow().now_ms;
        self.log.borrow_mut().loads.push(at_ms);
    }
}

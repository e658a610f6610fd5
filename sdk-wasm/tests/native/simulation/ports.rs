//! The ports of a simulated tab, and the mutants that the simulation must detect.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use lamplight_sdk::ports::{
    Clock, FullClientLoader, Keepalive, Liveness, Response, Rng, SMALL_BYTES_MAX, Storage,
    StorageError, Transport,
};
use lamplight_wire::Producer;
use lamplight_wire::batch::Body;

use crate::simulation::overflow::{Database, OverflowRequest};
use crate::simulation::random::SeededRandom;
use crate::simulation::server::{EventId, Ledger};
use crate::simulation::storage::{StorageModel, Tab};

/// A fault that is built into the client's ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutant {
    None,
    /// The transport reports a 2xx as soon as it is given a request.
    EarlyAccept,
    /// All tabs write their events under the same keys.
    SharedKeys,
    /// The overflow reports success as soon as it is given a block.
    EarlyOverflowDone,
    /// Other tabs' writes seem to take no space.
    IgnoresForeignBytes,
}

/// A request that was given to the network.
#[derive(Debug, Clone)]
pub(crate) struct SentRequest {
    pub(crate) tab: Tab,
    pub(crate) request: u32,
    pub(crate) body: String,
    pub(crate) keepalive: bool,
}

/// What all tabs share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) now_ms: u64,
    pub(crate) random: SeededRandom,
    pub(crate) storage: StorageModel,
    pub(crate) ledger: Ledger,
    /// Events that need not arrive any more, because consent was withdrawn.
    pub(crate) withdrawn: BTreeSet<EventId>,
    pub(crate) violations: Vec<String>,
    pub(crate) sent: Vec<SentRequest>,
    pub(crate) early_responses: Vec<(Tab, u32, Response)>,
    pub(crate) locks_held: BTreeMap<Tab, Producer>,
    pub(crate) lock_queries: BTreeSet<Tab>,
    /// Tabs that requested the full client.
    pub(crate) full_client_requests: BTreeSet<Tab>,
    /// Tabs that died during a task.
    pub(crate) dead: BTreeSet<Tab>,
    /// How many more accesses to storage a tab survives.
    pub(crate) accesses_left: BTreeMap<Tab, u64>,
    pub(crate) adopted: BTreeSet<EventId>,
    pub(crate) database: Database,
    pub(crate) overflow_requests: Vec<OverflowRequest>,
    pub(crate) early_overflow_done: Vec<(Tab, u32)>,
    /// How far the wall clock was set forward, in milliseconds.
    pub(crate) clock_set_ms: u64,
}

impl Shared {
    /// Whether an event was accepted, declared or withdrawn.
    pub(crate) fn is_settled(&self, id: EventId) -> bool {
        self.ledger.knows(id) || self.withdrawn.contains(&id)
    }
}

/// One tab's ports.
#[derive(Debug, Clone)]
pub(crate) struct TabPorts {
    pub(crate) tab: Tab,
    pub(crate) mutant: Mutant,
    pub(crate) liveness: bool,
    /// The tab is a worker, or its storage is blocked.
    pub(crate) is_blocked: bool,
    /// The error of this tab's wall clock. No two tabs agree.
    pub(crate) skew_ms: u64,
    /// How many bytes of its requests outlive the tab.
    pub(crate) outliving: BTreeMap<u32, usize>,
    pub(crate) shared: Rc<RefCell<Shared>>,
}

impl TabPorts {
    /// Counts an access to storage; returns whether the tab is still alive to do it.
    fn access(&self) -> bool {
        let shared = &mut *self.shared.borrow_mut();
        if let Some(left) = shared.accesses_left.get_mut(&self.tab) {
            if *left == 0 {
                shared.dead.insert(self.tab);
            } else {
                *left -= 1;
            }
        }
        !shared.dead.contains(&self.tab)
    }

    /// The key under which a value is really stored.
    fn storage_key(&self, key: &str) -> String {
        match self.mutant {
            Mutant::SharedKeys => match event_of(key) {
                Some((_, seq)) => format!("sim:q:{seq}"),
                None => key.into(),
            },
            _ => key.into(),
        }
    }
}

/// The key that records that consent was withdrawn.
pub(crate) const WITHDRAWN: &str = "sim:o";

/// The event of a key.
pub(crate) fn event_of(key: &str) -> Option<EventId> {
    let (producer, seq) = key.strip_prefix("sim:q:")?.split_once(':')?;
    Some((Producer::parse(producer)?, seq.parse().ok()?))
}

impl Storage for TabPorts {
    fn get(&self, key: &str) -> Option<String> {
        if self.is_blocked {
            return None;
        }
        let text = self.shared.borrow().storage.get(self.tab, &self.storage_key(key))?;
        match self.mutant {
            Mutant::SharedKeys => text.strip_prefix(key)?.strip_prefix(' ').map(Into::into),
            _ => Some(text),
        }
    }

    fn size(&self, key: &str) -> usize {
        if self.mutant == Mutant::IgnoresForeignBytes {
            return 0;
        }
        self.shared
            .borrow()
            .storage
            .get(self.tab, &self.storage_key(key))
            .map_or(0, |text| text.len())
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), StorageError> {
        if self.is_blocked {
            return Err(StorageError::Blocked);
        }
        if !self.access() {
            return Err(StorageError::QuotaExceeded);
        }
        let value = match self.mutant {
            Mutant::SharedKeys => format!("{key} {value}"),
            _ => value.into(),
        };
        let Shared { storage, random, now_ms, .. } = &mut *self.shared.borrow_mut();
        if storage.set(self.tab, *now_ms, random, &self.storage_key(key), &value) {
            Ok(())
        } else {
            Err(StorageError::QuotaExceeded)
        }
    }

    fn remove(&mut self, key: &str) {
        if self.is_blocked || !self.access() {
            return;
        }
        let shared = &mut *self.shared.borrow_mut();
        if let Some((producer, seq)) = event_of(key) {
            let id = (producer, seq);
            let is_kept = || shared.database.holds(id) || shared.storage.block_holds(self.tab, id);
            if !shared.is_settled(id) && !is_kept() {
                shared.violations.push(format!(
                    "{producer}-{seq} was removed without having been accepted, at {} ms",
                    shared.now_ms
                ));
            }
        }
        for (producer, seq) in shared.storage.events_in_block(self.tab, key) {
            let id = (producer, seq);
            if !shared.is_settled(id) && !shared.database.holds(id) {
                shared.violations.push(format!("{producer}-{seq} was removed with its block"));
            }
        }
        let storage_key = self.storage_key(key);
        shared.storage.remove(self.tab, shared.now_ms, &mut shared.random, &storage_key);
    }

    fn keys(&self, prefix: &str) -> Vec<String> {
        if self.is_blocked {
            return Vec::new();
        }
        let shared = self.shared.borrow();
        let mut keys = shared.storage.keys(self.tab);
        if self.mutant == Mutant::SharedKeys {
            let name = |storage_key: &String| {
                Some(shared.storage.get(self.tab, storage_key)?.split_once(' ')?.0.into())
            };
            keys = keys.iter().filter_map(name).collect();
        }
        keys.retain(|key| key.starts_with(prefix));
        keys
    }
}

impl Clock for TabPorts {
    fn wall_ms(&self) -> u64 {
        let shared = self.shared.borrow();
        1_800_000_000_000 + self.skew_ms + shared.now_ms + shared.clock_set_ms
    }

    fn monotonic_ms(&self) -> u64 {
        self.shared.borrow().now_ms + self.skew_ms % 977
    }
}

impl Rng for TabPorts {
    fn random_bits(&mut self) -> u32 {
        (self.shared.borrow_mut().random.bits() >> 32) as u32
    }
}

impl Transport for TabPorts {
    fn send(&mut self, request: u32, body: String, keepalive: Keepalive) {
        let shared = &mut *self.shared.borrow_mut();
        if shared.dead.contains(&self.tab) {
            return;
        }
        let is_withdrawn =
            shared.storage.get(self.tab, WITHDRAWN).is_some_and(|value| !value.is_empty());
        if is_withdrawn
            && !self.is_blocked
            && !Body::read(&body).is_ok_and(|body| body.events.is_empty())
        {
            shared.violations.push(format!("tab {} sent events without consent", self.tab));
        }
        if self.mutant == Mutant::EarlyAccept {
            let body = r#"{"status":"OK"}"#.into();
            let response = Response { status: 200, body, retry_after_ms: None };
            shared.early_responses.push((self.tab, request, response));
        }
        let keepalive = match keepalive {
            Keepalive::No => false,
            // Most are small once they are compressed.
            Keepalive::IfSmall => {
                body.len() <= SMALL_BYTES_MAX as usize || !body.len().is_multiple_of(5)
            }
            Keepalive::Yes => true,
        };
        if keepalive {
            self.outliving.insert(request, body.len() / 8);
        }
        shared.sent.push(SentRequest { tab: self.tab, request, body, keepalive });
    }

    fn outliving_bytes(&self, request: u32) -> usize {
        self.outliving.get(&request).copied().unwrap_or(0)
    }

    fn abort(&mut self, request: u32) {
        let _ = request;
    }
}

impl Liveness for TabPorts {
    fn hold_lock(&mut self, producer: Producer) {
        self.shared.borrow_mut().locks_held.insert(self.tab, producer);
    }

    fn release_lock(&mut self) {
        self.shared.borrow_mut().locks_held.remove(&self.tab);
    }

    fn query_locks(&mut self) {
        if self.liveness {
            self.shared.borrow_mut().lock_queries.insert(self.tab);
        }
    }
}

impl FullClientLoader for TabPorts {
    fn load_full_client(&mut self) {
        self.shared.borrow_mut().full_client_requests.insert(self.tab);
    }
}

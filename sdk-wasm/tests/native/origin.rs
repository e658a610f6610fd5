//! Tabs of one origin that see each other's writes at once, and a clock that the test moves. Tests
//! that depend on when writes arrive use the simulation.
#![allow(dead_code, reason = "no test needs all of it")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use lamplight_sdk::client::{Client, FullClient, NewEvent};
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::{
    Clock, FullClientLoader, Keepalive, Liveness, Overflow, OverflowOperation, Response, Rng,
    Storage, StorageError, Transport,
};
use lamplight_wire::Producer;

/// What the tabs share: a storage and a database without delays, and the time.
#[derive(Debug, Default)]
pub(crate) struct Origin {
    now_ms: u64,
    pub(crate) values: BTreeMap<String, String>,
    pub(crate) blocks: BTreeMap<String, String>,
    random: u64,
}

impl Origin {
    fn run(&mut self, operation: OverflowOperation) -> String {
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
}

/// The ports of one tab.
#[derive(Debug)]
pub(crate) struct TestTabPorts {
    origin: Rc<RefCell<Origin>>,
    pub(crate) sent: Vec<(u32, String)>,
    operations: Vec<(u32, OverflowOperation)>,
    /// Keys with this prefix are listed but cannot be read, as in some Firefox pages.
    pub(crate) unreadable: Option<String>,
    /// Storage refuses every write of this tab.
    pub(crate) refuses: bool,
}

impl Storage for TestTabPorts {
    fn get(&self, key: &str) -> Option<String> {
        let origin = self.origin.borrow();
        let is_unreadable = self.unreadable.as_ref().is_some_and(|start| key.starts_with(start));
        origin.values.get(key).filter(|_| !is_unreadable).cloned()
    }
    fn size(&self, key: &str) -> usize {
        self.origin.borrow().values.get(key).map_or(0, String::len)
    }
    fn set(&mut self, key: &str, value: &str) -> Result<(), StorageError> {
        if self.refuses {
            return Err(StorageError::QuotaExceeded);
        }
        self.origin.borrow_mut().values.insert(key.into(), value.into());
        Ok(())
    }
    fn remove(&mut self, key: &str) {
        self.origin.borrow_mut().values.remove(key);
    }
    fn keys(&self, prefix: &str) -> Vec<String> {
        let origin = self.origin.borrow();
        origin.values.keys().filter(|key| key.starts_with(prefix)).cloned().collect()
    }
}

impl Clock for TestTabPorts {
    fn wall_ms(&self) -> u64 {
        1_800_000_000_000 + self.monotonic_ms()
    }
    fn monotonic_ms(&self) -> u64 {
        self.origin.borrow().now_ms
    }
}

impl Rng for TestTabPorts {
    fn random_bits(&mut self) -> u32 {
        let random = &mut self.origin.borrow_mut().random;
        *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040);
        (*random >> 32) as u32
    }
}

impl Transport for TestTabPorts {
    fn send(&mut self, request: u32, body: String, _keepalive: Keepalive) {
        self.sent.push((request, body));
    }
    fn outliving_bytes(&self, _request: u32) -> usize {
        0
    }
    fn abort(&mut self, request: u32) {
        self.sent.retain(|(id, _)| *id != request);
    }
}

impl Overflow for TestTabPorts {
    fn run_overflow(&mut self, id: u32, operation: OverflowOperation) {
        self.operations.push((id, operation));
    }
}

impl Liveness for TestTabPorts {
    fn hold_lock(&mut self, _producer: Producer) {}
    fn release_lock(&mut self) {}
    fn query_locks(&mut self) {}
}

impl FullClientLoader for TestTabPorts {
    fn load_full_client(&mut self) {}
}

/// The tabs of one origin, and the bodies of their requests in order.
pub(crate) struct TestTabs {
    pub(crate) origin: Rc<RefCell<Origin>>,
    pub(crate) clients: Vec<FullClient<TestTabPorts>>,
    pub(crate) bodies: Vec<String>,
    options: Options,
}

impl TestTabs {
    pub(crate) fn new(options: Options) -> Self {
        let origin = Rc::new(RefCell::new(Origin { now_ms: 1_000, ..Origin::default() }));
        Self { origin, clients: Vec::new(), bodies: Vec::new(), options }
    }

    pub(crate) fn open(&mut self) -> usize {
        let origin = Rc::clone(&self.origin);
        let tab = TestTabPorts {
            origin,
            sent: Vec::new(),
            operations: Vec::new(),
            unreadable: None,
            refuses: false,
        };
        let options = Options { liveness: false, ..self.options.clone() };
        self.clients.push(FullClient::new(tab, options));
        self.clients.len() - 1
    }

    pub(crate) fn track(&mut self, tab: usize, count: usize) {
        let padding = format!("{{\"padding\":\"{}\"}}", "x".repeat(200));
        for _ in 0..count {
            let event =
                NewEvent { name: "opened", properties_json: &padding, ..NewEvent::default() };
            assert!(self.clients[tab].track(&event).seq > 0);
        }
    }

    /// Advances the time for the open tabs and gives `response` to every request. Returns how many
    /// requests each tab made.
    pub(crate) fn advance(&mut self, ms: u64, response: &Response) -> Vec<usize> {
        let mut requests = vec![0; self.clients.len()];
        let end_ms = self.origin.borrow().now_ms + ms;
        loop {
            let now_ms = self.next_ms();
            if now_ms > end_ms {
                break;
            }
            self.origin.borrow_mut().now_ms = now_ms;
            for (client, requests) in self.clients.iter_mut().zip(&mut requests) {
                if client.next_wake_ms().is_some_and(|due_ms| due_ms <= now_ms) {
                    client.timer_fired();
                }
                for (request, body) in std::mem::take(&mut client.ports().sent) {
                    *requests += 1;
                    self.bodies.push(body);
                    client.answered(request, response);
                }
                for (id, operation) in std::mem::take(&mut client.ports().operations) {
                    let result = self.origin.borrow_mut().run(operation);
                    client.overflow_done(id, Some(&result));
                }
            }
        }
        self.origin.borrow_mut().now_ms = end_ms;
        requests
    }

    /// The next millisecond in which there is something to do.
    fn next_ms(&mut self) -> u64 {
        let next_ms = self.origin.borrow().now_ms + 1;
        let due_ms = self.clients.iter_mut().filter_map(|client| {
            let waits = client.ports().sent.is_empty() && client.ports().operations.is_empty();
            if waits { client.next_wake_ms() } else { Some(next_ms) }
        });
        due_ms.min().unwrap_or(u64::MAX).max(next_ms)
    }
}

pub(crate) fn failing() -> Response {
    Response { status: 500, ..Response::default() }
}

pub(crate) fn accepted() -> Response {
    Response { status: 200, body: r#"{"status":"OK"}"#.into(), ..Response::default() }
}

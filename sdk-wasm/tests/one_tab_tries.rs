//! While the server fails, one tab tries it again for all; when it is back, all send at once.
#![cfg(not(target_arch = "wasm32"))]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use lamplight_sdk::client::{Client, Track};
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::{
    Answer, Clock, Growth, Liveness, Overflow, Refusal, Rng, Storage, Transport, Work,
};
use lamplight_wire::Producer;

/// What the tabs share: a storage that all see at once, and the time.
#[derive(Debug, Default)]
struct Origin {
    now_ms: u64,
    values: BTreeMap<String, String>,
    random: u64,
}

#[derive(Debug)]
struct Tab {
    origin: Rc<RefCell<Origin>>,
    sent: Vec<u32>,
}

impl Storage for Tab {
    fn get(&self, key: &str) -> Option<String> {
        self.origin.borrow().values.get(key).cloned()
    }
    fn size(&self, key: &str) -> usize {
        self.origin.borrow().values.get(key).map_or(0, String::len)
    }
    fn set(&mut self, key: &str, value: &str) -> Result<(), Refusal> {
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

impl Clock for Tab {
    fn wall_ms(&self) -> u64 {
        1_800_000_000_000 + self.monotonic_ms()
    }
    fn monotonic_ms(&self) -> u64 {
        self.origin.borrow().now_ms
    }
}

impl Rng for Tab {
    fn bits(&mut self) -> u32 {
        let random = &mut self.origin.borrow_mut().random;
        *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040);
        (*random >> 32) as u32
    }
}

impl Transport for Tab {
    fn send(&mut self, request: u32, _body: String, _keepalive: bool) {
        self.sent.push(request);
    }
    fn abort(&mut self, _request: u32) {}
}

impl Overflow for Tab {
    fn work(&mut self, _id: u32, _work: Work) {}
}

impl Liveness for Tab {
    fn hold(&mut self, _producer: Producer) {}
    fn release(&mut self) {}
    fn look(&mut self) {}
}

impl Growth for Tab {
    fn grow(&mut self) {}
}

struct Tabs {
    origin: Rc<RefCell<Origin>>,
    clients: Vec<Client<Tab>>,
}

impl Tabs {
    /// Tabs with one waiting event each.
    fn open(count: usize) -> Self {
        let origin = Rc::new(RefCell::new(Origin { now_ms: 1_000, ..Origin::default() }));
        let clients = (0..count).map(|_| {
            let tab = Tab { origin: Rc::clone(&origin), sent: Vec::new() };
            let mut client: Client<Tab> =
                Client::new(tab, Options { liveness: false, ..Options::default() });
            client.track(&Track { name: "opened", ..Track::default() });
            client
        });
        let clients = clients.collect();
        Self { origin, clients }
    }

    /// Lets time pass, with `answer` to every request; says how many requests each tab made.
    fn pass(&mut self, ms: u64, answer: &Answer) -> Vec<usize> {
        let mut requests = vec![0; self.clients.len()];
        for _ in 0..ms {
            self.origin.borrow_mut().now_ms += 1;
            let now_ms = self.origin.borrow().now_ms;
            for (client, requests) in self.clients.iter_mut().zip(&mut requests) {
                if client.next_wake_ms().is_some_and(|due_ms| due_ms <= now_ms) {
                    client.woke();
                }
                for request in std::mem::take(&mut client.ports().sent) {
                    *requests += 1;
                    client.answered(request, answer);
                }
            }
        }
        requests
    }
}

fn failure() -> Answer {
    Answer { status: 500, ..Answer::default() }
}

#[test]
fn after_a_first_failure_each_only_the_holder_of_the_lease_tries_again() {
    let mut tabs = Tabs::open(8);
    tabs.pass(20_000, &failure());
    let requests = tabs.pass(120_000, &failure());
    let trying = requests.iter().filter(|requests| **requests > 2).count();
    assert_eq!(trying, 1, "{requests:?}");
    assert_eq!(tabs.clients.iter().filter(|client| client.holds_lease()).count(), 1);
    let others: usize = requests.iter().sum::<usize>() - requests.iter().max().unwrap();
    // A tab that waits on a holder without end would never send again: it tries once in a long while.
    assert!((1..=2 * 7).contains(&others), "{requests:?}");
}

#[test]
fn the_first_request_after_the_server_s_recovery_comes_within_five_seconds() {
    for outage_ms in [10_000, 60_000, 600_000] {
        let mut tabs = Tabs::open(4);
        tabs.pass(outage_ms, &failure());
        let requests: usize = tabs.pass(5_000, &failure()).iter().sum();
        assert!((1..=5).contains(&requests), "{requests} after {outage_ms} ms");
    }
}

#[test]
fn a_server_that_names_a_time_is_not_asked_before() {
    let mut tabs = Tabs::open(4);
    let asked = Answer { status: 503, retry_after_ms: Some(30_000), ..Answer::default() };
    tabs.pass(1_000, &asked);
    let requests: usize = tabs.pass(28_000, &asked).iter().sum();
    assert_eq!(requests, 0);
}

#[test]
fn when_the_holder_gets_through_all_send_within_a_scan() {
    let mut tabs = Tabs::open(8);
    tabs.pass(30_000, &failure());
    let well = Answer { status: 200, body: r#"{"status":"OK"}"#.into(), ..Answer::default() };
    let holder = tabs.clients.iter().position(Client::holds_lease).unwrap();
    while tabs.pass(1, &well)[holder] == 0 {}
    tabs.pass(2_600, &well);
    assert!(tabs.clients.iter().all(|client| !client.is_queued(1)));
    assert!(tabs.clients.iter().all(|client| !client.holds_lease()));
}

//! Consent is withdrawn: nothing is kept, nothing is sent but which numbers that concerns.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say so"
)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use lamplight_sdk::client::{Client, Track};
use lamplight_sdk::notes::Note;
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::{
    Answer, Clock, Liveness, Overflow, Page, Refusal, Rng, Storage, Transport, Work,
};
use lamplight_wire::Producer;
use lamplight_wire::batch::Body;

/// What the tabs share: a storage and a database that all see at once, and the time.
#[derive(Debug, Default)]
struct Origin {
    now_ms: u64,
    values: BTreeMap<String, String>,
    blocks: BTreeMap<String, String>,
    random: u64,
}

impl Origin {
    fn work(&mut self, work: Work) -> String {
        match work {
            Work::List => self.blocks.keys().flat_map(|name| [name.as_str(), "\n"]).collect(),
            Work::Read(name) => self.blocks.get(&name).cloned().unwrap_or_default(),
            Work::Write(name, text) => {
                self.blocks.insert(name, text);
                String::new()
            }
            Work::Erase(name) => {
                self.blocks.remove(&name);
                String::new()
            }
        }
    }
}

#[derive(Debug)]
struct Tab {
    origin: Rc<RefCell<Origin>>,
    sent: Vec<(u32, String)>,
    works: Vec<(u32, Work)>,
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
    fn send(&mut self, request: u32, body: String, _keepalive: bool) {
        self.sent.push((request, body));
    }
    fn abort(&mut self, request: u32) {
        self.sent.retain(|(id, _)| *id != request);
    }
}

impl Overflow for Tab {
    fn work(&mut self, id: u32, work: Work) {
        self.works.push((id, work));
    }
}

impl Liveness for Tab {
    fn hold(&mut self, _producer: Producer) {}
    fn release(&mut self) {}
    fn look(&mut self) -> bool {
        false
    }
}

/// Tabs of one origin, and what their requests said.
struct World {
    origin: Rc<RefCell<Origin>>,
    clients: Vec<Client<Tab>>,
    bodies: Vec<String>,
    options: Options,
}

impl World {
    fn new(options: Options) -> Self {
        let origin = Rc::new(RefCell::new(Origin { now_ms: 1_000, ..Origin::default() }));
        Self { origin, clients: Vec::new(), bodies: Vec::new(), options }
    }

    fn open(&mut self) -> usize {
        let origin = Rc::clone(&self.origin);
        let tab = Tab { origin, sent: Vec::new(), works: Vec::new() };
        let options = Options { liveness: false, ..self.options.clone() };
        self.clients.push(Client::new(tab, options));
        self.clients.len() - 1
    }

    fn track(&mut self, tab: usize, count: usize) {
        let padding = format!("{{\"padding\":\"{}\"}}", "x".repeat(200));
        for _ in 0..count {
            let event = Track { name: "opened", properties_json: &padding, ..Track::default() };
            assert!(self.clients[tab].track(&event).seq > 0);
        }
    }

    /// Lets time pass for the tabs that are left, with `answer` to every request.
    fn pass(&mut self, ms: u64, answer: &Answer) {
        for _ in 0..ms {
            self.origin.borrow_mut().now_ms += 1;
            let now_ms = self.origin.borrow().now_ms;
            for client in &mut self.clients {
                if client.next_wake_ms().is_some_and(|due_ms| due_ms <= now_ms) {
                    client.woke();
                }
                for (request, body) in std::mem::take(&mut client.ports().sent) {
                    self.bodies.push(body);
                    client.answered(request, answer);
                }
                for (id, work) in std::mem::take(&mut client.ports().works) {
                    let told = self.origin.borrow_mut().work(work);
                    client.worked(id, Some(&told));
                }
            }
        }
    }

    /// The keys that are left, without the namespace.
    fn keys(&self) -> Vec<String> {
        let origin = self.origin.borrow();
        origin.values.keys().map(|key| key.trim_start_matches("ll:").to_owned()).collect()
    }

    /// Numbers declared as `opted_out`, of all producers; and events sent.
    fn told(&self) -> (u64, usize) {
        let mut declared: BTreeMap<String, lamplight_wire::Ranges> = BTreeMap::new();
        let mut events = 0;
        for body in &self.bodies {
            let body = Body::read(body).unwrap();
            events += body.events.len();
            for (producer, note) in body.producers {
                for (reason, seqs) in note.dropped {
                    assert_eq!(reason, "opted_out");
                    assert!(note.next > seqs.last().unwrap());
                    declared.entry(format!("{producer:?}")).or_default().union(&seqs);
                }
            }
        }
        (declared.values().map(lamplight_wire::Ranges::count).sum(), events)
    }
}

fn down() -> Answer {
    Answer { status: 500, ..Answer::default() }
}

fn well() -> Answer {
    Answer { status: 200, body: r#"{"status":"OK"}"#.into(), ..Answer::default() }
}

#[test]
fn what_waits_is_deleted_at_once_and_declared_and_never_sent() {
    let mut world = World::new(Options::default());
    let tab = world.open();
    world.track(tab, 5);
    world.clients[tab].withdraw(false);
    // The name of the person stays: whoever consents again is the same one.
    assert_eq!(world.keys().iter().filter(|key| key.contains("q:")).count(), 0);
    assert!(world.keys().contains(&"u".to_owned()), "{:?}", world.keys());
    world.pass(10_000, &well());
    assert_eq!(world.told(), (5, 0));
    let notes = world.clients[tab].take_notes();
    assert_eq!(notes.iter().filter(|note| matches!(note, Note::Dropped { .. })).count(), 5);
    assert!(notes.contains(&Note::Withdrawn));
    assert!(!world.keys().iter().any(|key| key.contains("p:")), "{:?}", world.keys());
}

#[test]
fn to_forget_leaves_nothing_but_the_decision() {
    let mut world = World::new(Options::default());
    let tab = world.open();
    world.clients[tab].identify(Some("u-1"));
    world.track(tab, 3);
    world.clients[tab].withdraw(true);
    world.pass(10_000, &well());
    assert_eq!(world.keys(), ["o"]);
}

#[test]
fn a_declaration_that_fails_is_made_again() {
    let mut world = World::new(Options::default());
    let tab = world.open();
    world.track(tab, 3);
    world.clients[tab].withdraw(true);
    world.pass(20_000, &down());
    assert!(world.bodies.len() > 1, "it was tried once");
    world.bodies.clear();
    world.pass(60_000, &well());
    assert_eq!(world.told(), (3, 0));
}

#[test]
fn what_gone_tabs_left_goes_too_from_storage_and_from_the_overflow() {
    let mut world = World::new(Options { storage_bytes_max: 4_000, ..Options::default() });
    let gone = world.open();
    world.track(gone, 300);
    world.pass(2_000, &down());
    world.track(gone, 5);
    world.pass(2_000, &down());
    world.clients.clear();
    assert!(!world.origin.borrow().blocks.is_empty(), "nothing is in the overflow");
    assert!(world.keys().iter().any(|key| key.contains("q:")), "nothing is in storage");
    world.bodies.clear();

    let tab = world.open();
    world.clients[tab].withdraw(true);
    world.pass(30_000, &well());
    let (declared, events) = world.told();
    assert_eq!((declared, events), (305, 0));
    assert!(world.bodies.len() <= 6, "{} requests to tell it", world.bodies.len());
    assert!(world.origin.borrow().blocks.is_empty());
    // And the lock's register, which names nobody.
    assert_eq!(world.keys(), ["l:x", "o"]);
}

#[test]
fn a_backlog_in_blocks_of_its_own_goes_too() {
    let mut world = World::new(Options::default());
    let tab = world.open();
    world.track(tab, 700);
    world.pass(90_000, &down());
    assert!(world.keys().iter().any(|key| key.contains("b:")), "nothing was compacted");
    world.bodies.clear();
    world.clients[tab].withdraw(true);
    assert!(!world.keys().iter().any(|key| key.contains("b:") || key.contains("q:")));
    world.pass(120_000, &well());
    assert_eq!(world.told(), (700, 0));
    assert_eq!(world.clients[tab].stats_json().matches("\"queued\":0").count(), 1);
}

#[test]
fn other_tabs_that_live_do_the_same_before_they_send_again() {
    let mut world = World::new(Options::default());
    let (one, two) = (world.open(), world.open());
    world.track(one, 2);
    world.track(two, 4);
    // The second tab is stopped meanwhile, with its events in memory.
    world.clients[two].page(Page::Frozen);
    world.clients[two].ports().sent.clear();
    world.clients[one].withdraw(false);
    world.pass(5_000, &well());
    world.clients[two].page(Page::Back);
    world.pass(10_000, &well());
    assert_eq!(world.told(), (6, 0));
    assert!(world.clients[two].take_notes().contains(&Note::Withdrawn));
    assert!(world.clients[two].is_withdrawn());
}

#[test]
fn between_two_scans_nothing_is_sent_either() {
    let mut world = World::new(Options::default());
    let (one, two) = (world.open(), world.open());
    world.track(two, 1);
    world.pass(300, &well());
    assert_eq!(world.told(), (0, 1));
    world.track(two, 4);
    world.clients[one].withdraw(false);
    world.pass(1_000, &well());
    assert_eq!(world.told(), (4, 1));
}

#[test]
fn a_page_that_starts_later_knows_until_consent_is_given_again() {
    let mut world = World::new(Options::default());
    let tab = world.open();
    world.clients[tab].withdraw(false);
    let later = world.open();
    assert!(world.clients[later].is_withdrawn());
    world.clients[later].consent();
    assert!(!world.clients[later].is_withdrawn());
    world.track(later, 2);
    world.pass(10_000, &well());
    assert_eq!(world.told(), (0, 2));
    let last = world.open();
    assert!(!world.clients[last].is_withdrawn());
}

#[test]
fn a_withdrawn_page_that_has_nothing_to_tell_asks_for_no_time() {
    let mut world = World::new(Options::default());
    let tab = world.open();
    world.clients[tab].withdraw(true);
    world.pass(20_000, &well());
    assert!(world.bodies.is_empty());
    assert_eq!(world.clients[tab].next_wake_ms(), None);
}

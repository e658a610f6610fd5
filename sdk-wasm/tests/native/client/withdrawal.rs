//! Consent is withdrawn: nothing is kept, nothing is sent but which numbers that concerns.

use std::collections::BTreeMap;

use crate::origin::{World, down, well};
use lamplight_sdk::notes::Note;
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::Page;
use lamplight_wire::batch::Body;

impl World {
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
    let [_, queued, ..] = world.clients[tab].facts();
    assert_eq!(queued, 0);
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

//! Withdrawn consent: events are deleted everywhere, and only their numbers are sent.

use std::collections::BTreeMap;

use crate::origin::{World, accepted, failing};
use lamplight_sdk::notes::Note;
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::PageEvent;
use lamplight_wire::batch::Body;

impl World {
    /// The remaining keys, without the namespace.
    fn keys(&self) -> Vec<String> {
        let origin = self.origin.borrow();
        origin.values.keys().map(|key| key.trim_start_matches("ll:").to_owned()).collect()
    }

    /// How many numbers of all producers were declared as `opted_out`, and how many events were
    /// sent.
    fn declared_and_sent(&self) -> (u64, usize) {
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
fn waiting_events_are_deleted_at_once_declared_and_never_sent() {
    let mut world = World::new(Options::default());
    let tab = world.open();
    world.track(tab, 5);
    world.clients[tab].withdraw(false);
    // The anonymous id stays: a user who consents again is the same person.
    assert_eq!(world.keys().iter().filter(|key| key.contains("q:")).count(), 0);
    assert!(world.keys().contains(&"u".to_owned()), "{:?}", world.keys());
    world.advance(10_000, &accepted());
    assert_eq!(world.declared_and_sent(), (5, 0));
    let notes = world.clients[tab].take_notes();
    assert_eq!(notes.iter().filter(|note| matches!(note, Note::Dropped { .. })).count(), 5);
    assert!(notes.contains(&Note::Withdrawn));
    assert!(!world.keys().iter().any(|key| key.contains("p:")), "{:?}", world.keys());
}

#[test]
fn forgetting_leaves_only_the_consent_decision_in_storage() {
    let mut world = World::new(Options::default());
    let tab = world.open();
    world.clients[tab].identify(Some("u-1"));
    world.track(tab, 3);
    world.clients[tab].withdraw(true);
    world.advance(10_000, &accepted());
    assert_eq!(world.keys(), ["o"]);
}

#[test]
fn a_declaration_that_fails_is_retried() {
    let mut world = World::new(Options::default());
    let tab = world.open();
    world.track(tab, 3);
    world.clients[tab].withdraw(true);
    world.advance(20_000, &failing());
    assert!(world.bodies.len() > 1, "it was not retried");
    world.bodies.clear();
    world.advance(60_000, &accepted());
    assert_eq!(world.declared_and_sent(), (3, 0));
}

#[test]
fn orphaned_events_are_deleted_from_storage_and_overflow() {
    let mut world = World::new(Options { storage_bytes_max: 4_000, ..Options::default() });
    let gone = world.open();
    world.track(gone, 300);
    world.advance(2_000, &failing());
    world.track(gone, 5);
    world.advance(2_000, &failing());
    world.clients.clear();
    assert!(!world.origin.borrow().blocks.is_empty(), "nothing is in the overflow");
    assert!(world.keys().iter().any(|key| key.contains("q:")), "nothing is in storage");
    world.bodies.clear();

    let tab = world.open();
    world.clients[tab].withdraw(true);
    world.advance(30_000, &accepted());
    let (declared, events) = world.declared_and_sent();
    assert_eq!((declared, events), (305, 0));
    assert!(world.bodies.len() <= 6, "{} requests to declare it", world.bodies.len());
    assert!(world.origin.borrow().blocks.is_empty());
    // The lock's register stays as well; it identifies nobody.
    assert_eq!(world.keys(), ["l:x", "o"]);
}

#[test]
fn a_compacted_backlog_is_deleted_and_declared() {
    let mut world = World::new(Options::default());
    let tab = world.open();
    world.track(tab, 700);
    world.advance(90_000, &failing());
    assert!(world.keys().iter().any(|key| key.contains("b:")), "nothing was compacted");
    world.bodies.clear();
    world.clients[tab].withdraw(true);
    assert!(!world.keys().iter().any(|key| key.contains("b:") || key.contains("q:")));
    world.advance(120_000, &accepted());
    assert_eq!(world.declared_and_sent(), (700, 0));
    let [_, queued, ..] = world.clients[tab].counters();
    assert_eq!(queued, 0);
}

#[test]
fn other_live_tabs_delete_their_events_before_they_send_again() {
    let mut world = World::new(Options::default());
    let (one, two) = (world.open(), world.open());
    world.track(one, 2);
    world.track(two, 4);
    // Meanwhile the second tab is frozen, with its events in memory.
    world.clients[two].page_event(PageEvent::Frozen);
    world.clients[two].ports().sent.clear();
    world.clients[one].withdraw(false);
    world.advance(5_000, &accepted());
    world.clients[two].page_event(PageEvent::Back);
    world.advance(10_000, &accepted());
    assert_eq!(world.declared_and_sent(), (6, 0));
    assert!(world.clients[two].take_notes().contains(&Note::Withdrawn));
    assert!(world.clients[two].is_withdrawn());
}

#[test]
fn a_withdrawal_between_two_scans_stops_sending() {
    let mut world = World::new(Options::default());
    let (one, two) = (world.open(), world.open());
    world.track(two, 1);
    world.advance(300, &accepted());
    assert_eq!(world.declared_and_sent(), (0, 1));
    world.track(two, 4);
    world.clients[one].withdraw(false);
    world.advance(1_000, &accepted());
    assert_eq!(world.declared_and_sent(), (4, 1));
}

#[test]
fn later_pages_start_withdrawn_until_consent_is_given_again() {
    let mut world = World::new(Options::default());
    let tab = world.open();
    world.clients[tab].withdraw(false);
    let later = world.open();
    assert!(world.clients[later].is_withdrawn());
    world.clients[later].consent();
    assert!(!world.clients[later].is_withdrawn());
    world.track(later, 2);
    world.advance(10_000, &accepted());
    assert_eq!(world.declared_and_sent(), (0, 2));
    let last = world.open();
    assert!(!world.clients[last].is_withdrawn());
}

#[test]
fn a_withdrawn_page_with_nothing_to_declare_sets_no_timer() {
    let mut world = World::new(Options::default());
    let tab = world.open();
    world.clients[tab].withdraw(true);
    world.advance(20_000, &accepted());
    assert!(world.bodies.is_empty());
    assert_eq!(world.clients[tab].next_wake_ms(), None);
}

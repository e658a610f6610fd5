//! Withdrawn consent: events are deleted everywhere, and only their numbers are sent.

use std::collections::BTreeMap;

use crate::origin::{TestTabs, accepted, failing};
use lamplight_sdk::client::Client;
use lamplight_sdk::notes::Note;
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::PageEvent;
use lamplight_wire::batch::Body;

impl TestTabs {
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
    let mut tabs = TestTabs::new(Options::default());
    let tab = tabs.open();
    tabs.track(tab, 5);
    tabs.clients[tab].withdraw(false);
    // The anonymous id stays: a user who consents again is the same person.
    assert_eq!(tabs.keys().iter().filter(|key| key.contains("q:")).count(), 0);
    assert!(tabs.keys().contains(&"u".to_owned()), "{:?}", tabs.keys());
    tabs.advance(10_000, &accepted());
    assert_eq!(tabs.declared_and_sent(), (5, 0));
    let notes = tabs.clients[tab].take_notes();
    assert_eq!(notes.iter().filter(|note| matches!(note, Note::Dropped { .. })).count(), 5);
    assert!(notes.contains(&Note::Withdrawn));
    assert!(!tabs.keys().iter().any(|key| key.contains("p:")), "{:?}", tabs.keys());
}

#[test]
fn forgetting_leaves_only_the_consent_decision_in_storage() {
    let mut tabs = TestTabs::new(Options::default());
    let tab = tabs.open();
    tabs.clients[tab].identify(Some("u-1"));
    tabs.track(tab, 3);
    tabs.clients[tab].withdraw(true);
    tabs.advance(10_000, &accepted());
    assert_eq!(tabs.keys(), ["o"]);
}

#[test]
fn a_declaration_that_fails_is_retried() {
    let mut tabs = TestTabs::new(Options::default());
    let tab = tabs.open();
    tabs.track(tab, 3);
    tabs.clients[tab].withdraw(true);
    tabs.advance(20_000, &failing());
    assert!(tabs.bodies.len() > 1, "it was not retried");
    tabs.bodies.clear();
    tabs.advance(60_000, &accepted());
    assert_eq!(tabs.declared_and_sent(), (3, 0));
}

#[test]
fn orphaned_events_are_deleted_from_storage_and_overflow() {
    let mut tabs = TestTabs::new(Options { storage_bytes_max: 4_000, ..Options::default() });
    let gone = tabs.open();
    tabs.track(gone, 300);
    tabs.advance(2_000, &failing());
    tabs.track(gone, 5);
    tabs.advance(2_000, &failing());
    tabs.clients.clear();
    assert!(!tabs.origin.borrow().blocks.is_empty(), "nothing is in the overflow");
    assert!(tabs.keys().iter().any(|key| key.contains("q:")), "nothing is in storage");
    tabs.bodies.clear();

    let tab = tabs.open();
    tabs.clients[tab].withdraw(true);
    tabs.advance(30_000, &accepted());
    let (declared, events) = tabs.declared_and_sent();
    assert_eq!((declared, events), (305, 0));
    assert!(tabs.bodies.len() <= 6, "{} requests to declare it", tabs.bodies.len());
    assert!(tabs.origin.borrow().blocks.is_empty());
    // The lock's register stays as well; it identifies nobody.
    assert_eq!(tabs.keys(), ["l:x", "o"]);
}

#[test]
fn a_compacted_backlog_is_deleted_and_declared() {
    let mut tabs = TestTabs::new(Options::default());
    let tab = tabs.open();
    tabs.track(tab, 700);
    tabs.advance(90_000, &failing());
    assert!(tabs.keys().iter().any(|key| key.contains("b:")), "nothing was compacted");
    tabs.bodies.clear();
    tabs.clients[tab].withdraw(true);
    assert!(!tabs.keys().iter().any(|key| key.contains("b:") || key.contains("q:")));
    tabs.advance(120_000, &accepted());
    assert_eq!(tabs.declared_and_sent(), (700, 0));
    let [_, queued, ..] = tabs.clients[tab].counters();
    assert_eq!(queued, 0);
}

#[test]
fn other_live_tabs_delete_their_events_before_they_send_again() {
    let mut tabs = TestTabs::new(Options::default());
    let (one, two) = (tabs.open(), tabs.open());
    tabs.track(one, 2);
    tabs.track(two, 4);
    // Meanwhile the second tab is frozen, with its events in memory.
    tabs.clients[two].page_event(PageEvent::Frozen);
    tabs.clients[two].ports().sent.clear();
    tabs.clients[one].withdraw(false);
    tabs.advance(5_000, &accepted());
    tabs.clients[two].page_event(PageEvent::Back);
    tabs.advance(10_000, &accepted());
    assert_eq!(tabs.declared_and_sent(), (6, 0));
    assert!(tabs.clients[two].take_notes().contains(&Note::Withdrawn));
    assert!(tabs.clients[two].is_withdrawn());
}

#[test]
fn a_withdrawal_between_two_scans_stops_sending() {
    let mut tabs = TestTabs::new(Options::default());
    let (one, two) = (tabs.open(), tabs.open());
    tabs.track(two, 1);
    tabs.advance(300, &accepted());
    assert_eq!(tabs.declared_and_sent(), (0, 1));
    tabs.track(two, 4);
    tabs.clients[one].withdraw(false);
    tabs.advance(1_000, &accepted());
    assert_eq!(tabs.declared_and_sent(), (4, 1));
}

#[test]
fn later_pages_start_withdrawn_until_consent_is_given_again() {
    let mut tabs = TestTabs::new(Options::default());
    let tab = tabs.open();
    tabs.clients[tab].withdraw(false);
    let later = tabs.open();
    assert!(tabs.clients[later].is_withdrawn());
    tabs.clients[later].consent();
    assert!(!tabs.clients[later].is_withdrawn());
    tabs.track(later, 2);
    tabs.advance(10_000, &accepted());
    assert_eq!(tabs.declared_and_sent(), (0, 2));
    let last = tabs.open();
    assert!(!tabs.clients[last].is_withdrawn());
}

#[test]
fn a_withdrawn_page_with_nothing_to_declare_sets_no_timer() {
    let mut tabs = TestTabs::new(Options::default());
    let tab = tabs.open();
    tabs.clients[tab].withdraw(true);
    tabs.advance(20_000, &accepted());
    assert!(tabs.bodies.is_empty());
    assert_eq!(tabs.clients[tab].next_wake_ms(), None);
}

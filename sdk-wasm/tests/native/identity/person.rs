//! The person in every tab: what one tab's page calls `identify` or `reset` with applies to the
//! others too.

use crate::origin::{TestTabs, accepted};
use lamplight_sdk::client::Client;
use lamplight_sdk::options::Options;
use lamplight_wire::batch::Body;

/// How long an open tab may take to follow another tab, in milliseconds.
const FOLLOWS_MS: u64 = 4_100;

/// Who an event belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Attribution {
    id: Option<String>,
    anonymous: String,
    session: String,
}

impl TestTabs {
    /// Tracks an event in `tab`; returns who it belongs to.
    fn attribution_of(&mut self, tab: usize) -> Attribution {
        self.bodies.clear();
        self.track(tab, 1);
        self.advance(6_000, &accepted());
        let events: Vec<serde_json::Value> = self
            .bodies
            .iter()
            .flat_map(|body| Body::read(body).unwrap().events)
            .map(|event| serde_json::from_str(event).unwrap())
            .collect();
        let [event] = &events[..] else { panic!("not one event: {events:?}") };
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        Attribution {
            id: text(&event["user"]["id"]),
            anonymous: text(&event["user"]["anonymous_id"]).unwrap(),
            session: text(&event["session"]).unwrap(),
        }
    }

    /// Two ids, each of which has tracked an event.
    fn two_tabs(options: Options) -> (Self, [usize; 2], Attribution) {
        let mut tabs = Self::new(options);
        let ids = [tabs.open(), tabs.open()];
        let [first, second] = ids.map(|tab| tabs.attribution_of(tab));
        assert_eq!(first, second, "ids share a person from the beginning");
        (tabs, ids, first)
    }

    fn identify(&mut self, tab: usize, id: Option<&str>) {
        self.clients[tab].identify(id);
        self.advance(FOLLOWS_MS, &accepted());
    }
}

#[test]
fn an_identified_user_applies_to_every_tab() {
    let (mut tabs, [one, other], before) = TestTabs::two_tabs(Options::default());
    tabs.identify(one, Some("u-1"));
    let named = tabs.attribution_of(other);
    assert_eq!(named.id.as_deref(), Some("u-1"));
    assert_eq!((named.anonymous, named.session), (before.anonymous, before.session));
    // The last call applies, whichever tab makes it.
    tabs.identify(other, Some("u-2"));
    assert_eq!(tabs.attribution_of(one).id.as_deref(), Some("u-2"));
}

#[test]
fn a_reset_in_one_tab_applies_to_every_tab() {
    let (mut tabs, [one, other], before) = TestTabs::two_tabs(Options::default());
    tabs.identify(one, Some("u-1"));
    tabs.identify(other, None);
    let [one, other] = [one, other].map(|tab| tabs.attribution_of(tab));
    assert_eq!(one, other);
    assert_eq!(one.id, None);
    assert_ne!(one.anonymous, before.anonymous);
    assert_ne!(one.session, before.session);
}

#[test]
fn a_tab_keeps_a_user_id_that_storage_refused() {
    let (mut tabs, [one, other], _) = TestTabs::two_tabs(Options::default());
    tabs.identify(other, Some("u-1"));
    tabs.clients[one].ports().refuses = true;
    tabs.identify(one, Some("u-2"));
    tabs.clients[one].ports().refuses = false;
    assert_eq!(tabs.attribution_of(one).id.as_deref(), Some("u-2"), "storage still has another");
}

#[test]
fn an_unreadable_person_stays_the_same() {
    let (mut tabs, [one, other], before) = TestTabs::two_tabs(Options::default());
    tabs.clients[other].ports().unreadable = Some("ll:u".to_owned());
    tabs.advance(FOLLOWS_MS, &accepted());
    assert_eq!(tabs.attribution_of(other), before);
    // The key now holds a malformed person.
    tabs.clients[other].ports().unreadable = None;
    tabs.origin.borrow_mut().values.insert("ll:u".to_owned(), "nobody".to_owned());
    tabs.advance(FOLLOWS_MS, &accepted());
    assert_eq!([one, other].map(|tab| tabs.attribution_of(tab)), [before.clone(), before]);
}

#[test]
fn a_reset_without_consent_leaves_no_person_in_storage() {
    let (mut tabs, [one, other], before) = TestTabs::two_tabs(Options::default());
    tabs.clients[one].withdraw(false);
    tabs.identify(one, None);
    assert!(!tabs.origin.borrow().values.contains_key("ll:u"));
    tabs.clients[one].consent();
    tabs.clients[other].consent();
    let [one, other] = [one, other].map(|tab| tabs.attribution_of(tab));
    assert_eq!(one, other);
    assert_ne!(one.anonymous, before.anonymous);
}

//! The person in every tab: what one tab's page calls `identify` or `reset` with applies to the
//! others too.

use crate::origin::{World, accepted};
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

impl World {
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

    /// Two tabs, each of which has tracked an event.
    fn two_tabs(options: Options) -> (Self, [usize; 2], Attribution) {
        let mut world = Self::new(options);
        let tabs = [world.open(), world.open()];
        let [first, second] = tabs.map(|tab| world.attribution_of(tab));
        assert_eq!(first, second, "tabs share a person from the beginning");
        (world, tabs, first)
    }

    fn identify(&mut self, tab: usize, id: Option<&str>) {
        self.clients[tab].identify(id);
        self.advance(FOLLOWS_MS, &accepted());
    }
}

#[test]
fn an_identified_user_applies_to_every_tab() {
    let (mut world, [one, other], before) = World::two_tabs(Options::default());
    world.identify(one, Some("u-1"));
    let named = world.attribution_of(other);
    assert_eq!(named.id.as_deref(), Some("u-1"));
    assert_eq!((named.anonymous, named.session), (before.anonymous, before.session));
    // The last call applies, whichever tab makes it.
    world.identify(other, Some("u-2"));
    assert_eq!(world.attribution_of(one).id.as_deref(), Some("u-2"));
}

#[test]
fn a_reset_in_one_tab_applies_to_every_tab() {
    let (mut world, [one, other], before) = World::two_tabs(Options::default());
    world.identify(one, Some("u-1"));
    world.identify(other, None);
    let [one, other] = [one, other].map(|tab| world.attribution_of(tab));
    assert_eq!(one, other);
    assert_eq!(one.id, None);
    assert_ne!(one.anonymous, before.anonymous);
    assert_ne!(one.session, before.session);
}

#[test]
fn a_tab_keeps_a_user_id_that_storage_refused() {
    let (mut world, [one, other], _) = World::two_tabs(Options::default());
    world.identify(other, Some("u-1"));
    world.clients[one].ports().refuses = true;
    world.identify(one, Some("u-2"));
    world.clients[one].ports().refuses = false;
    assert_eq!(world.attribution_of(one).id.as_deref(), Some("u-2"), "storage still has another");
}

#[test]
fn an_unreadable_person_stays_the_same() {
    let (mut world, [one, other], before) = World::two_tabs(Options::default());
    world.clients[other].ports().unreadable = Some("ll:u".to_owned());
    world.advance(FOLLOWS_MS, &accepted());
    assert_eq!(world.attribution_of(other), before);
    // The key now holds a malformed person.
    world.clients[other].ports().unreadable = None;
    world.origin.borrow_mut().values.insert("ll:u".to_owned(), "nobody".to_owned());
    world.advance(FOLLOWS_MS, &accepted());
    assert_eq!([one, other].map(|tab| world.attribution_of(tab)), [before.clone(), before]);
}

#[test]
fn a_reset_without_consent_leaves_no_person_in_storage() {
    let (mut world, [one, other], before) = World::two_tabs(Options::default());
    world.clients[one].withdraw(false);
    world.identify(one, None);
    assert!(!world.origin.borrow().values.contains_key("ll:u"));
    world.clients[one].consent();
    world.clients[other].consent();
    let [one, other] = [one, other].map(|tab| world.attribution_of(tab));
    assert_eq!(one, other);
    assert_ne!(one.anonymous, before.anonymous);
}

//! How storage keys are spelled.
//!
//! | key | value | written by | removed by |
//! |---|---|---|---|
//! | `<ns>:q:<producer>:<seq>` | an event's JSON text | its producer, once | its producer or an adopter, after a 2xx |
//! | `<ns>:b:<block's name>` | a block of events | their producer, once | its producer or an adopter, after a 2xx for all |
//! | `<ns>:p:<producer>` | the producer's mark | its producer | its producer or an adopter |
//! | `<ns>:l:x`, `<ns>:l:y` | registers of the tab lock | any tab | the tab whose name is in it |
//! | `<ns>:s` | the session: its last event's time and its name | any tab | [`crate::identity::session`] |
//! | `<ns>:u` | the person: a random name and an id | any tab | [`crate::identity::person`] |
//! | `<ns>:f` | the page that the person was first seen on, as JSON text | any page, if it is not there | `browser/host.js` |
//! | `<ns>:o` | consent was withdrawn in this browser | any tab | any tab that is given consent again |
//! | `<ns>:l:lease` | who works for the others | the tab that holds the lock | the tab whose name is in it |

use lamplight_wire::producer::PRODUCER_CHARS;
use lamplight_wire::{Producer, json};

use crate::queue::block;
use crate::text;

/// The keys of one namespace.
#[derive(Debug, Clone)]
pub struct Keys {
    namespace: String,
}

/// What a key of ours says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// An event's text.
    Event(Producer, u64),
    /// A block of events.
    Block(block::BlockName),
    /// A producer's mark.
    Heartbeat(Producer),
}

impl Keys {
    /// The keys that begin with `namespace`.
    pub fn new(namespace: &str) -> Self {
        Self { namespace: String::from(namespace) }
    }

    /// What every key begins with.
    pub fn prefix(&self) -> String {
        self.join(":")
    }

    /// What the keys of all events that have one each begin with, and those of all blocks.
    pub fn event_prefixes(&self) -> [String; 2] {
        [self.join(":q:"), self.join(":b:")]
    }

    /// What the keys of a producer's events begin with.
    pub fn event_prefix(&self, producer: Producer) -> String {
        let mut key = self.join(":q:");
        producer.push_to(&mut key);
        key.push(':');
        key
    }

    /// Where an event's text stands.
    pub fn event(&self, producer: Producer, seq: u64) -> String {
        let mut key = self.event_prefix(producer);
        json::push_integer(&mut key, seq);
        key
    }

    /// Where a block stands.
    pub fn block(&self, name: block::BlockName) -> String {
        let mut key = self.join(":b:");
        name.push_to(&mut key);
        key
    }

    /// Where a producer's mark stands.
    pub fn heartbeat(&self, producer: Producer) -> String {
        let mut key = self.join(":p:");
        producer.push_to(&mut key);
        key
    }

    /// The lock's register for who came last.
    pub fn lock_x(&self) -> String {
        self.join(":l:x")
    }

    /// The lock's register for who holds it.
    pub fn lock_y(&self) -> String {
        self.join(":l:y")
    }

    /// Where the lease stands.
    pub fn lease(&self) -> String {
        self.join(":l:lease")
    }

    /// Where the browser session stands.
    pub fn session(&self) -> String {
        self.join(":s")
    }

    /// Where the person stands.
    pub fn person(&self) -> String {
        self.join(":u")
    }

    /// Where it stands that consent was withdrawn.
    pub fn consent_withdrawn(&self) -> String {
        self.join(":o")
    }

    /// What a key says; `None` when it is none of a producer's.
    pub fn parse(&self, key: &str) -> Option<Key> {
        let rest = key.strip_prefix(self.namespace.as_str())?;
        if let Some(rest) = rest.strip_prefix(":q:") {
            let (producer, seq) = text::split_once(rest, b':')?;
            return Some(Key::Event(Producer::parse(producer)?, text::parse_number(seq)?));
        }
        if let Some(name) = rest.strip_prefix(":b:") {
            return Some(Key::Block(block::BlockName::parse(name)?));
        }
        Some(Key::Heartbeat(Producer::parse(rest.strip_prefix(":p:")?)?))
    }

    fn join(&self, rest: &str) -> String {
        let mut key =
            String::with_capacity(self.namespace.len() + rest.len() + PRODUCER_CHARS + 12);
        key.push_str(&self.namespace);
        key.push_str(rest);
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_parses_back_to_its_parts() {
        let keys = Keys::new("ll:7");
        let producer = Producer::from_bits(42);
        assert_eq!(keys.parse(&keys.event(producer, 17)), Some(Key::Event(producer, 17)));
        let name = block::BlockName { producer, number: 1, events: 2, bytes: 3 };
        assert_eq!(keys.parse(&keys.block(name)), Some(Key::Block(name)));
        assert_eq!(keys.parse(&keys.heartbeat(producer)), Some(Key::Heartbeat(producer)));
    }

    #[test]
    fn lock_keys_and_foreign_keys_do_not_parse() {
        let keys = Keys::new("ll:7");
        for key in [&keys.lock_x(), &keys.lease(), "ll:70:p:x", "ll:7:q:short:1", "cart", ""] {
            assert_eq!(keys.parse(key), None, "{key}");
        }
    }
}

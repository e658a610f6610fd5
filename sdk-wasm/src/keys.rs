//! The names of storage keys. `<ns>` is the namespace.
//!
//! | key | value | written by | removed by |
//! |---|---|---|---|
//! | `<ns>:q:<producer>:<seq>` | an event's JSON text | its producer, once | sender, after a 2xx |
//! | `<ns>:b:<block name>` | a block of events | its producer, once | sender, after a 2xx for all |
//! | `<ns>:p:<producer>` | its heartbeat | its producer | its producer or an adopter |
//! | `<ns>:l:x`, `<ns>:l:y` | tab lock registers | any tab | the tab that it names |
//! | `<ns>:l:lease` | the lease | the lock's holder | the tab that it names |
//! | `<ns>:s` | session id, last event's time | any tab | [`crate::identity::session`] |
//! | `<ns>:u` | anonymous id and user id | any tab | [`crate::identity::person`] |
//! | `<ns>:f` | the person's first page, as JSON | any page, once | `npm/src/first_page.ts` |
//! | `<ns>:o` | consent was withdrawn; empty: and given again | any tab | nobody |
//! | `ll:<hash>:n` | the namespace of an address or write key | any page, once | nobody |
//!
//! The sender of an event is its producer or an adopter. `npm/src/namespace.ts` has the last key.

use lamplight_wire::producer::PRODUCER_CHARS;
use lamplight_wire::{Producer, json};

use crate::queue::block;
use crate::text;

/// The keys of one namespace.
#[derive(Debug, Clone)]
pub struct StorageKeys {
    namespace: String,
}

/// A parsed key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageKey {
    /// An event's text.
    Event(Producer, u64),
    /// A block of events.
    Block(block::BlockName),
    /// A producer's heartbeat.
    Heartbeat(Producer),
}

impl StorageKeys {
    /// Creates the keys of `namespace`.
    pub fn new(namespace: &str) -> Self {
        Self { namespace: String::from(namespace) }
    }

    /// The prefix of every key.
    pub fn prefix(&self) -> String {
        self.join(":")
    }

    /// The prefixes of all single events' keys and of all blocks' keys.
    pub fn event_prefixes(&self) -> [String; 2] {
        [self.join(":q:"), self.join(":b:")]
    }

    /// The prefix of the keys of a producer's events.
    pub fn event_prefix(&self, producer: Producer) -> String {
        let mut key = self.join(":q:");
        producer.push_to(&mut key);
        key.push(':');
        key
    }

    /// The key of an event.
    pub fn event(&self, producer: Producer, seq: u64) -> String {
        let mut key = self.event_prefix(producer);
        json::push_integer(&mut key, seq);
        key
    }

    /// The key of a block.
    pub fn block(&self, name: block::BlockName) -> String {
        let mut key = self.join(":b:");
        name.push_to(&mut key);
        key
    }

    /// The key of a producer's heartbeat.
    pub fn heartbeat(&self, producer: Producer) -> String {
        let mut key = self.join(":p:");
        producer.push_to(&mut key);
        key
    }

    /// The lock's register for the last request.
    pub fn lock_x(&self) -> String {
        self.join(":l:x")
    }

    /// The lock's register for the holder.
    pub fn lock_y(&self) -> String {
        self.join(":l:y")
    }

    /// The key of the lease.
    pub fn lease(&self) -> String {
        self.join(":l:lease")
    }

    /// The key of the browser session.
    pub fn session(&self) -> String {
        self.join(":s")
    }

    /// The key of the person.
    pub fn person(&self) -> String {
        self.join(":u")
    }

    /// The key that records that consent was withdrawn.
    pub fn consent_withdrawn(&self) -> String {
        self.join(":o")
    }

    /// Parses a key; `None` when it belongs to no producer.
    pub fn parse(&self, key: &str) -> Option<StorageKey> {
        let rest = key.strip_prefix(self.namespace.as_str())?;
        if let Some(rest) = rest.strip_prefix(":q:") {
            let (producer, seq) = text::split_once(rest, b':')?;
            return Some(StorageKey::Event(Producer::parse(producer)?, text::parse_number(seq)?));
        }
        if let Some(name) = rest.strip_prefix(":b:") {
            return Some(StorageKey::Block(block::BlockName::parse(name)?));
        }
        Some(StorageKey::Heartbeat(Producer::parse(rest.strip_prefix(":p:")?)?))
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
        let keys = StorageKeys::new("ll:7");
        let producer = Producer::from_bits(42);
        assert_eq!(keys.parse(&keys.event(producer, 17)), Some(StorageKey::Event(producer, 17)));
        let name = block::BlockName { producer, number: 1, events: 2, bytes: 3 };
        assert_eq!(keys.parse(&keys.block(name)), Some(StorageKey::Block(name)));
        assert_eq!(keys.parse(&keys.heartbeat(producer)), Some(StorageKey::Heartbeat(producer)));
    }

    #[test]
    fn every_key_has_the_name_that_other_pages_and_the_host_expect() {
        let (keys, producer) = (StorageKeys::new("ll:7"), Producer::from_bits(42));
        let name = block::BlockName { producer, number: 1, events: 2, bytes: 3 };
        let names = [
            (keys.prefix(), String::from("ll:7:")),
            (keys.event(producer, 17), format!("ll:7:q:{producer}:17")),
            (keys.event_prefix(producer), format!("ll:7:q:{producer}:")),
            (keys.block(name), format!("ll:7:b:{producer}:1:2:3")),
            (keys.heartbeat(producer), format!("ll:7:p:{producer}")),
            (keys.lock_x(), String::from("ll:7:l:x")),
            (keys.lock_y(), String::from("ll:7:l:y")),
            (keys.lease(), String::from("ll:7:l:lease")),
            (keys.session(), String::from("ll:7:s")),
            (keys.person(), String::from("ll:7:u")),
            (keys.consent_withdrawn(), String::from("ll:7:o")),
        ];
        for (key, expected) in names {
            assert_eq!(key, expected);
        }
        assert_eq!(keys.event_prefixes(), ["ll:7:q:", "ll:7:b:"]);
    }

    #[test]
    fn lock_keys_and_foreign_keys_do_not_parse() {
        let keys = StorageKeys::new("ll:7");
        for key in [&keys.lock_x(), &keys.lease(), "ll:70:p:x", "ll:7:q:short:1", "cart", ""] {
            assert_eq!(keys.parse(key), None, "{key}");
        }
    }
}

//! One event: how the browser writes it and how the server reads it.

use crate::{Producer, json};

#[cfg(feature = "serde")]
mod difference;
#[cfg(feature = "serde")]
mod identity;
#[cfg(feature = "serde")]
mod read;
#[cfg(feature = "serde")]
pub use difference::{Difference, Differences};
#[cfg(feature = "serde")]
pub use identity::EventIdentity;
#[cfg(feature = "serde")]
pub use read::{Event, Invalid, Kind};

/// The parts of an event that the SDK writes, all in ASCII. Every `*_json` part is a JSON text;
/// every other text is escaped as inside a JSON string. Storage then needs one byte per character:
/// a single character outside Latin-1 would double the size of the whole text.
#[derive(Debug, Clone, Copy)]
pub struct EventParts<'a> {
    /// The event's name.
    pub name: &'a str,
    /// Milliseconds since 1970 by the client's clock.
    pub ts: u64,
    /// The producer that numbered it.
    pub producer: Producer,
    /// Its sequence number there, from 1.
    pub seq: u64,
    /// The `properties` object, or empty. The members from here on follow in this order, and each
    /// is left out when empty.
    pub properties_json: &'a str,
    /// The event's type, or empty for `default`.
    pub kind: &'a str,
    /// The `user` object, or empty.
    pub user_json: &'a str,
    /// The browser session, or empty.
    pub session: &'a str,
    /// The `context` object, or empty.
    pub context_json: &'a str,
    /// The `monitor` object, or empty.
    pub monitor_json: &'a str,
}

impl EventParts<'_> {
    /// Appends the event's JSON text in ASCII, exactly as it is stored and sent.
    pub fn push_to(&self, out: &mut String) {
        out.push_str("{\"name\":");
        json::push_quoted(out, self.name);
        out.push_str(",\"ts\":");
        json::push_integer(out, self.ts);
        out.push_str(",\"producer\":\"");
        self.producer.push_to(out);
        out.push_str("\",\"seq\":");
        json::push_integer(out, self.seq);
        push_member(out, ",\"properties\":", self.properties_json);
        if !self.kind.is_empty() {
            out.push_str(",\"type\":");
            json::push_quoted(out, self.kind);
        }
        push_member(out, ",\"user\":", self.user_json);
        if !self.session.is_empty() {
            out.push_str(",\"session\":");
            json::push_quoted(out, self.session);
        }
        push_member(out, ",\"context\":", self.context_json);
        push_member(out, ",\"monitor\":", self.monitor_json);
        out.push('}');
    }
}

fn push_member(out: &mut String, key: &str, value_json: &str) {
    if !value_json.is_empty() {
        out.push_str(key);
        out.push_str(value_json);
    }
}

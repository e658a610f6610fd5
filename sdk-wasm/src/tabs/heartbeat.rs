//! A producer's heartbeat in storage: whether its page lives or has left, and how far it has
//! numbered.

use lamplight_wire::json;

use crate::text;

/// How often a page with waiting events writes a new heartbeat, in milliseconds.
pub const HEARTBEAT_MS: u64 = 15_000;

/// The content of a heartbeat key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// The page wrote this when it was left.
    pub has_left: bool,
    /// The number that its next event will get.
    pub next: u64,
    /// The producer has blocks in the overflow.
    pub has_overflow: bool,
}

impl Heartbeat {
    /// `<counter>:<next>` or `gone:<next>`, followed by `:b` if there are blocks in the overflow.
    pub fn write(self, counter: u64) -> String {
        let mut text = String::new();
        if self.has_left {
            text.push_str("gone");
        } else {
            json::push_integer(&mut text, counter);
        }
        text.push(':');
        json::push_integer(&mut text, self.next);
        if self.has_overflow {
            text.push_str(":b");
        }
        text
    }

    /// Reads a heartbeat. Malformed text counts as a live page about which nothing is known.
    pub fn parse(text: &str) -> Self {
        let (first, rest) = text::split_once(text, b':').unwrap_or_default();
        let (next, suffix) = text::split_once(rest, b':').unwrap_or((rest, ""));
        Self {
            has_left: first == "gone",
            next: text::parse_number(next).unwrap_or(0),
            has_overflow: suffix == "b",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_is_a_counter_or_gone_and_a_number() {
        let heartbeat = Heartbeat { has_left: false, next: 7, has_overflow: false };
        assert_eq!(heartbeat.write(3), "3:7");
        let left = Heartbeat { has_left: true, next: 7, has_overflow: true };
        assert_eq!(left.write(3), "gone:7:b");
        let read = Heartbeat::parse("gone:x:c");
        assert_eq!(read, Heartbeat { has_left: true, next: 0, has_overflow: false });
    }

    #[test]
    fn a_heartbeat_round_trips() {
        for (has_left, next, has_overflow) in [(false, 7, true), (true, 1, false)] {
            let heartbeat = Heartbeat { has_left, next, has_overflow };
            assert_eq!(Heartbeat::parse(&heartbeat.write(3)), heartbeat);
        }
        assert_eq!(
            Heartbeat::parse("nonsense"),
            Heartbeat { has_left: false, next: 0, has_overflow: false }
        );
    }
}

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
    pub gone: bool,
    /// The number that its next event will get.
    pub next: u64,
    /// The producer has blocks in the overflow.
    pub overflows: bool,
}

impl Heartbeat {
    /// `<counter>:<next>` or `gone:<next>`, followed by `:b` if there are blocks in the overflow.
    pub fn write(self, beat: u64) -> String {
        let mut text = String::new();
        if self.gone {
            text.push_str("gone");
        } else {
            json::push_integer(&mut text, beat);
        }
        text.push(':');
        json::push_integer(&mut text, self.next);
        if self.overflows {
            text.push_str(":b");
        }
        text
    }

    /// Reads a heartbeat. Malformed text counts as a live page about which nothing is known.
    pub fn parse(text: &str) -> Self {
        let (beat, rest) = text::split_once(text, b':').unwrap_or_default();
        let (next, more) = text::split_once(rest, b':').unwrap_or((rest, ""));
        Self {
            gone: beat == "gone",
            next: text::parse_number(next).unwrap_or(0),
            overflows: more == "b",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_round_trips() {
        for (gone, next, overflows) in [(false, 7, true), (true, 1, false)] {
            let mark = Heartbeat { gone, next, overflows };
            assert_eq!(Heartbeat::parse(&mark.write(3)), mark);
        }
        assert_eq!(
            Heartbeat::parse("nonsense"),
            Heartbeat { gone: false, next: 0, overflows: false }
        );
    }
}

//! Blocks: up to one batch of a producer's events in one text, so that a long backlog is a few
//! values and not thousands.
//!
//! A block is stored under its own key in storage, or in the overflow. Its producer writes it once.
//! Each line is `<seq> <event's text>`. The texts are ASCII JSON without line breaks, so no block
//! is ever parsed further.

use lamplight_wire::producer::PRODUCER_CHARS;
use lamplight_wire::{Producer, json};

use crate::text;

/// Most events in a block.
pub const EVENTS_MAX: usize = 100;
/// Most bytes of events in a block, unless a single event is larger.
pub const BYTES_MAX: usize = 60 * 1000;

/// A block's name, which also describes it: `<producer>:<number>:<events>:<bytes>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockName {
    /// The producer of its events.
    pub producer: Producer,
    /// The block's number at this producer, counted from 1.
    pub number: u64,
    /// How many events were written into it.
    pub events: u64,
    /// The length of its text.
    pub bytes: usize,
}

impl BlockName {
    /// Appends the name to `out`.
    pub fn push_to(self, out: &mut String) {
        self.producer.push_to(out);
        for part in [self.number, self.events, self.bytes as u64] {
            out.push(':');
            json::push_integer(out, part);
        }
    }

    /// The name as text.
    pub fn write(self) -> String {
        let mut name = String::with_capacity(PRODUCER_CHARS + 20);
        self.push_to(&mut name);
        name
    }

    /// Parses a name.
    pub fn parse(name: &str) -> Option<Self> {
        let (producer, rest) = text::split_once(name, b':')?;
        let (number, rest) = text::split_once(rest, b':')?;
        let (events, bytes) = text::split_once(rest, b':')?;
        Some(Self {
            producer: Producer::parse(producer)?,
            number: text::parse_number(number)?,
            events: text::parse_number(events)?,
            bytes: usize::try_from(text::parse_number(bytes)?).ok()?,
        })
    }
}

/// Appends an event to a block's text.
pub fn push_line(block: &mut String, seq: u64, event: &str) {
    json::push_integer(block, seq);
    block.push(' ');
    block.push_str(event);
    block.push('\n');
}

/// The events in a block's text. Malformed lines are skipped.
pub fn lines(block: &str) -> Vec<(u64, String)> {
    let mut lines = Vec::new();
    let mut rest = block;
    while let Some((line, after)) = text::split_once(rest, b'\n') {
        rest = after;
        if let Some((seq, event)) = text::split_once(line, b' ')
            && let Some(seq) = text::parse_number(seq)
        {
            lines.push((seq, String::from(event)));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_block_names_parse_and_they_round_trip() {
        let name =
            BlockName { producer: Producer::from_bits(8), number: 3, events: 100, bytes: 59_000 };
        assert_eq!(BlockName::parse(&name.write()), Some(name));
        for text in
            ["", "x:1:2:3", "00000000000000000000000008:1:2", &format!("{}:4", name.write())]
        {
            assert_eq!(BlockName::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_block_round_trips_line_by_line() {
        let mut block = String::new();
        push_line(&mut block, 7, r#"{"name":"a b"}"#);
        push_line(&mut block, 9, "{}");
        let events = [(7, String::from(r#"{"name":"a b"}"#)), (9, String::from("{}"))];
        assert_eq!(lines(&block), events);
        assert_eq!(lines("broken\nx y\n7 {}"), [], "an incomplete line is skipped");
    }
}

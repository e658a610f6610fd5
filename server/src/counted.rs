//! A count and what is counted, as people write it: `1 event`, `2 events`.

use std::fmt;

/// A count with the words that follow it.
#[derive(Debug, Clone, Copy)]
pub struct Counted<'a> {
    count: u64,
    words: &'a str,
}

/// `one` follows the count 1, and `many` every other count.
///
/// ```
/// use lamplight_server::counted::counted;
/// assert_eq!(counted(1, "event was lost", "events were lost").to_string(), "1 event was lost");
/// assert_eq!(counted(0, "event", "events").to_string(), "0 events");
/// ```
pub const fn counted<'a>(count: u64, one: &'a str, many: &'a str) -> Counted<'a> {
    Counted { count, words: if count == 1 { one } else { many } }
}

impl fmt::Display for Counted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.count, self.words)
    }
}

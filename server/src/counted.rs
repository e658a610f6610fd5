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

/// A whole number with a comma between groups of three digits.
///
/// ```
/// use lamplight_server::counted::grouped;
/// assert_eq!([grouped(0_u64), grouped(999_u64), grouped(1_234_567_u64)], ["0", "999", "1,234,567"]);
/// ```
pub fn grouped(number: impl Into<u128>) -> String {
    let digits = number.into().to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl fmt::Display for Counted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.count, self.words)
    }
}

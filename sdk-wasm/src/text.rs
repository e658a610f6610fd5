//! Short ASCII texts, in storage, in responses and between clients.
//!
//! The standard library's searchers and number parser handle many more cases and cost three
//! kilobytes of module. Loops without iterators take a third of the space here.

use lamplight_wire::json;

/// Appends a text and a number.
pub(crate) fn push_number(out: &mut String, text: &str, value: u64) {
    out.push_str(text);
    json::push_integer(out, value);
}

/// The parts before and after the first `at`; `None` when there is none.
pub(crate) fn split_once(text: &str, at: u8) -> Option<(&str, &str)> {
    let mut place = 0;
    while *text.as_bytes().get(place)? != at {
        place += 1;
    }
    Some((text.get(..place)?, text.get(place + 1..)?))
}

/// Calls `visit` with every line that is not empty.
pub(crate) fn for_each_line<'a>(text: &'a str, mut visit: impl FnMut(&'a str)) {
    let mut rest = text;
    while !rest.is_empty() {
        let (line, after) = split_once(rest, b'\n').unwrap_or((rest, ""));
        rest = after;
        if !line.is_empty() {
            visit(line);
        }
    }
}

/// Parses a decimal number; anything else is `None`.
pub(crate) fn parse_number(text: &str) -> Option<u64> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
    let add = |number: u64, byte| number.checked_mul(10)?.checked_add(digit(byte)?);
    if text.is_empty() { None } else { text.bytes().try_fold(0, add) }
}

/// Whether `text` contains `part`.
pub(crate) fn contains(text: &str, part: &str) -> bool {
    text.as_bytes().windows(part.len()).any(|window| window == part.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_split_at_the_first_match() {
        assert_eq!(split_once("a:b:c", b':'), Some(("a", "b:c")));
        assert_eq!(split_once("abc", b':'), None);
    }

    #[test]
    fn lines_without_text_are_skipped() {
        for (text, expected) in [
            ("", vec![]),
            ("a", vec!["a"]),
            ("a\n", vec!["a"]),
            ("\n\na\n\nbc\nd", vec!["a", "bc", "d"]),
        ] {
            let mut lines = Vec::new();
            for_each_line(text, |line| lines.push(line));
            assert_eq!(lines, expected, "{text:?}");
        }
    }

    #[test]
    fn only_plain_decimals_are_numbers() {
        assert_eq!(parse_number("18446744073709551615"), Some(u64::MAX));
        for text in ["", "-1", "+1", " 1", "1.5", "18446744073709551616", "x"] {
            assert_eq!(parse_number(text), None, "{text:?}");
        }
    }

    #[test]
    fn contains_finds_a_part_anywhere() {
        assert!(contains("abc", "bc") && contains("abc", "abc"));
        assert!(!contains("abc", "cb") && !contains("", "a"));
    }
}

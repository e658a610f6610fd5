//! Text of clients, made safe to show.
//!
//! A terminal obeys control characters: they move the cursor, change the title, or answer as if
//! somebody had typed. Characters that set the direction of writing, or that are not visible, make
//! a line show something else than it says. Both are shown as escapes, and so are characters about
//! whose width terminals disagree.

use std::borrow::Cow;
use std::fmt::Write;

use unicode_width::UnicodeWidthChar;

/// Most marks in a row that are drawn over one letter. More of them cover other lines.
const MARKS_MAX: usize = 3;

/// The text as it may be shown on one line.
pub fn text(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Cow::Borrowed(text);
    }
    let (mut shown, mut marks) = (String::with_capacity(text.len()), MARKS_MAX);
    for letter in text.chars() {
        let is_mark = letter.width() == Some(0);
        marks = if is_mark { marks + 1 } else { 0 };
        if is_unsafe(letter) || marks > MARKS_MAX {
            match letter {
                '\n' => shown.push_str("\\n"),
                '\r' => shown.push_str("\\r"),
                '\t' => shown.push_str("\\t"),
                _ => {
                    let _ = write!(shown, "\\u{{{:x}}}", u32::from(letter));
                }
            }
            // A mark must not be drawn over an escape.
            marks = MARKS_MAX;
        } else {
            shown.push(letter);
        }
    }
    Cow::Owned(shown)
}

/// Whether a character does something else than to show itself, or has no certain width.
fn is_unsafe(letter: char) -> bool {
    letter.is_control()
        || matches!(u32::from(letter),
            // Soft hyphen, Arabic and Syriac signs without a width of their own.
            0xad | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x890 | 0x891 | 0x8e2
            // Fillers, which look like nothing.
            | 0x34f | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f | 0x3164 | 0xffa0
            // Spaces of no width, joiners, directions, separators of lines and paragraphs.
            | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f
            // Variation selectors, byte order mark, interlinear notes, replacements.
            | 0xfe00..=0xfe0f | 0xfeff | 0xfff0..=0xfffb
            | 0x110bd | 0x110cd | 0x13430..=0x1343f | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a
            // Regional letters, which some terminals join to flags and others do not.
            | 0x1f1e6..=0x1f1ff | 0x1f3fb..=0x1f3ff
            // Private use, and tags.
            | 0xe000..=0xf8ff | 0xe0000..=0x10_ffff)
        || u32::from(letter) & 0xfffe == 0xfffe
        || (letter.width().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn control_characters_and_directions_are_shown_as_escapes() {
        for (text, shown) in [
            ("plain ~ text", "plain ~ text"),
            ("a\u{1b}[2Jb", "a\\u{1b}[2Jb"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("one\r\ntwo\tthree", "one\\r\\ntwo\\tthree"),
            ("abc\u{202e}fed", "abc\\u{202e}fed"),
            ("a\u{2066}b\u{2069}", "a\\u{2066}b\\u{2069}"),
            ("zero\u{200b}width\u{feff}", "zero\\u{200b}width\\u{feff}"),
            ("line\u{2028}s", "line\\u{2028}s"),
            ("ü 漢字 😀", "ü 漢字 😀"),
            ("\u{7f}\u{0}\u{8}", "\\u{7f}\\u{0}\\u{8}"),
            ("e\u{301}", "e\u{301}"),
            ("\u{301}", "\\u{301}"),
        ] {
            assert_eq!(super::text(text), shown, "{text:?}");
        }
    }

    #[test]
    fn marks_do_not_pile_up_over_other_lines() {
        let piled = format!("a{}b", "\u{301}".repeat(50));
        let shown = text(&piled);
        assert_eq!(shown.chars().filter(|it| *it == '\u{301}').count(), MARKS_MAX, "{shown}");
    }

    proptest! {
        #[test]
        fn no_text_moves_the_cursor_or_changes_its_line(given in any::<String>()) {
            let shown = text(&given);
            for letter in shown.chars() {
                prop_assert!(!letter.is_control() && !is_unsafe(letter), "{letter:?}");
                prop_assert!(letter.width().is_some());
            }
            let again = text(&shown);
            prop_assert_eq!(&again, &shown, "an escape is harmless itself");
        }
    }
}

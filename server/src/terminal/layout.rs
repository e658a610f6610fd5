//! Width, colour and time of what is shown.

use std::borrow::Cow;
use std::io::IsTerminal;

use unicode_width::UnicodeWidthChar;

/// The columns that a text takes which was escaped before.
pub fn width(text: &str) -> usize {
    text.chars().map(|letter| letter.width().unwrap_or(0)).sum()
}

/// The text in at most `columns`, with `…` at its end if some of it is missing.
pub fn clip(text: &str, columns: usize) -> Cow<'_, str> {
    if text.len() <= columns || width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let (mut clipped, mut used) = (String::new(), 0);
    for letter in text.chars() {
        let more = letter.width().unwrap_or(0);
        if used + more + 1 > columns {
            break;
        }
        clipped.push(letter);
        used += more;
    }
    if columns > 0 {
        clipped.push('…');
    }
    Cow::Owned(clipped)
}

/// The text, clipped and filled with spaces to exactly `columns`, on the left for numbers.
pub fn pad(text: &str, columns: usize, to_the_right: bool) -> String {
    let text = clip(text, columns);
    let fill = " ".repeat(columns.saturating_sub(width(&text)));
    if to_the_right { format!("{fill}{text}") } else { format!("{text}{fill}") }
}

/// How something is emphasized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Less important.
    Dim,
    /// Important.
    Bold,
    /// Right.
    Green,
    /// To look at.
    Yellow,
    /// Wrong.
    Red,
    /// A name.
    Cyan,
}

/// Whether styles are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint(pub bool);

impl Paint {
    /// Shows styles on a terminal that knows them, unless `NO_COLOR` (no-color.org) is set.
    pub fn of_stdout() -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let is_dumb = variable("TERM").is_some_and(|term| term == "dumb");
        Self(std::io::stdout().is_terminal() && variable("NO_COLOR").is_none() && !is_dumb)
    }

    /// The text with a style. It must have been escaped before.
    pub fn with(self, style: Style, text: &str) -> String {
        let code = match style {
            _ if !self.0 || text.is_empty() => return text.to_owned(),
            Style::Dim => "2",
            Style::Bold => "1",
            Style::Green => "32",
            Style::Yellow => "33",
            Style::Red => "31",
            Style::Cyan => "36",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// Whether a terminal can only add lines, so that nothing on it can be drawn again.
pub fn is_terminal_plain() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// A time in milliseconds since 1970, in the time zone of this machine.
pub fn local_time(ms: i64, format: &str) -> String {
    let Ok(time) = jiff::Timestamp::from_millisecond(ms) else { return format!("{ms} ms") };
    time.to_zoned(jiff::tz::TimeZone::system()).strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::escape;
    use proptest::prelude::*;

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!((width("漢字"), width("ab"), width("e\u{301}")), (4, 2, 1));
        assert_eq!(clip("漢字漢字", 5), "漢字…");
        assert_eq!(clip("漢字漢字", 4), "漢…");
        assert_eq!(clip("abc", 3), "abc");
        assert_eq!(pad("漢", 4, false), "漢  ");
        assert_eq!(pad("42", 4, true), "  42");
    }

    proptest! {
        #[test]
        fn a_padded_text_has_exactly_its_width(given in any::<String>(), columns in 1_usize..40) {
            let padded = pad(&escape::text(&given), columns, false);
            prop_assert_eq!(width(&padded), columns);
        }
    }
}

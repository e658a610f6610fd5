//! How values are shown. Templates escape every text; what is markup is made here, and has its own
//! type.

use std::borrow::Cow;
use std::fmt::{self, Display, Write};

use askama::filters::HtmlSafe;

use crate::counted::grouped;

/// Markup that is safe, because everything in it was escaped when it was made.
#[derive(Debug, Clone, Default)]
pub(super) struct Markup(pub(super) String);

impl Display for Markup {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl HtmlSafe for Markup {}

/// Escapes text for HTML, in elements and in quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            char => out.push(char),
        }
    }
    out
}

/// Text from a client, on one line: what is invisible or turns the direction of writing is shown as
/// its code point, and the text is cut after `chars_max`. The browser isolates its direction.
pub(super) fn foreign(text: &str, chars_max: usize) -> Markup {
    Markup(format!("<bdi>{}</bdi>", escape(&plain(text, chars_max))))
}

/// Text from a client as [`foreign`] shows it, where markup cannot be, such as a title.
pub(super) fn plain(text: &str, chars_max: usize) -> String {
    let mut plain = String::new();
    let mut chars = text.chars();
    for char in chars.by_ref().take(chars_max) {
        match visible(char) {
            Some(code) => plain.push_str(&code),
            None => plain.push(char),
        }
    }
    if chars.next().is_some() {
        plain.push('…');
    }
    plain
}

/// A name from a client, in the usual length.
pub(super) fn name(text: &str) -> Markup {
    foreign(text, 80)
}

/// Text from a client of several lines, such as JSON.
pub(super) fn lines(text: &str, chars_max: usize) -> Markup {
    let parts: Vec<String> = text.split('\n').map(|line| foreign(line, chars_max).0).collect();
    Markup(parts.join("\n"))
}

/// How a character is written that would not be seen, or would change how others are seen.
fn visible(char: char) -> Option<String> {
    let is_hidden = char.is_control()
        || matches!(u32::from(char),
            0xAD | 0x61C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F | 0x200B..=0x200F
            | 0x2028..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0
            | 0xFFF0..=0xFFFB | 0xE0000..=0xE0FFF);
    is_hidden.then(|| format!("\\u{{{:x}}}", u32::from(char)))
}

/// A whole number, or a reference to one, which is what templates pass.
pub(super) trait Number: Copy {
    fn whole(self) -> i128;

    /// As a count, which is never below zero.
    fn at_least_0(self) -> u64 {
        u64::try_from(self.whole().max(0)).unwrap_or(u64::MAX)
    }

    /// As a time in milliseconds since 1970.
    fn ms(self) -> i64 {
        i64::try_from(self.whole()).unwrap_or(i64::MAX)
    }
}

macro_rules! numbers {
    ($($kind:ty),+) => {
        $(
            impl Number for $kind {
                fn whole(self) -> i128 {
                    self.into()
                }
            }
        )+
    };
}

numbers!(i32, u16, u32, u64, i64);

impl Number for usize {
    fn whole(self) -> i128 {
        self as i128
    }
}

impl<T: Number> Number for &T {
    fn whole(self) -> i128 {
        T::whole(*self)
    }
}

/// A count, with its digits in groups.
pub(super) fn count(number: impl Number) -> String {
    let number = number.whole();
    format!("{}{}", if number < 0 { "−" } else { "" }, grouped(number.unsigned_abs()))
}

/// A count and its noun, in the singular or plural.
pub(super) fn counted(number: impl Number, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number.whole() == 1 { one } else { many })
}

/// A size in bytes.
pub(super) fn bytes(bytes: impl Number) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    #[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut size = bytes.at_least_0() as f64;
    while size >= 1_024.0 && unit + 1 < UNITS.len() {
        (size, unit) = (size / 1_024.0, unit + 1);
    }
    let digits = usize::from(unit > 0 && size < 100.0);
    format!("{size:.digits$} {}", UNITS[unit])
}

/// A length of time in milliseconds.
pub(super) fn duration(ms: impl Number) -> String {
    let ms = ms.at_least_0();
    let (s, min, h) = (ms / 1_000, ms / 60_000, ms / 3_600_000);
    let both = |large: u64, unit: &str, small: u64, less: &str| match small {
        0 => format!("{large} {unit}"),
        small => format!("{large} {unit} {small} {less}"),
    };
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..10_000 if ms % 1_000 >= 100 => format!("{s}.{} s", ms % 1_000 / 100),
        1_000..60_000 => format!("{s} s"),
        60_000..3_600_000 => both(min, "min", s % 60, "s"),
        3_600_000..86_400_000 => both(h, "h", min % 60, "min"),
        _ => both(h / 24, "d", h % 24, "h"),
    }
}

/// A share of a whole, in percent.
pub(super) fn percent(part: impl Number, whole: impl Number) -> String {
    let (part, whole) = (part.at_least_0(), whole.at_least_0());
    if whole == 0 {
        return "–".into();
    }
    #[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
    let percent = part as f64 * 100.0 / whole as f64;
    match percent {
        // Never all of it unless it is, and never none.
        99.95.. if part < whole => "> 99.9 %".into(),
        ..0.05 if part > 0 => "< 0.1 %".into(),
        _ => format!("{percent:.1} %"),
    }
}

/// A time in milliseconds since 1970, in UTC. The script shows it in the reader's zone; the exact
/// value appears on hover.
pub(super) fn time(ms: impl Number) -> Markup {
    tagged(ms.ms(), "time", |time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// How long ago a time was. The script keeps it current.
pub(super) fn ago(ms: impl Number, now_ms: impl Number) -> Markup {
    let (ms, now_ms) = (ms.ms(), now_ms.ms());
    let passed = u64::try_from(now_ms.saturating_sub(ms)).unwrap_or(0);
    tagged(
        ms,
        "ago",
        |_| if passed < 1_000 { "now".into() } else { format!("{} ago", short(passed)) },
    )
}

/// A length of time in its largest unit.
fn short(ms: u64) -> String {
    match ms {
        ..60_000 => format!("{} s", ms / 1_000),
        60_000..3_600_000 => format!("{} min", ms / 60_000),
        3_600_000..86_400_000 => format!("{} h", ms / 3_600_000),
        _ => format!("{} d", ms / 86_400_000),
    }
}

fn tagged(ms: i64, form: &str, show: impl FnOnce(jiff::Timestamp) -> String) -> Markup {
    let Ok(time) = jiff::Timestamp::from_millisecond(ms) else {
        return Markup(format!("<span>{ms} ms since 1970</span>"));
    };
    let exact = time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let text = show(time);
    Markup(format!(
        "<time datetime=\"{exact}\" title=\"{exact}\" data-form=\"{form}\">{text}</time>"
    ))
}

/// JSON, indented, with the parts of each value marked for the style sheet. Text that is no JSON is
/// shown as it is.
pub(super) fn json(text: &str) -> Markup {
    const DEPTH_SHOWN_MAX: usize = 64;
    const CHARS_MAX: usize = 256 * 1024;
    let shown: Cow<'_, str> = match serde_json::from_str::<&serde_json::value::RawValue>(text) {
        Ok(_) => Cow::Owned(indented(text, DEPTH_SHOWN_MAX)),
        Err(_) => Cow::Borrowed(text),
    };
    lines(&shown, CHARS_MAX)
}

/// Adds line breaks and indentation to JSON, and leaves everything else as the client wrote it:
/// numbers with all digits, and members that are there twice.
fn indented(text: &str, depth_max: usize) -> String {
    let (mut out, mut depth, mut in_text, mut escaped) = (String::new(), 0_usize, false, false);
    let mut chars = text.chars().filter(|_| true).peekable();
    let line = |out: &mut String, depth: usize| {
        let _ = write!(out, "\n{:1$}", "", 2 * depth.min(depth_max));
    };
    while let Some(char) = chars.next() {
        if in_text {
            out.push(char);
            in_text = escaped || char != '"';
            escaped = !escaped && char == '\\';
            continue;
        }
        match char {
            '"' => {
                in_text = true;
                out.push(char);
            }
            ' ' | '\n' | '\r' | '\t' => {}
            '{' | '[' => {
                out.push(char);
                while chars.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(close) = chars.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(close);
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(char);
            }
            ',' => {
                out.push(char);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            char => out.push(char),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_clients_cannot_become_markup_or_hide() {
        let hostile = "<script>\"a\"&'b'</script>\u{202e}gnp.exe\u{0}\u{feff}";
        assert_eq!(
            name(hostile).0,
            "<bdi>&lt;script&gt;&quot;a&quot;&amp;&#39;b&#39;&lt;/script&gt;\\u{202e}gnp.exe\\u{0}\\u{feff}</bdi>"
        );
        assert_eq!(foreign("abcdef", 3).0, "<bdi>abc…</bdi>");
        assert_eq!(foreign("naïve 日本 🙂", 80).0, "<bdi>naïve 日本 🙂</bdi>");
    }

    #[test]
    fn numbers_are_shown_in_groups_and_units() {
        assert_eq!(
            [count(0_u64), count(999_u64), count(1_000_u64), count(-1_234_567_i64)],
            ["0", "999", "1,000", "−1,234,567"]
        );
        assert_eq!(counted(1, "event", "events"), "1 event");
        assert_eq!(counted(2_000, "event", "events"), "2,000 events");
        assert_eq!(
            [bytes(0), bytes(1_023), bytes(1_536), bytes(512 << 20)],
            ["0 B", "1023 B", "1.5 KiB", "512 MiB"]
        );
        assert_eq!(
            [duration(12), duration(1_250), duration(61_000), duration(90_000_000)],
            ["12 ms", "1.2 s", "1 min 1 s", "1 d 1 h"]
        );
    }

    #[test]
    fn a_share_is_all_or_nothing_only_if_it_is() {
        assert_eq!([percent(0, 0), percent(0, 5), percent(5, 5)], ["–", "0.0 %", "100.0 %"]);
        assert_eq!([percent(99_999, 100_000), percent(1, 100_000)], ["> 99.9 %", "< 0.1 %"]);
    }

    #[test]
    fn json_is_indented_and_otherwise_as_it_was() {
        let text = r#"{"a":1.00,"b":[],"c":{"d":"x, {y}\" :"},"a":[1,2]}"#;
        let shown = indented(text, 64);
        assert_eq!(
            shown,
            "{\n  \"a\": 1.00,\n  \"b\": [],\n  \"c\": {\n    \"d\": \"x, {y}\\\" :\"\n  },\n  \"a\": [\n    1,\n    2\n  ]\n}"
        );
        assert_eq!(json("no json <b>").0, "<bdi>no json &lt;b&gt;</bdi>");
    }

    #[test]
    fn a_time_has_its_exact_value() {
        let shown = time(1_764_403_200_123_i64).0;
        assert!(shown.contains("datetime=\"2025-11-29T08:00:00.123Z\""), "{shown}");
        assert!(shown.contains(">2025-11-29 08:00:00 UTC<"), "{shown}");
        assert_eq!(time(i64::MAX).0, format!("<span>{} ms since 1970</span>", i64::MAX));
        assert!(ago(1_000, 62_000).0.contains(">1 min ago<"));
    }
}

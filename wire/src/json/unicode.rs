//! Half of a surrogate pair: what a text that was cut in the middle of an emoji ends with.
//!
//! JSON can write it as an escape (RFC 8259, section 8.2), and browsers do. It is no character, so
//! neither UTF-8 nor most readers of JSON have a form for it.

use std::borrow::Cow;

use memchr::{memchr, memmem};

/// The replacement character, in as many bytes as the escape that it replaces.
const REPLACEMENT: &str = "\\ufffd";

/// A JSON text with U+FFFD in place of each half of a surrogate pair. Everything else stays as it
/// is, and at the same offset. The text needs not be valid.
pub fn valid_unicode(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    // Few texts have an escape, and fewer one of a surrogate.
    if memchr(b'\\', bytes).is_none() {
        return Cow::Borrowed(text);
    }
    if [b"\\ud", b"\\uD"].iter().all(|escape| memmem::find(bytes, *escape).is_none()) {
        return Cow::Borrowed(text);
    }
    let (mut at, mut copied, mut out) = (0, 0, String::new());
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr(b'\\', rest)) {
        at += found;
        match unit(bytes, at) {
            // Any other escape: the character after a backslash is never the next backslash.
            None => at += 2,
            Some(0xd800..=0xdbff) if matches!(unit(bytes, at + 6), Some(0xdc00..=0xdfff)) => {
                at += 12;
            }
            Some(0xd800..=0xdfff) => {
                out.push_str(&text[copied..at]);
                out.push_str(REPLACEMENT);
                at += REPLACEMENT.len();
                copied = at;
            }
            Some(_) => at += 6,
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// The UTF-16 code unit of the escape at an offset: `\u` and four hexadecimal digits.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit, digit| {
        let digit = u16::try_from(char::from(*digit).to_digit(16)?).ok()?;
        Some(unit << 4 | digit)
    })
}

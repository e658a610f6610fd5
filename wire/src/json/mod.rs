//! JSON: the writing that the browser module needs, without a JSON library, and the reading that
//! the server needs.

#[cfg(feature = "serde")]
mod read;
#[cfg(feature = "serde")]
mod unicode;
#[cfg(feature = "serde")]
pub use read::{elements, fields, is_empty_array, members, string};
#[cfg(feature = "serde")]
pub use unicode::valid_unicode;

/// Appends `value` in decimal.
pub fn push_integer(out: &mut String, value: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = value;
    loop {
        at -= 1;
        // A remainder of ten fits into a byte.
        #[allow(clippy::cast_possible_truncation)]
        let digit = (rest % 10) as u8;
        digits[at] = b'0' + digit;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    for digit in &digits[at..] {
        out.push(char::from(*digit));
    }
}

/// Appends a text that is already escaped, in quotes.
pub fn push_quoted(out: &mut String, escaped: &str) {
    out.push('"');
    out.push_str(escaped);
    out.push('"');
}

/// Appends `text` as a JSON string in pure ASCII.
pub fn push_string(out: &mut String, text: &str) {
    out.push('"');
    // Most texts are names without anything to escape.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\') {
        out.push_str(text);
        out.push('"');
        return;
    }
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            ' '..='~' => out.push(letter),
            _ => push_escaped(out, letter),
        }
    }
    out.push('"');
}

fn push_escaped(out: &mut String, letter: char) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut units = [0u16; 2];
    for unit in letter.encode_utf16(&mut units) {
        out.push_str("\\u");
        for shift in [12, 8, 4, 0] {
            out.push(char::from(HEX[usize::from((*unit >> shift) & 15)]));
        }
    }
}

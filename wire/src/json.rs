//! The little JSON writing that the browser module needs, without a JSON library.

use std::borrow::Cow;

/// Appends `value` in decimal.
pub fn push_integer(out: &mut String, value: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = value;
    loop {
        at -= 1;
        // A remainder of ten fits a byte.
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

/// Appends `text` as a JSON string in pure ASCII.
pub fn push_string(out: &mut String, text: &str) {
    out.push('"');
    // Most are names, in which there is nothing to escape.
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

/// A JSON text with everything outside ASCII escaped.
///
/// In valid JSON such characters stand only inside strings, so the value stays the same. Storage then keeps
/// one byte a character: one character outside Latin-1 would double the room of the whole text.
pub fn ascii(json: &str) -> Cow<'_, str> {
    if json.is_ascii() {
        return Cow::Borrowed(json);
    }
    let mut out = String::new();
    for letter in json.chars() {
        if letter.is_ascii() { out.push(letter) } else { push_escaped(&mut out, letter) }
    }
    Cow::Owned(out)
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

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_string_reads_back_and_is_ascii(text in ".*") {
            let mut out = String::new();
            push_string(&mut out, &text);
            proptest::prop_assert!(out.is_ascii());
            proptest::prop_assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
        }

        #[test]
        fn escaping_a_json_text_keeps_its_value(text in ".*", key in ".*") {
            let value = serde_json::json!({ key: [text, 1] });
            let text = value.to_string();
            let out = ascii(&text);
            proptest::prop_assert!(out.is_ascii());
            proptest::prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&out).unwrap(), value);
        }

        #[test]
        fn an_integer_is_written_in_decimal(value: u64) {
            let mut out = String::new();
            push_integer(&mut out, value);
            proptest::prop_assert_eq!(out, value.to_string());
        }
    }
}

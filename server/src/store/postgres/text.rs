//! Texts as PostgreSQL can keep them. Its `text` holds any Unicode but U+0000, which a client may
//! send. It is kept as two other characters, so that different texts stay different.

use std::borrow::Cow;

/// Begins a pair that stands for one character. The last code point, which is no character.
const ESCAPE: char = '\u{10FFFF}';
const NUL: char = '0';
const ITSELF: char = '1';

/// The text to keep.
pub(crate) fn kept(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', ESCAPE]) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\0' => kept.extend([ESCAPE, NUL]),
            ESCAPE => kept.extend([ESCAPE, ITSELF]),
            other => kept.push(other),
        }
    }
    Cow::Owned(kept)
}

/// The text that was given.
pub(crate) fn given(kept: String) -> String {
    if !kept.contains(ESCAPE) {
        return kept;
    }
    let (mut given, mut characters) = (String::with_capacity(kept.len()), kept.chars());
    while let Some(character) = characters.next() {
        match character {
            ESCAPE if characters.next() == Some(NUL) => given.push('\0'),
            other => given.push(other),
        }
    }
    given
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_is_read_as_it_was_given(text in "[\0\u{10FFFF}01a\u{00e4}]{0,12}") {
            let kept = kept(&text).into_owned();
            prop_assert!(!kept.contains('\0'));
            prop_assert_eq!(given(kept), text);
        }
    }
}

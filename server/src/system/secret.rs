//! Passwords, tokens and keys, which are never printed.

use std::fmt;
use std::io;
use std::path::Path;

/// A text that is never logged or shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text. It must not be logged, nor put into an error.
    pub fn reveal(&self) -> &str {
        self.0.trim()
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The text of a file that holds a secret. A byte order mark, which programs of Windows put before
/// it, is no part of the secret.
pub(crate) fn read_file(path: &Path) -> io::Result<String> {
    let text = std::fs::read_to_string(path)?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_secret() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        for text in ["\u{feff}at_a_token\r\n", "at_a_token\n", "at_a_token"] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(read_file(&path).unwrap().trim(), "at_a_token", "{text:?}");
        }
        let utf_16: Vec<u8> = "at_a".encode_utf16().flat_map(u16::to_le_bytes).collect();
        std::fs::write(&path, [&[0xff, 0xfe][..], &utf_16].concat()).unwrap();
        assert_eq!(read_file(&path).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}

//! Passwords, tokens and keys, which are never printed.

use std::fmt;

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

//! The token for the API: from a variable or from a file, never from an argument, which every user
//! of the machine can read.

use std::path::{Path, PathBuf};

use http::HeaderValue;

use super::ClientError;
use crate::system::secret::{self, Secret};

/// The variable that holds a token.
pub(super) const VARIABLE: &str = "LAMPLIGHT_ADMIN_TOKEN";

/// Where a token may come from.
#[derive(Debug, Clone, Default)]
pub struct TokenSource {
    /// The value of `LAMPLIGHT_ADMIN_TOKEN`.
    pub variable: Option<Secret>,
    /// A file, named by a flag or a variable, and whether by a flag.
    pub file: Option<(PathBuf, bool)>,
    /// What `lamplight.toml` says.
    pub configured: Option<Secret>,
}

impl TokenSource {
    /// The token, if there is one: that of a flag, else of the variable, else of the file that a
    /// variable names, else the configured one.
    ///
    /// # Errors
    /// [`ClientError`], when its file cannot be read, or when it cannot be a token.
    pub fn token(&self) -> Result<Option<Token>, ClientError> {
        let variable = self.variable.as_ref().filter(|secret| !secret.reveal().is_empty());
        match (&self.file, variable) {
            (Some((path, true)), _) | (Some((path, false)), None) => read(path).map(Some),
            (_, Some(secret)) => Token::new(secret.reveal(), VARIABLE).map(Some),
            (None, None) => {
                let configured = self.configured.as_ref();
                configured.map(|it| Token::new(it.reveal(), "lamplight.toml")).transpose()
            }
        }
    }
}

fn read(path: &Path) -> Result<Token, ClientError> {
    let text = secret::read_file(path)
        .map_err(|source| ClientError::TokenFile { path: path.to_owned(), source })?;
    Token::new(text.trim(), &path.display().to_string())
}

/// A token, ready to be sent. It is never shown.
#[derive(Debug, Clone)]
pub struct Token {
    pub(super) authorization: HeaderValue,
    /// Where it came from, for messages.
    pub(super) origin: String,
}

impl Token {
    /// The token with this text.
    ///
    /// # Errors
    /// When no token has such a text.
    pub(super) fn new(text: &str, origin: &str) -> Result<Self, ClientError> {
        let origin = origin.to_owned();
        let is_token = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        let header = HeaderValue::from_str(&format!("Bearer {text}")).ok().filter(|_| is_token);
        let Some(mut authorization) = header else {
            return Err(ClientError::TokenUnusable { origin });
        };
        authorization.set_sensitive(true);
        Ok(Self { authorization, origin })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_counts_more_than_the_variable_and_that_more_than_other_sources() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "at_file\n").unwrap();
        let full = TokenSource {
            variable: Some("at_variable".into()),
            file: Some((path.clone(), true)),
            configured: Some("at_configured".into()),
        };
        let of = |source: &TokenSource| source.token().unwrap().unwrap().authorization;
        assert_eq!(of(&full), "Bearer at_file");
        let named = TokenSource { file: Some((path, false)), ..full.clone() };
        assert_eq!(of(&named), "Bearer at_variable");
        assert_eq!(
            of(&TokenSource { variable: Some(" ".into()), ..named.clone() }),
            "Bearer at_file"
        );
        let rest = TokenSource { variable: None, file: None, ..full };
        assert_eq!(of(&rest), "Bearer at_configured");
        assert!(TokenSource::default().token().unwrap().is_none());
    }

    #[test]
    fn what_cannot_be_a_token_is_not_shown() {
        for text in ["", "two words hunter2", "hunter2\nx", "hünter2"] {
            let error = Token::new(text, "a file").unwrap_err();
            let said = format!("{error} {error:?}");
            assert!(!said.contains("nter2"), "{said}");
        }
        let said = format!("{:?}", Token::new("at_hunter2", "a file").unwrap());
        assert!(!said.contains("hunter2"), "{said}");
    }
}

//! A version by Semantic Versioning, as far as releases use it: three numbers, and perhaps a
//! pre-release such as `rc.1`.

use std::cmp::Ordering;
use std::fmt;

use anyhow::{Result, bail};

/// A version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    numbers: [u64; 3],
    pre_release: Option<String>,
}

impl Version {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let (numbers, pre_release) = match text.split_once('-') {
            Some((numbers, rest)) => (numbers, Some(rest.to_owned())),
            None => (text, None),
        };
        let is_pre_release = |text: &str| {
            text.split('.').all(|part| {
                !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
            })
        };
        let parts: Vec<_> = numbers.split('.').map(number).collect();
        let ([Some(major), Some(minor), Some(patch)], true) =
            (&parts[..], pre_release.as_deref().is_none_or(is_pre_release))
        else {
            bail!("invalid version `{text}`: give one such as 0.2.0 or 0.2.0-rc.1");
        };
        Ok(Self { numbers: [*major, *minor, *patch], pre_release })
    }
}

/// A number without leading zeros.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

/// A part of a pre-release.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Number(u64),
    Text(String),
}

impl From<&str> for Part {
    fn from(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Text(text.to_owned()), Self::Number)
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    /// A pre-release is lower than its release. Pre-releases of one release compare part by part:
    /// numbers as numbers, and lower than texts (Semantic Versioning 2.0.0, 11.4).
    fn cmp(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| {
            let is_release = |it: &Self| it.pre_release.is_none();
            let parts = |it: &Self| {
                let text = it.pre_release.clone().unwrap_or_default();
                text.split('.').map(Part::from).collect::<Vec<_>>()
            };
            is_release(self).cmp(&is_release(other)).then_with(|| parts(self).cmp(&parts(other)))
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.numbers;
        write!(f, "{major}.{minor}.{patch}")?;
        self.pre_release.as_ref().map_or(Ok(()), |text| write!(f, "-{text}"))
    }
}

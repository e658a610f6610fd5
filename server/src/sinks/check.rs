//! Checks of a sink's configuration: one harmless request, whose answer is told in words.

use std::future::Future;
use std::pin::Pin;

use super::http::{self, Answer};
use crate::store::Reason;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckResult {
    /// The sink accepts what it is sent. How that is known.
    Works(String),
    /// Nothing failed, but nothing confirms that it works. Why.
    Unconfirmed(String),
    /// The sink would not get events. Why, and what to do.
    Fails(String),
}

impl CheckResult {
    /// The name in the API. It never changes.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Works(_) => "works",
            Self::Unconfirmed(_) => "unconfirmed",
            Self::Fails(_) => "fails",
        }
    }

    /// What was found.
    pub fn detail(&self) -> &str {
        match self {
            Self::Works(detail) | Self::Unconfirmed(detail) | Self::Fails(detail) => detail,
        }
    }

    /// What the answer of a service means that is no success.
    pub(super) fn of_failure(answer: Result<Answer, Reason>) -> Self {
        let reason = match answer {
            Ok(answer) => http::reason(&answer),
            Err(reason) => reason,
        };
        let advice = match reason.code {
            "not_allowed" => "the credentials are wrong or may not do this: correct them",
            "redirected" => "redirects are not followed: configure the address that it leads to",
            "unreachable" => "nothing answers at the address: check it, and the network",
            "timeout" => "no answer came in time: check the address, or retry later",
            "not_there" => "the address is wrong: correct it",
            _ => "the service does not accept the request",
        };
        Self::Fails(format!("{advice} ({reason})"))
    }
}

/// A check in progress.
pub type Checking<'a> = Pin<Box<dyn Future<Output = CheckResult> + Send + 'a>>;

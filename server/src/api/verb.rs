//! What an operator does with dead letters, and with payloads that are set aside.

use crate::app::App;
use crate::http::problem::Problem;
use crate::store::{PayloadId, StoreError};

/// What an operator does with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Retry,
    Discard,
    /// Undoes that something was discarded.
    Restore,
}

impl Verb {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Retry, Self::Discard, Self::Restore].into_iter().find(|it| it.name() == name)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Discard => "discard",
            Self::Restore => "restore",
        }
    }

    /// What it did, for people.
    pub(crate) const fn done(self) -> &'static str {
        match self {
            Self::Retry => "in the queue again",
            Self::Discard => "discarded",
            Self::Restore => "restored",
        }
    }

    /// Does it to one payload. `at_ms` is the time now, or for a retry the time when it is due.
    /// Gives false if there is no such payload to do it to.
    pub(crate) async fn apply_to_payload(
        self,
        app: &App,
        payload: PayloadId,
        at_ms: i64,
    ) -> Result<bool, StoreError> {
        let queue = &app.storage.payload_queue;
        match self {
            Self::Retry => queue.retry(payload, at_ms).await,
            Self::Discard => queue.discard(payload, at_ms).await,
            Self::Restore => queue.restore(payload).await,
        }
    }

    /// The answer if there is no such payload to do it to.
    pub(crate) fn no_payload(self) -> Problem {
        Problem::not_found(match self {
            Self::Retry | Self::Discard => {
                "no payload with this id is set aside: GET /api/payloads/set-aside lists those that \
                 are"
            }
            Self::Restore => {
                "no payload with this id was discarded: GET \
                 /api/payloads/set-aside?state=discarded lists those that were"
            }
        })
    }
}

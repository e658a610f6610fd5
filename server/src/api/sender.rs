//! The client of a request, as it would be stored with a payload of it.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::routes::Argument;
use crate::app::App;
use crate::http::problem::Problem;
use crate::openapi::{Form, Param};
use crate::store::{EventRow, PayloadId, PayloadMetadata};

/// `mine`.
pub(crate) const MINE: Param = Param::new(
    "mine",
    Form::Flag,
    "Only events that came from the network of this request, /24 or /48, with its `User-Agent`",
)
.default("false");

/// Who sends a request: a browser on a network, as far as the server stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// The `User-Agent` header, cut to a limit.
    pub(crate) user_agent: Option<String>,
    /// The network of the address, unless the server stores none.
    pub(crate) network: Option<String>,
}

impl Sender {
    fn has_sent(&self, payload: &PayloadMetadata) -> bool {
        self.user_agent == payload.user_agent && self.network == payload.client
    }

    /// Keeps those events of a list that this client has sent.
    ///
    /// # Errors
    /// The archive cannot be read.
    pub(crate) async fn keep_own<T>(
        &self,
        app: &App,
        events: &mut Vec<T>,
        row: impl Fn(&T) -> &EventRow,
    ) -> Result<(), Problem> {
        // Events of one payload follow each other.
        let mut last: Option<(PayloadId, bool)> = None;
        for event in std::mem::take(events) {
            let payload = row(&event).payload;
            let is_own = match last {
                Some((known, is_own)) if known == payload => is_own,
                _ => {
                    let metadata = app.storage.archive.metadata(payload).await?;
                    metadata.is_some_and(|metadata| self.has_sent(&metadata))
                }
            };
            last = Some((payload, is_own));
            if is_own {
                events.push(event);
            }
        }
        Ok(())
    }
}

impl FromRequestParts<Arc<App>> for Sender {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        let client = app.intake.client_info(parts);
        Ok(Self { user_agent: client.user_agent, network: client.network })
    }
}

impl Argument for Sender {}

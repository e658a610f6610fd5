//! Which refused requests an operator may want to know of: their counts, and the log line about
//! each kind.

use std::future::Future;
use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use http::{HeaderValue, StatusCode, Uri, header};

use super::problem::Problem;
use super::refusal_counts::RefusalCounts;
use super::refusal_log::{RefusalLog, Refused, Sender, Summary};
use super::request_id::RequestId;
use super::{cors, credentials};
use crate::keys::keyring::Keyring;
use crate::metrics::recent_errors::{ErrorKind, RecentErrors};
use crate::system::clock::Clock;

/// Counts refused requests by code and key.
pub struct Refusals {
    log: RefusalLog,
    /// How many requests to intake were refused since the start.
    pub counts: RefusalCounts,
    /// Requests to intake that were refused, and are not stored yet.
    pub errors: RecentErrors,
    keyring: Arc<Keyring>,
    clock: Arc<dyn Clock>,
}

impl Refusals {
    /// Nothing is counted yet. Senders are named by the ids of `keyring`.
    pub fn new(keyring: Arc<Keyring>, clock: Arc<dyn Clock>) -> Self {
        let counts = RefusalCounts::new(clock.now_ms());
        let errors = RecentErrors::default();
        Self { log: RefusalLog::default(), counts, errors, keyring, clock }
    }

    /// Logs the counts that are a minute old.
    pub fn log_due(&self) {
        self.log.due(self.clock.now_ms()).iter().for_each(Summary::log);
    }

    /// Logs all counts, because the server shuts down.
    pub fn log_all(&self) {
        self.log.drain(self.clock.now_ms()).iter().for_each(Summary::log);
    }

    /// Who sent a request, and the source of the key.
    fn sender(&self, hint: &SenderHint) -> (Sender, String) {
        let authorization = hint.authorization.iter();
        let headers = authorization.map(|value| (header::AUTHORIZATION, value.clone())).collect();
        match credentials::find(&headers, hint.uri.query()) {
            None => (Sender::None, String::new()),
            Some(text) => match self.keyring.find(&text) {
                None => (Sender::Unknown, String::new()),
                Some(held) => (Sender::Key(held.key.id.clone()), held.key.source.clone()),
            },
        }
    }
}

/// Where a request carries its key. Both parts are cheap to clone.
struct SenderHint {
    authorization: Option<HeaderValue>,
    uri: Uri,
}

/// Counts the request if it is refused, and logs the first one of its kind.
pub async fn record<F: Future<Output = Response>>(
    refusals: &Refusals,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let authorization = request.headers().get(header::AUTHORIZATION).cloned();
    let hint = SenderHint { authorization, uri: request.uri().clone() };
    let id = request.extensions().get::<RequestId>().cloned();
    let response = next(request).await;
    let Some(Problem { status, code, detail, .. }) = response.extensions().get::<Problem>() else {
        return response;
    };
    let is_logged = match *status {
        StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::TOO_MANY_REQUESTS
        | StatusCode::SERVICE_UNAVAILABLE => true,
        // Elsewhere, mostly scanners ask for addresses that do not exist.
        StatusCode::NOT_FOUND => hint.uri.path().starts_with("/v1"),
        _ => false,
    };
    let is_counted = cors::applies_to(hint.uri.path());
    if !is_logged && !is_counted {
        return response;
    }
    let (sender, source) = refusals.sender(&hint);
    if is_counted {
        let at_ms = refusals.clock.now_ms();
        refusals.errors.record(ErrorKind { code, source }, detail, None, at_ms);
        refusals.counts.record(code, &sender);
    }
    if is_logged {
        let refused = Refused { status: status.as_u16(), code, sender };
        let first = refusals.log.record(refused, refusals.clock.now_ms());
        if let Some(Refused { status, code, sender }) = first {
            let request_id = id.as_ref().and_then(|id| id.0.to_str().ok());
            tracing::warn!(request_id, status, code, key = %sender, "refused a request");
        }
    }
    response
}

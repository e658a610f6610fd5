//! Keeps a request's body away from its handler, and sees to the rest of it after the answer.
//!
//! Handlers get requests with an empty body. The real one can only be had from
//! [`Receiver`](super::Receiver), which wants to know who sends it and within which limits. So no
//! handler can read a body before it has checked the credentials, or without limits.
//!
//! An answer never waits for a body that nobody wants. But closing a connection with unread bytes
//! resets it, and then the client may never see the answer. So the rest is discarded afterwards,
//! within limits. Only after a short rest is the connection used again.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CONNECTION, EXPECT};
use http::request::Parts;
use http::{Extensions, HeaderValue};
use http_body_util::BodyExt;
use lamplight_wire::limits::BODY_BYTES_MAX;

use crate::http::requests::OpenRequest;
use crate::system::supervisor::spawn_logged;

/// Largest rest of a body that is discarded so that its connection can be used again, in bytes.
const SHORT_REST_BYTES_MAX: u64 = 64 * 1024;
/// Most bytes of a rest that are discarded before its connection is closed.
const DISCARD_BYTES_MAX: usize = 8 * BODY_BYTES_MAX;
/// How long a rest may take to arrive.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

/// The body of a request that is being answered.
#[derive(Debug, Clone)]
pub(super) struct HeldBody(Arc<Mutex<Held>>);

#[derive(Debug)]
struct Held {
    body: Option<Body>,
    /// Whether the client was asked for the body, if it waits for that (`Expect: 100-continue`, as
    /// curl and PHP do with large ones).
    is_asked_for: bool,
}

impl HeldBody {
    fn new(body: Body, expects_to_be_asked: bool) -> Self {
        let held = Held { body: Some(body), is_asked_for: !expects_to_be_asked };
        Self(Arc::new(Mutex::new(held)))
    }

    /// The body, if nobody has taken it or some of it was put back, and whether its client was
    /// asked for it.
    fn left(&self) -> (Option<Body>, bool) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (held.body.take(), held.is_asked_for)
    }

    /// The body of the request with these extensions, if nobody has taken it.
    pub(super) fn take_from(extensions: &Extensions) -> Option<Taken> {
        let held = extensions.get::<Self>()?;
        let body = held.0.lock().unwrap_or_else(PoisonError::into_inner).body.take()?;
        Some(Taken { body, held: held.clone() })
    }
}

/// A body that is being received.
pub(super) struct Taken {
    body: Body,
    held: HeldBody,
}

impl Taken {
    /// The body, of which the client sends the first byte now at the latest.
    pub(super) fn ask(&mut self) -> &mut Body {
        self.held.0.lock().unwrap_or_else(PoisonError::into_inner).is_asked_for = true;
        &mut self.body
    }

    /// How many bytes the client has announced.
    pub(super) fn declared_bytes(&self) -> Option<u64> {
        HttpBody::size_hint(&self.body).exact()
    }

    /// Leaves the rest to be discarded after the answer.
    pub(super) fn put_back(self) {
        self.held.0.lock().unwrap_or_else(PoisonError::into_inner).body = Some(self.body);
    }
}

/// Holds the body of a request back while `next` answers it.
pub async fn hold<F: Future<Output = Response>>(
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let open = parts.extensions.remove::<OpenRequest>();
    let held = HeldBody::new(body, expects_to_be_asked(&parts));
    parts.extensions.insert(held.clone());
    let mut response = next(Request::from_parts(parts, Body::empty())).await;
    let (rest, is_asked_for) = held.left();
    let Some(rest) = rest.filter(|rest| !HttpBody::is_end_stream(rest)) else { return response };
    let bytes = HttpBody::size_hint(&rest).exact();
    if !is_asked_for || bytes.is_none_or(|bytes| bytes > SHORT_REST_BYTES_MAX) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    // Reading would ask the client to send all of it.
    if is_asked_for {
        spawn_logged("discarding a body", async move {
            discard(rest).await;
            drop(open);
        });
    }
    response
}

fn expects_to_be_asked(head: &Parts) -> bool {
    let expects = head.headers.get(EXPECT);
    expects.is_some_and(|it| it.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

async fn discard(mut body: Body) {
    let read = async {
        let mut bytes = 0;
        while let Some(Ok(frame)) = body.frame().await {
            bytes += frame.data_ref().map_or(0, Bytes::len);
            if bytes > DISCARD_BYTES_MAX {
                break;
            }
        }
    };
    // A client that is still sending after this time may not see the answer.
    let _ = tokio::time::timeout(DISCARD_TIMEOUT, read).await;
}

//! Reads the rest of a request body when the request is refused early.
//!
//! Closing a connection with unread bytes resets it, and then the client may never see the answer.
//! A client that does see it may send its next request on a connection that is about to close.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use http::header::EXPECT;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use lamplight_wire::limits::BODY_BYTES_MAX;

/// Most bytes of a refused body that are read and discarded.
const DISCARD_BYTES_MAX: usize = 8 * BODY_BYTES_MAX;
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

/// Discards the rest of the body before an answer that is not a success, for handlers that may
/// refuse a request before they read its body.
pub async fn discard_when_refused(request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let held_back = HeldBack::of(&head.headers, &body);
    if body.is_end_stream() {
        return next.run(Request::from_parts(head, body)).await;
    }
    let mut body = SharedBody(Arc::new(Mutex::new(body)));
    let response = next.run(Request::from_parts(head, Body::new(body.clone()))).await;
    if !response.status().is_success() && !held_back.is_still(&mut body) {
        discard(Body::new(body)).await;
    }
    response
}

/// The length of a body that the client sends only when it is asked to (`Expect: 100-continue`),
/// as curl and PHP do with large ones.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeldBack(Option<u64>);

impl HeldBack {
    pub(crate) fn of(headers: &HeaderMap, body: &Body) -> Self {
        let expects = headers
            .get(EXPECT)
            .is_some_and(|it| it.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        Self(if expects { HttpBody::size_hint(body).exact() } else { None })
    }

    /// Whether nobody has asked for the body yet. It must then not be read, because that would ask
    /// the client to send all of it.
    pub(crate) fn is_still(self, body: &mut impl HttpBody) -> bool {
        self.0.is_some_and(|bytes| bytes > 0 && body.size_hint().exact() == Some(bytes))
    }
}

/// Reads the rest of a refused body and discards it.
pub(crate) async fn discard(mut body: Body) {
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

/// A body that the handler and this module read in turn.
#[derive(Clone)]
struct SharedBody(Arc<Mutex<Body>>);

impl HttpBody for SharedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut body = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Pin::new(&mut *body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        HttpBody::size_hint(&*self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

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
    if body.is_end_stream() {
        return next.run(Request::from_parts(head, body)).await;
    }
    let body = SharedBody(Arc::new(Mutex::new(body)));
    let response = next.run(Request::from_parts(head, Body::new(body.clone()))).await;
    if !response.status().is_success() {
        discard(Body::new(body)).await;
    }
    response
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

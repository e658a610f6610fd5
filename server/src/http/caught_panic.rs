//! A panic while a request is answered becomes a 500, which a page can read and a client retries.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use crate::system::supervisor::panic_message;

#[derive(Debug, thiserror::Error)]
#[error("answer a request, because of a bug: {0}")]
struct Panicked(String);

/// The answer of `answering`, or a 500 if that panics. The connection then ends, because nobody
/// knows how much of the body was read.
pub(super) async fn or_500(answering: impl Future<Output = Response>) -> Response {
    let mut answering = pin!(answering);
    // What the future owns is dropped after a panic, and nobody sees it half changed.
    let caught = poll_fn(|context| {
        match catch_unwind(AssertUnwindSafe(|| answering.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(response)) => Poll::Ready(Ok(response)),
            Err(panic) => Poll::Ready(Err(Panicked(panic_message(&*panic).to_owned()))),
        }
    });
    match caught.await {
        Ok(response) => response,
        Err(panicked) => Problem::internal(&panicked).close().into_response(),
    }
}

//! Counts answers.

use std::future::Future;

use axum::extract::Request;
use axum::response::Response;

use crate::metrics::answers::{Answers, RouteClass};

/// Counts the answer of `next` by what was asked for and by status.
pub async fn count<F: Future<Output = Response>>(
    answers: &Answers,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let class = RouteClass::of(request.uri().path());
    let response = next(request).await;
    answers.record(class, response.status().as_u16());
    response
}

//! Counts answers.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::metrics::answers::{Answers, RouteClass};

/// Counts every answer of the router by what was asked for and by status.
pub async fn count(State(answers): State<Arc<Answers>>, request: Request, next: Next) -> Response {
    let class = RouteClass::of(request.uri().path());
    let response = next.run(request).await;
    answers.record(class, response.status().as_u16());
    response
}

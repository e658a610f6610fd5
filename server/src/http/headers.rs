//! Headers that every answer carries, and the request's id in errors.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, header};

use super::problem::Problem;
use super::request_id;
use crate::system::entropy::Entropy;

/// Addresses that pages of any origin send events to.
const INTAKE_PREFIX: &str = "/v1/";

/// Adds the request's id, security headers, and for intake the CORS headers. Any origin may send
/// events, because a write key is public and no cookie is read.
pub async fn add(
    State(entropy): State<Arc<dyn Entropy>>,
    mut request: Request,
    next: Next,
) -> Response {
    let is_intake = request.uri().path().starts_with(INTAKE_PREFIX);
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let id = request_id::of(request.headers(), &*entropy);
    if let Some(id) = &id {
        request.extensions_mut().insert(request_id::RequestId(id.clone()));
    }
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let id = id.as_ref().and_then(|id| id.to_str().ok());
        if let Some(cause) = &problem.cause {
            tracing::error!(request_id = id, error = cause, "a request failed");
        }
        *response.body_mut() = problem.body(id);
    }
    let headers = response.headers_mut();
    if let Some(id) = id {
        headers.insert(request_id::HEADER, id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if is_intake {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("Retry-After, X-Request-Id"),
        );
    } else if is_read && !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(
                "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
            ),
        );
    }
    response
}

/// Answers the preflight request that a browser sends before a cross-origin POST with certain
/// headers (Fetch standard, "CORS-preflight request").
pub async fn preflight() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST"),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Authorization, Content-Type, Content-Encoding, X-Request-Id",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

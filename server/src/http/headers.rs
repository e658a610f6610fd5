//! Headers that every answer carries, and the request's id in errors.

use std::future::Future;

use axum::extract::Request;
use axum::response::Response;
use http::{HeaderValue, Method, header};

use super::problem::Problem;
use super::{caught_panic, cors, request_id};
use crate::system::entropy::Entropy;

/// Adds the request's id, security headers, and for intake the CORS headers, to every answer, also
/// to that of a handler that panics.
pub async fn add<F: Future<Output = Response>>(
    entropy: &dyn Entropy,
    mut request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let is_intake = cors::applies_to(request.uri().path());
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let id = request_id::of(request.headers(), entropy);
    if let Some(id) = &id {
        request.extensions_mut().insert(request_id::RequestId(id.clone()));
    }
    let mut response = caught_panic::or_500(next(request)).await;
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
        cors::allow(headers);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::entropy::SystemEntropy;
    use axum::Router;
    use axum::body::{Body, to_bytes};
    use axum::middleware::{Next, from_fn};
    use axum::routing::post;
    use tower::ServiceExt;

    #[allow(clippy::panic, reason = "a panic is what is tested")]
    async fn broken() {
        panic!("a bug");
    }

    #[tokio::test]
    async fn a_handler_that_panics_answers_500_and_a_page_can_read_why() {
        let added =
            async |request, next: Next| add(&SystemEntropy, request, |it| next.run(it)).await;
        let router = Router::new().route("/v1/events", post(broken)).layer(from_fn(added));
        let request = Request::post("/v1/events").header("x-request-id", "page-1");
        let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 500);
        let headers = response.headers();
        assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert_eq!(headers[request_id::HEADER], "page-1");
        assert_eq!(headers[header::CONNECTION], "close");
        let body = to_bytes(response.into_body(), 10_000).await.unwrap();
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            (&problem["code"], &problem["request_id"]),
            (&"internal".into(), &"page-1".into())
        );
        assert!(!String::from_utf8_lossy(&body).contains("a bug"), "only the log has the message");
    }
}

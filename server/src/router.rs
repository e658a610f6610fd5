//! Every route, on one screen.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, patch, post};
use http::header;

use crate::app::App;
use crate::http::problem::Problem;
use crate::http::request_id;
use crate::web::demo;
use crate::web::demo::Demo;
use crate::web::script;
use crate::{api, intake};

/// The routes of `lamplight serve`, and those of `lamplight demo` when `demo` is given.
pub fn router(app: &Arc<App>, demo: Option<&Arc<Demo>>) -> Router {
    let mut intake = Router::new()
        .route("/v1/events", post(intake::events).options(preflight))
        .route("/v1/logs", post(intake::logs).options(preflight));
    if let Some(demo) = demo {
        intake = demo::with_faults(intake, demo);
    }
    let mut router = intake
        .route("/api/totals", get(api::totals))
        .route("/api/events", get(api::events))
        .route("/api/events/{id}", get(api::event))
        .route("/api/producers", get(api::producers))
        .route("/api/aggregate", get(api::aggregate))
        .route("/api/queues", get(api::queues))
        .route("/api/live", get(api::live))
        .route("/api/query", post(api::query))
        .route("/api/sinks/{name}/pause", post(api::pause))
        .route("/api/sinks/{name}/resume", post(api::resume))
        .route("/api/deliveries/retry", post(api::retry))
        .route("/api/keys", get(api::keys).post(api::make_key))
        .route("/api/keys/{id}", patch(api::change_key))
        .route("/api/replay", get(api::replays).post(api::begin_replay))
        .route("/lamplight.js", get(script::script))
        .route("/lamplight-full.js", get(script::full))
        .route("/lamplight-translated.js", get(script::translated))
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(api::ready));
    router = match demo {
        Some(demo) => demo::with_pages(router, demo),
        None => router.route("/", get(async || Html(include_str!("web/landing.html")))),
    };
    router
        .fallback(async || Problem::not_found("nothing is at this address; / says what there is"))
        .method_not_allowed_fallback(async || {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this address does not take that method; the Allow header says which it takes",
            )
        })
        .layer(from_fn_with_state(Arc::clone(app), stamp))
        .with_state(Arc::clone(app))
}

/// Answers what a browser asks before a cross-origin request (Fetch standard, "CORS-preflight request").
async fn preflight() -> Response {
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

/// Headers that every answer carries. Any origin may send events: a write key is public and no cookie counts.
async fn stamp(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let is_intake = request.uri().path().starts_with("/v1/");
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let id = request_id::of(request.headers(), &*app.entropy);
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

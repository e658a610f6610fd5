//! Faults that a person can switch on, to see that nothing is lost.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::Demo;
use crate::http::credentials;
use crate::http::listen::Cut;
use crate::http::problem::Problem;

/// The longest delay, in milliseconds.
const DELAY_MS_MAX: u64 = 60_000;

/// How the intake misbehaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Not at all.
    #[default]
    None,
    /// It answers 503 with `Retry-After`.
    Unavailable,
    /// It cuts the connection without an answer.
    Offline,
    /// It answers late.
    Slow,
}

/// A fault.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// How the intake misbehaves.
    pub mode: Mode,
    /// How late `slow` answers, in milliseconds.
    #[serde(default)]
    pub delay_ms: u64,
}

impl Demo {
    fn fault(&self) -> Fault {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets the fault of the moment happen to a request.
pub(super) async fn apply(State(demo): State<Arc<Demo>>, request: Request, next: Next) -> Response {
    let fault = demo.fault();
    match fault.mode {
        Mode::None => {}
        Mode::Slow => tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await,
        Mode::Unavailable => {
            return Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "demo_unavailable",
                "the demo was told to be unavailable; POST /demo/faults {\"mode\":\"none\"} ends it",
            )
            .retry_after_s(1)
            .into_response();
        }
        Mode::Offline => {
            let mut response = Response::new(Body::empty());
            response.extensions_mut().insert(Cut);
            return response;
        }
    }
    next.run(request).await
}

/// `GET /demo/faults`: the fault of the moment.
pub(super) async fn read(State(demo): State<Arc<Demo>>, headers: HeaderMap) -> Response {
    match check(&demo, &headers) {
        Ok(()) => answer(demo.fault()),
        Err(problem) => problem.into_response(),
    }
}

/// `POST /demo/faults`: sets it.
pub(super) async fn write(
    State(demo): State<Arc<Demo>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Err(problem) = check(&demo, &headers) {
        return problem.into_response();
    }
    match serde_json::from_slice::<Fault>(&body) {
        Ok(fault) => {
            let fault = Fault { delay_ms: fault.delay_ms.min(DELAY_MS_MAX), ..fault };
            *demo.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
            answer(fault)
        }
        Err(error) => Problem::new(
            StatusCode::BAD_REQUEST,
            "fault_not_known",
            format!(
                "the body is not {{\"mode\":\"none\"|\"unavailable\"|\"offline\"|\"slow\",\"delay_ms\":…}}: {error}"
            ),
        )
        .into_response(),
    }
}

fn check(demo: &Demo, headers: &HeaderMap) -> Result<(), Problem> {
    let token = credentials::bearer(headers).unwrap_or_default();
    if bool::from(token.as_bytes().ct_eq(demo.token.as_bytes())) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::UNAUTHORIZED,
        "token_unknown",
        "send the token of /demo/config.json as Authorization: Bearer …",
    ))
}

fn answer(fault: Fault) -> Response {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    (headers, serde_json::to_string(&fault).unwrap_or_default()).into_response()
}

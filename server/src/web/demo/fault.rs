//! Faults that can be switched on in the demo, to see that no event is lost.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::Demo;
use crate::http::body::{BodyLimits, Credentials};
use crate::http::credentials;
use crate::http::listen::CloseWithoutAnswer;
use crate::http::problem::Problem;

/// What the address of faults accepts.
const LIMITS: BodyLimits = BodyLimits { bytes_max: 1024, advice: "send a fault" };
/// The longest delay, in milliseconds.
const DELAY_MS_MAX: u64 = 60_000;

/// What intake does instead of answering normally.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It answers normally.
    #[default]
    None,
    /// It answers 503 with `Retry-After`.
    Unavailable,
    /// It closes the connection without an answer.
    Offline,
    /// It answers late.
    Slow,
}

/// A fault of intake.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What intake does.
    pub mode: Mode,
    /// The delay of `slow`, in milliseconds.
    #[serde(default)]
    pub delay_ms: u64,
}

impl Demo {
    fn current_fault(&self) -> Fault {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Applies the current fault to a request.
pub async fn apply_fault(State(demo): State<Arc<Demo>>, request: Request, next: Next) -> Response {
    let fault = demo.current_fault();
    match fault.mode {
        Mode::None => {}
        Mode::Slow => tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await,
        Mode::Unavailable => {
            return Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "demo_unavailable",
                "the demo's fault `unavailable` is switched on: end it with POST /demo/faults \
                 {\"mode\":\"none\"}",
            )
            .retry_after_s(1)
            .into_response();
        }
        Mode::Offline => {
            let mut response = Response::new(Body::empty());
            response.extensions_mut().insert(CloseWithoutAnswer);
            return response;
        }
    }
    next.run(request).await
}

/// The caller has the token of `/demo/config.json`.
#[derive(Debug)]
pub struct DemoToken(());

impl Credentials for DemoToken {
    fn key_id(&self) -> &'static str {
        "demo"
    }

    fn is_of_backend(&self) -> bool {
        false
    }
}

impl FromRequestParts<Arc<Demo>> for DemoToken {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, demo: &Arc<Demo>) -> Result<Self, Problem> {
        let token = credentials::bearer(&parts.headers).unwrap_or_default();
        if bool::from(token.as_bytes().ct_eq(demo.token.as_bytes())) {
            return Ok(Self(()));
        }
        Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "token_unknown",
            "missing or unknown token: send the `token` of /demo/config.json as `Authorization: \
             Bearer …`",
        ))
    }
}

/// `GET /demo/faults`: the current fault.
pub async fn fault(_: DemoToken, State(demo): State<Arc<Demo>>) -> Response {
    answer(demo.current_fault())
}

/// `POST /demo/faults`: sets the fault.
///
/// # Errors
/// A 400 when the body is not a fault, or the error of a body that was not received.
pub async fn set_fault(
    token: DemoToken,
    State(demo): State<Arc<Demo>>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, _) = request.into_parts();
    let body = demo.bodies.receive(&head, &token, &LIMITS).await?;
    let fault: Fault = serde_json::from_slice(&body.bytes).map_err(|error| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "fault_not_known",
            format!(
                "the body is not a fault: {error}. Send \
                 {{\"mode\":\"none\"|\"unavailable\"|\"offline\"|\"slow\",\"delay_ms\":…}}"
            ),
        )
    })?;
    let fault = Fault { delay_ms: fault.delay_ms.min(DELAY_MS_MAX), ..fault };
    *demo.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    Ok(answer(fault))
}

fn answer(fault: Fault) -> Response {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    (headers, serde_json::to_string(&fault).unwrap_or_default()).into_response()
}

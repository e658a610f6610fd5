//! The read API: what arrived, how it ended, and what never arrived.
//!
//! `Authorization: Bearer` with an admin or viewer token. Reads never delay a write.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use crate::app::App;
use crate::credentials;
use crate::problem::Problem;
use crate::store::{KeyKind, StoreError};

mod event;
mod event_json;
mod events;
mod params;
mod producers;
mod receipt_json;
mod retry;
mod sinks;
mod timeline;
mod totals;

pub use event::event;
pub use events::events;
pub use producers::producers;
pub use retry::retry;
pub use sinks::{pause, resume};
pub use totals::totals;

/// `GET /readyz`: 200 when payloads are taken and processed.
pub async fn ready(State(app): State<Arc<App>>) -> Response {
    let why = if app.is_draining() {
        "the server is shutting down"
    } else if !app.intake.is_up() {
        "the database of payloads does not take writes"
    } else if !app.store.is_up() {
        "the database of events does not take writes"
    } else {
        return "ready".into_response();
    };
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", why).retry_after_s(1).into_response()
}

/// Lets only holders of an admin or viewer token pass.
fn check_token(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    check_kind(app, headers, &[KeyKind::Admin, KeyKind::Viewer])
}

/// Lets only holders of an admin token pass.
fn check_admin(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    check_kind(app, headers, &[KeyKind::Admin])
}

fn check_kind(app: &App, headers: &HeaderMap, kinds: &[KeyKind]) -> Result<(), Problem> {
    let Some(token) = credentials::bearer(headers) else {
        return Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "token_missing",
            "send an admin token as Authorization: Bearer …; it was printed when the server first started",
        ));
    };
    match app.keyring.find(token) {
        Some(key) if key.disabled_ms.is_some() => {
            Err(Problem::new(StatusCode::FORBIDDEN, "token_disabled", "this token was disabled"))
        }
        Some(key) if kinds.contains(&key.kind) => Ok(()),
        Some(key) if key.kind == KeyKind::Viewer => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "token_wrong_kind",
            "this token may only read; changing something takes an admin token",
        )),
        Some(_) => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "token_wrong_kind",
            "this is a key for sending events; reading them takes an admin token",
        )),
        None => Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "token_unknown",
            "nobody made this token, or it was deleted; check it against the server's",
        )),
    }
}

fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(text) => ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], text)
            .into_response(),
        Err(error) => Problem::internal(&error).into_response(),
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full { retry_after_s, .. } | StoreError::Down { retry_after_s } => {
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "not_readable",
                    "the server cannot read its database just now; try again",
                )
                .retry_after_s(retry_after_s)
            }
            error => Self::internal(&error),
        }
    }
}

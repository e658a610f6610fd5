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
use crate::http::credentials;
use crate::http::problem::Problem;
use crate::keys::keyring::HeldKey;
use crate::store::{KeyKind, StoreError};

mod aggregate;
mod event;
mod event_json;
mod events;
mod filter;
mod keys;
mod live;
mod params;
mod payload_json;
mod producers;
mod queues;
mod refused_json;
mod replay;
mod retry;
mod sinks;
mod sql;
mod timeline;
mod totals;

pub use aggregate::aggregate;
pub use event::event;
pub use events::events;
pub use keys::{change_key, keys, make_key};
pub use live::live;
pub use producers::producers;
pub use queues::queues;
pub use replay::{begin_replay, replays};
pub use retry::retry;
pub use sinks::{pause, resume};
pub use sql::query;
pub use totals::totals;

/// Largest request body of the API, in bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// `GET /readyz`: 200 when payloads are taken and processed.
pub async fn ready(State(app): State<Arc<App>>) -> Response {
    let why = if app.is_draining() {
        "the server is shutting down"
    } else if app.disk.retry_after_s(app.clock.now_ms()).is_some() {
        "the disk is nearly full"
    } else if !app.storage.intake_database.is_up() {
        "the database of payloads does not take writes"
    } else if !app.storage.events_database.is_up() {
        "the database of events does not take writes"
    } else {
        return "ready".into_response();
    };
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", why).retry_after_s(1).into_response()
}

/// Lets only holders of an admin token pass.
fn check_admin(app: &App, headers: &HeaderMap) -> Result<Arc<HeldKey>, Problem> {
    let held = check_token(app, headers)?;
    if held.key.kind == KeyKind::Admin {
        return Ok(held);
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "token_read_only",
        "this token may only read; this call takes an admin token",
    ))
}

/// Lets only holders of an admin or viewer token pass.
fn check_token(app: &App, headers: &HeaderMap) -> Result<Arc<HeldKey>, Problem> {
    let Some(token) = credentials::bearer(headers) else {
        return Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "token_missing",
            "send an admin token as Authorization: Bearer …; it was printed when the server first started",
        ));
    };
    match app.keyring.find(token) {
        Some(held) if held.key.disabled_ms.is_some() => {
            Err(Problem::new(StatusCode::FORBIDDEN, "token_disabled", "this token was disabled"))
        }
        Some(held) if matches!(held.key.kind, KeyKind::Admin | KeyKind::Viewer) => Ok(held),
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

/// Reads a request body of the API, which is small.
fn read_json<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let refused = |detail| Err(Problem::new(StatusCode::BAD_REQUEST, "body_invalid", detail));
    if body.len() > BODY_BYTES_MAX {
        return refused(format!("the body has more than {BODY_BYTES_MAX} bytes"));
    }
    match serde_json::from_slice(body) {
        Ok(value) => Ok(value),
        Err(error) => refused(format!("the body is not what this call takes: {error}")),
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

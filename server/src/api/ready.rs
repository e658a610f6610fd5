//! `GET /readyz`.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;

use crate::app::App;
use crate::http::problem::Problem;
use crate::openapi::{Group, Operation};

/// Describes [`ready`].
pub const READY: Operation =
    Operation::new(Group::Health, "isReady", "Whether the server accepts and processes events")
        .problems(&["not_ready"]);

/// `GET /readyz`: 200 while the server accepts and processes payloads.
pub async fn ready(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    let Some(why) = why_not_ready(&app) else { return Ok("ready") };
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", why).retry_after_s(1))
}

/// Why the server does not accept or process payloads, if it does not.
pub(crate) fn why_not_ready(app: &App) -> Option<Cow<'static, str>> {
    let intake = &app.storage.intake_database;
    if let Some(fault) = intake.fault() {
        return Some(format!("{fault}. The server's log says more").into());
    }
    let why = if app.shutdown.has_begun() {
        Some("the server is shutting down")
    } else if app.disk.retry_after_s(app.clock.now_ms()).is_some() {
        Some("the server's disk is nearly full: free space on it")
    } else if !intake.is_up() {
        Some(
            "the payload database does not accept writes: check the server's log and the database's disk",
        )
    } else if !intake.is_in_front() && !app.storage.events_database.is_up() {
        Some(
            "the event database does not accept writes: check the server's log and the database's disk",
        )
    } else {
        None
    };
    why.map(Cow::Borrowed)
}

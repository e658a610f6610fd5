//! `POST /api/retention/trust-clock`, and the state of retention.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::access::Admin;
use super::cost::Change;
use super::json::JsonResponse;
use crate::app::App;
use crate::http::problem::Problem;
use crate::openapi::{Group, Operation};
use crate::retention::ClockGuard;
use crate::system::supervisor::run_blocking;

/// What retention does about the time.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Retention")]
pub struct RetentionJson {
    /// `running`, or `clock_in_doubt`: the clock differs from the last known time, so nothing is
    /// deleted by the clock's time.
    #[schemars(extend("enum" = ["running", "clock_in_doubt"]))]
    state: &'static str,
    /// The time that it deletes by, once it is known.
    as_of: Option<i64>,
    /// How far the clock is ahead of that, if it is in doubt.
    clock_ahead_ms: i64,
}

impl RetentionJson {
    /// How far the clock is ahead of the time that is believed, if it is in doubt.
    pub(crate) fn doubt_ms(&self) -> Option<i64> {
        (self.state == "clock_in_doubt").then_some(self.clock_ahead_ms)
    }

    pub(super) fn new(clock_guard: &ClockGuard) -> Self {
        let known = clock_guard.known();
        let doubt = known.and_then(|known| known.doubt);
        Self {
            state: if doubt.is_some() { "clock_in_doubt" } else { "running" },
            as_of: known.map(|known| known.time_ms),
            clock_ahead_ms: doubt.map_or(0, |doubt| doubt.ahead_ms),
        }
    }
}

/// Describes [`trust_clock`].
pub const TRUST_CLOCK: Operation =
    Operation::new(Group::Operate, "trustClock", "Say that the server's clock is right").about(
        "Retention deletes by the clock again, although it differs much from the last known time.",
    );

/// `POST /api/retention/trust-clock`: an operator says that the server's clock is right, so that
/// retention deletes by it again. It is on disk when the call returns.
pub async fn trust_clock(
    _: Admin<Change>,
    State(app): State<Arc<App>>,
) -> Result<JsonResponse<RetentionJson>, Problem> {
    app.clock_guard.trust(app.clock.now_ms());
    let clock_guard = Arc::clone(&app.clock_guard);
    run_blocking(move || clock_guard.save_due())
        .await
        .map_err(|error| Problem::internal(&error))?;
    JsonResponse::new(&RetentionJson::new(&app.clock_guard))
}

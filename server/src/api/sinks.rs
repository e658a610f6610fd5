//! Sinks: their state and counts, and `POST /api/sinks/{name}/pause` and `/resume`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde::Serialize;

use super::{check_admin, json};
use crate::app::App;
use crate::http::problem::Problem;
use crate::store::SinkRow;

/// A sink as `/api/totals` shows it. `waiting + sent + dead + dropped` are all deliveries it ever had.
#[derive(Debug, Serialize)]
pub(super) struct SinkJson {
    kind: String,
    /// `running`, `resting`, `stopped`, `paused`, or `gone` from the configuration.
    state: &'static str,
    /// Why it rests or is stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Until when it rests, or since when it is paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<i64>,
    waiting: u64,
    sent: u64,
    dead: u64,
    dropped: u64,
}

/// The state of a sink, why it is in it, and until or since when.
pub(super) fn condition(row: &SinkRow, now_ms: i64) -> (&'static str, Option<&str>, Option<i64>) {
    let rests = row.rests.as_ref().filter(|(until_ms, _)| *until_ms > now_ms);
    match (row.is_configured, row.paused_ms, &row.stopped, rests) {
        (false, ..) => ("gone", None, None),
        (_, Some(paused_ms), ..) => ("paused", None, Some(paused_ms)),
        (_, _, Some(why), _) => ("stopped", Some(why), None),
        (_, _, _, Some((until_ms, why))) => ("resting", Some(why), Some(*until_ms)),
        _ => ("running", None, None),
    }
}

impl SinkJson {
    pub(super) fn new(row: SinkRow, now_ms: i64) -> Self {
        let (state, reason, at) = condition(&row, now_ms);
        let reason = reason.map(str::to_owned);
        let SinkRow { kind, waiting, sent, dead, dropped, .. } = row;
        Self { kind, state, reason, at, waiting, sent, dead, dropped }
    }
}

#[derive(Serialize)]
struct ChangedJson<'a> {
    sink: &'a str,
    paused: bool,
}

/// `POST /api/sinks/{name}/pause`: from the next batch on, the sink gets nothing; what is owed to it waits. It stays
/// paused when the server starts again.
pub async fn pause(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Response {
    set(&app, &headers, name, true).await
}

/// `POST /api/sinks/{name}/resume`: the sink, paused or stopped, gets what is owed to it.
pub async fn resume(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Response {
    set(&app, &headers, name, false).await
}

async fn set(app: &App, headers: &HeaderMap, name: String, paused: bool) -> Response {
    if let Err(problem) = check_admin(app, headers) {
        return problem.into_response();
    }
    match app.storage.delivery_queue.pause_sink(name.clone(), paused, app.clock.now_ms()).await {
        Ok(true) => json(&ChangedJson { sink: &name, paused }),
        Ok(false) => {
            Problem::not_found("no sink has this name; /api/totals lists them").into_response()
        }
        Err(error) => Problem::from(error).into_response(),
    }
}

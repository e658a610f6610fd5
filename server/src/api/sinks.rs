//! Sinks: their state and counts, `POST /api/sinks/{name}/pause` and `/resume`.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use super::access::Admin;
use super::cost::Change;
use super::json::JsonResponse;
use super::sink_queue::CheckJson;
use crate::app::App;
use crate::http::path_text::PathText;
use crate::http::problem::{Problem, quoted};
use crate::openapi::{Form, Group, Operation, Param};
use crate::store::SinkRow;

/// A sink in `/api/totals`. `waiting + sent + dead + dropped + discarded` is the number of all its
/// deliveries.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Sink")]
pub(super) struct SinkJson {
    kind: String,
    /// `running`, `resting` (its circuit is open), `stopped`, `paused`, or `gone` (no longer in the
    /// configuration).
    #[schemars(extend("enum" = ["running", "resting", "stopped", "paused", "gone"]))]
    state: &'static str,
    /// Why it is resting or stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// When its circuit closes again, or when it was paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<i64>,
    waiting: u64,
    sent: u64,
    dead: u64,
    dropped: u64,
    /// Dead letters that someone discarded.
    discarded: u64,
}

/// The state of a sink, its reason, and the time when it ends or when it began.
pub(crate) fn condition(row: &SinkRow, now_ms: i64) -> (&'static str, Option<&str>, Option<i64>) {
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
        let SinkRow { kind, waiting, sent, dead, dropped, discarded, .. } = row;
        Self { kind, state, reason, at, waiting, sent, dead, dropped, discarded }
    }
}

/// Whether deliveries to a sink are paused.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SinkChange")]
pub struct ChangedJson<'a> {
    sink: &'a str,
    paused: bool,
}

/// The name of a sink in a path.
pub(super) const NAME: Param =
    Param::new("name", Form::Text, "The name of the sink in the server's configuration")
        .required()
        .example("archive");

/// Describes [`pause`].
pub const PAUSE: Operation = Operation::new(
    Group::Operate,
    "pauseSink",
    "Stop deliveries to a sink",
)
.about(
    "Deliveries stop after the current batch. Events that are waiting stay queued, also when \
             the server restarts.",
)
.part(NAME)
.problems(&["not_found"]);

/// Describes [`resume`].
pub const RESUME: Operation =
    Operation::new(Group::Operate, "resumeSink", "Continue deliveries to a sink")
        .about("The sink was paused by a call, or stopped after an error that a person must fix.")
        .part(NAME)
        .problems(&["not_found"]);

/// `POST /api/sinks/{name}/pause`: stops deliveries to a sink after the current batch. Its events
/// stay queued, and it stays paused when the server restarts.
pub async fn pause(
    _: Admin<Change>,
    State(app): State<Arc<App>>,
    PathText(name): PathText,
) -> Result<JsonResponse<ChangedJson<'static>>, Problem> {
    set_paused(&app, name, true).await
}

/// `POST /api/sinks/{name}/resume`: continues deliveries to a sink that is paused or stopped.
pub async fn resume(
    _: Admin<Change>,
    State(app): State<Arc<App>>,
    PathText(name): PathText,
) -> Result<JsonResponse<ChangedJson<'static>>, Problem> {
    set_paused(&app, name, false).await
}

async fn set_paused(
    app: &App,
    name: String,
    paused: bool,
) -> Result<JsonResponse<ChangedJson<'static>>, Problem> {
    pause_sink(app, &name, paused).await?;
    JsonResponse::new(&ChangedJson { sink: &name, paused })
}

/// Pauses a sink, or resumes it, if it is known.
pub(crate) async fn pause_sink(app: &App, name: &str, paused: bool) -> Result<(), Problem> {
    let now_ms = app.clock.now_ms();
    if app.storage.delivery_queue.pause_sink(name.to_owned(), paused, now_ms).await? {
        return Ok(());
    }
    Err(no_such_sink(name))
}

/// Describes [`check`].
pub const CHECK: Operation = Operation::new(
    Group::Operate,
    "checkSink",
    "Check whether a sink would accept events",
)
.about(
    "Makes one harmless request with the sink's credentials and tells what the answer means. It \
     delivers no event, and takes ten seconds at most.",
)
.part(NAME)
.problems(&["not_found", "busy"]);

/// `POST /api/sinks/{name}/check`: makes one harmless request with the credentials of a sink, and
/// tells what its answer means.
pub async fn check(
    _: Admin<Change>,
    State(app): State<Arc<App>>,
    PathText(name): PathText,
) -> Result<JsonResponse<CheckJson>, Problem> {
    JsonResponse::new(&check_sink(&app, &name).await?)
}

/// Checks a sink of the configuration.
pub(crate) async fn check_sink(app: &App, name: &str) -> Result<CheckJson, Problem> {
    let booked = app.sinks.find(name).ok_or_else(|| {
        Problem::not_found(format!("no sink with the name {} is configured", quoted(name)))
    })?;
    let check = booked.check(app.clock.now_ms()).await.ok_or_else(|| {
        let why = "a check of this sink is running: wait for its result, and retry after 10 s";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", why).retry_after_s(10)
    })?;
    Ok(CheckJson::new(&check))
}

/// The name of a sink is unknown.
pub(super) fn no_such_sink(name: &str) -> Problem {
    Problem::not_found(format!(
        "no sink has the name {}: GET /api/totals lists the sinks",
        quoted(name)
    ))
}

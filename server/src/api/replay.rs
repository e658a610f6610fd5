//! `/api/replay`: processes stored payloads again.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::access::{Admin, Reader};
use super::body_time::BodyTime;
use super::cost::{Change, Summary};
use super::json::{DoneOrBegun, JsonBody, JsonResponse};
use super::params::{invalid, invalid_value};
use crate::app::App;
use crate::http::problem::Problem;
use crate::openapi::{Group, Operation, RequestBody};
use crate::store::{PayloadId, PayloadSpan, Replay, ReplayId, SpanCount, StoreError};

/// What to replay: the payloads received in a time range, or one payload.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "ReplayRequest")]
#[serde(deny_unknown_fields)]
pub struct ReplayRequest {
    /// Payloads received from this time on.
    from: Option<BodyTime>,
    /// Payloads received before this time.
    to: Option<BodyTime>,
    /// The id of a payload.
    #[schemars(extend("format" = "uuid"))]
    payload: Option<String>,
    /// Only counts.
    #[serde(default)]
    dry_run: bool,
}

impl RequestBody for ReplayRequest {}

/// How much a replay processes again.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ReplayCount")]
pub struct CountJson {
    /// The replay that was started. Missing in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    replay: Option<i64>,
    dry_run: bool,
    payloads: u64,
    events: u64,
    /// Whether there are more payloads than were counted.
    has_more: bool,
}

/// The most recent replays, the newest first.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Replays")]
pub struct ReplaysJson {
    replays: Vec<ReplayJson>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Replay")]
struct ReplayJson {
    replay: i64,
    #[schemars(extend("enum" = ["open", "ended"]))]
    state: &'static str,
    payloads: u64,
    rewritten: u64,
    restored: u64,
    accepted: u64,
    skipped: u64,
    begun: i64,
    ended: Option<i64>,
}

impl ReplayJson {
    fn new(replay: &Replay) -> Self {
        let done = replay.done;
        Self {
            replay: replay.id.0,
            state: if replay.ended_ms.is_some() { "ended" } else { "open" },
            payloads: done.payloads,
            rewritten: done.rewritten,
            restored: done.restored,
            accepted: done.accepted,
            skipped: done.skipped,
            begun: replay.begun_ms,
            ended: replay.ended_ms,
        }
    }
}

/// Describes [`begin_replay`].
pub const BEGIN_REPLAY: Operation = Operation::new(
    Group::Operate,
    "beginReplay",
    "Process stored payloads again",
)
.about(
    "Send `from` and a later `to`, which are times of receipt, or only `payload`. Rows keep \
             their ids, and nothing is delivered twice. It continues after the answer, and \
             `GET /api/replay` shows the progress.",
)
.body_example(r#"{"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z", "dry_run": true}"#)
.problems(&["parameter_invalid"]);

/// Describes [`replays`].
pub const REPLAYS: Operation =
    Operation::new(Group::Operate, "listReplays", "Show the progress of replays");

/// `POST /api/replay`: starts a replay, or only counts in a dry run. Answers at once, and `GET`
/// shows the progress.
pub async fn begin_replay(
    _: Admin<Change>,
    State(app): State<Arc<App>>,
    JsonBody(request): JsonBody<ReplayRequest>,
) -> Result<DoneOrBegun<CountJson>, Problem> {
    let (span, dry_run) = (span(&request)?, request.dry_run);
    let SpanCount { payloads, events, has_more } = count(&app, span).await?;
    let count = CountJson { replay: None, dry_run, payloads, events, has_more };
    if dry_run {
        return Ok(DoneOrBegun::Done(JsonResponse::new(&count)?));
    }
    let replay = begin(&app, span).await?;
    let begun = CountJson { replay: Some(replay.0), ..count };
    Ok(DoneOrBegun::Begun(JsonResponse::new(&begun)?))
}

fn span(request: &ReplayRequest) -> Result<PayloadSpan, Problem> {
    match request {
        ReplayRequest { payload: Some(payload), from: None, to: None, .. } => {
            let id = Uuid::try_parse(payload)
                .map_err(|_| invalid_value("payload", payload, "a payload id (a UUID)"))?;
            Ok(PayloadSpan::one(PayloadId(id)))
        }
        ReplayRequest { payload: None, from, to, .. } => {
            let ms = |time: &Option<BodyTime>| time.as_ref().map(|time| time.0);
            received_span(ms(from), ms(to)).ok_or_else(unclear)
        }
        _ => Err(unclear()),
    }
}

fn unclear() -> Problem {
    invalid(
        "the body does not say what to replay: send `from` and a later `to`, or only `payload`"
            .into(),
    )
}

/// The payloads received between these times, in milliseconds since 1970.
pub(crate) fn received_span(from_ms: Option<i64>, to_ms: Option<i64>) -> Option<PayloadSpan> {
    let (from_ms, to_ms) = from_ms.zip(to_ms).filter(|(from_ms, to_ms)| from_ms < to_ms)?;
    Some(PayloadSpan::received(from_ms, to_ms))
}

/// Counts what a replay of `span` would process again.
///
/// # Errors
/// [`StoreError`].
pub(crate) async fn count(app: &App, span: PayloadSpan) -> Result<SpanCount, StoreError> {
    app.storage.archive.count(span).await
}

/// Begins a replay of `span`.
///
/// # Errors
/// [`StoreError`].
pub(crate) async fn begin(app: &App, span: PayloadSpan) -> Result<ReplayId, StoreError> {
    app.storage.replays.begin(span, app.clock.now_ms()).await
}

/// The most recent replays, newest first.
///
/// # Errors
/// [`StoreError`].
pub(crate) async fn list(app: &App) -> Result<Vec<Replay>, StoreError> {
    app.storage.replays.list().await
}

/// `GET /api/replay`: the most recent replays, newest first.
pub async fn replays(
    _: Reader<Summary>,
    State(app): State<Arc<App>>,
) -> Result<JsonResponse<ReplaysJson>, Problem> {
    let replays = list(&app).await?;
    JsonResponse::new(&ReplaysJson { replays: replays.iter().map(ReplayJson::new).collect() })
}

//! `/api/replay`: processes stored payloads again.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::access::{Admin, Reader};
use super::cost::{Change, Summary};
use super::json::{JsonBody, JsonResponse};
use super::params::{TIME, invalid, invalid_value, rfc3339_ms};
use crate::app::App;
use crate::http::problem::Problem;
use crate::store::{PayloadId, PayloadSpan, Replay, SpanCount};

/// What to replay: the payloads received in a time range, or one payload.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayRequest {
    from: Option<Time>,
    to: Option<Time>,
    payload: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

/// Milliseconds since 1970, or RFC 3339 text.
#[derive(Debug, Deserialize)]
#[serde(try_from = "serde_json::Value")]
struct Time(i64);

impl TryFrom<serde_json::Value> for Time {
    type Error = String;

    fn try_from(value: serde_json::Value) -> Result<Self, Self::Error> {
        let ms = match &value {
            serde_json::Value::Number(ms) => ms.as_i64(),
            serde_json::Value::String(text) => rfc3339_ms(text),
            _ => None,
        };
        ms.map(Self).ok_or_else(|| format!("{value} is not {TIME}"))
    }
}

#[derive(Serialize)]
struct CountJson {
    /// The replay that was started. Missing in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    replay: Option<i64>,
    dry_run: bool,
    payloads: u64,
    events: u64,
    /// Whether there are more payloads than were counted.
    has_more: bool,
}

#[derive(Serialize)]
struct ReplaysJson {
    replays: Vec<ReplayJson>,
}

#[derive(Serialize)]
struct ReplayJson {
    replay: i64,
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

/// `POST /api/replay`: starts a replay, or only counts in a dry run. Answers at once, and `GET`
/// shows the progress.
pub async fn begin_replay(
    _: Admin<Change>,
    State(app): State<Arc<App>>,
    JsonBody(request): JsonBody<ReplayRequest>,
) -> Result<(StatusCode, JsonResponse), Problem> {
    let (span, dry_run) = (span(&request)?, request.dry_run);
    let SpanCount { payloads, events, has_more } = app.storage.archive.count(span).await?;
    let count = CountJson { replay: None, dry_run, payloads, events, has_more };
    if dry_run {
        return Ok((StatusCode::OK, JsonResponse::new(&count)?));
    }
    let replay = app.storage.replays.begin(span, app.clock.now_ms()).await?;
    let begun = CountJson { replay: Some(replay.0), ..count };
    Ok((StatusCode::ACCEPTED, JsonResponse::new(&begun)?))
}

fn span(request: &ReplayRequest) -> Result<PayloadSpan, Problem> {
    match request {
        ReplayRequest { payload: Some(payload), from: None, to: None, .. } => {
            let id = Uuid::try_parse(payload)
                .map_err(|_| invalid_value("payload", payload, "a payload id (a UUID)"))?;
            Ok(PayloadSpan::one(PayloadId(id)))
        }
        ReplayRequest { payload: None, from: Some(from), to: Some(to), .. } if from.0 < to.0 => {
            Ok(PayloadSpan::received(from.0, to.0))
        }
        _ => Err(invalid(
            "the body does not say what to replay: send `from` and a later `to`, or only `payload`"
                .into(),
        )),
    }
}

/// `GET /api/replay`: the most recent replays, newest first.
pub async fn replays(
    _: Reader<Summary>,
    State(app): State<Arc<App>>,
) -> Result<JsonResponse, Problem> {
    let replays = app.storage.replays.list().await?;
    JsonResponse::new(&ReplaysJson { replays: replays.iter().map(ReplayJson::new).collect() })
}

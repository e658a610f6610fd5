//! `/api/replay`: processing payloads again.

use std::str::FromStr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::params::bad;
use super::{check_admin, check_token, json, read_json};
use crate::app::App;
use crate::http::problem::Problem;
use crate::store::{PayloadId, PayloadSpan, Replay, SpanCount};

/// What to replay: what was received from one time to another, or one payload.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    from: Option<Time>,
    to: Option<Time>,
    payload: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

/// Milliseconds since 1970, or RFC 3339 text.
#[derive(Deserialize)]
#[serde(try_from = "serde_json::Value")]
struct Time(i64);

impl TryFrom<serde_json::Value> for Time {
    type Error = &'static str;

    fn try_from(value: serde_json::Value) -> Result<Self, Self::Error> {
        let ms = match &value {
            serde_json::Value::Number(ms) => ms.as_i64(),
            serde_json::Value::String(text) => {
                jiff::Timestamp::from_str(text).ok().map(jiff::Timestamp::as_millisecond)
            }
            _ => None,
        };
        ms.map(Self).ok_or("a time is milliseconds since 1970, or such as 2026-01-31T12:00:00Z")
    }
}

#[derive(Serialize)]
struct CountJson {
    /// The replay that was begun; none, if it was only to be counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    replay: Option<i64>,
    dry_run: bool,
    payloads: u64,
    events: u64,
    /// Whether there are more than were counted.
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

/// `POST /api/replay`: counts what would be replayed, or has it replayed. Answers at once; `GET` tells how far it is.
pub async fn begin_replay(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match begin(&app, &headers, &body).await {
        Ok(answer) => answer,
        Err(problem) => problem.into_response(),
    }
}

async fn begin(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<Response, Problem> {
    check_admin(app, headers)?;
    let ask: Ask = read_json(body)?;
    let span = span(&ask)?;
    let SpanCount { payloads, events, has_more } = app.storage.archive.count(span).await?;
    let count = CountJson { replay: None, dry_run: ask.dry_run, payloads, events, has_more };
    if ask.dry_run {
        return Ok(json(&count));
    }
    let replay = app.storage.replays.begin(span, app.clock.now_ms()).await?;
    let begun = CountJson { replay: Some(replay.0), ..count };
    Ok((StatusCode::ACCEPTED, json(&begun)).into_response())
}

fn span(ask: &Ask) -> Result<PayloadSpan, Problem> {
    match ask {
        Ask { payload: Some(payload), from: None, to: None, .. } => {
            let id = Uuid::try_parse(payload).map_err(|_| bad("`payload` is not an id".into()))?;
            Ok(PayloadSpan::one(PayloadId(id)))
        }
        Ask { payload: None, from: Some(from), to: Some(to), .. } if from.0 < to.0 => {
            Ok(PayloadSpan::received(from.0, to.0))
        }
        _ => Err(bad("give `from` and a later `to`, or `payload` alone".into())),
    }
}

/// `GET /api/replay`: the last replays, the newest first.
pub async fn replays(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    match list(&app, &headers).await {
        Ok(replays) => json(&replays),
        Err(problem) => problem.into_response(),
    }
}

async fn list(app: &App, headers: &HeaderMap) -> Result<ReplaysJson, Problem> {
    check_token(app, headers)?;
    let replays = app.storage.replays.list().await?;
    Ok(ReplaysJson { replays: replays.iter().map(ReplayJson::new).collect() })
}

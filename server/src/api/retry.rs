//! `POST /api/deliveries/retry`: dead letters are tried again.

use std::str::FromStr;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::event::refer;
use super::params::bad;
use super::{BODY_BYTES_MAX, check_admin, json};
use crate::app::App;
use crate::http::problem::Problem;
use crate::store::{EventTrace, RETRY_MAX, RetryAsk, RowId};

/// Longest time over which attempts may be spread.
const OVER_S_MAX: u32 = 24 * 60 * 60;

/// Which dead letters, and how. All that is given must hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Of this sink.
    sink: Option<String>,
    /// Of this event, by any of its names.
    event: Option<String>,
    /// Given up for this reason: a group.
    reason: Option<String>,
    /// Received at this time or later: milliseconds, or RFC 3339 text.
    from: Option<Value>,
    /// Received before this time.
    to: Option<Value>,
    /// The attempts are spread over so many seconds.
    over_s: Option<u32>,
    /// Only count.
    #[serde(default)]
    dry_run: bool,
}

#[derive(Serialize)]
struct RetriedJson {
    /// Deliveries that are queued again, or would be.
    count: u64,
    /// Whether there are more than one call takes.
    more: bool,
    dry_run: bool,
}

/// `POST /api/deliveries/retry`: queues dead letters again, at most 10,000 a call.
pub async fn retry(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Response {
    match run(&app, &headers, body).await {
        Ok(retried) => json(&retried),
        Err(problem) => problem.into_response(),
    }
}

async fn run(app: &App, headers: &HeaderMap, body: Body) -> Result<RetriedJson, Problem> {
    check_admin(app, headers)?;
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        let detail =
            format!("the body has more than {BODY_BYTES_MAX} bytes, or did not come whole");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail));
    };
    let asked: Asked = serde_json::from_slice(&body).map_err(|error| {
        bad(format!("the body is not a JSON object of sink, event, reason, from, to, over_s, dry_run: {error}"))
    })?;
    if asked.sink.is_none() && asked.event.is_none() {
        return Err(bad("name a `sink`, or an `event`".into()));
    }
    let over_s = asked.over_s.unwrap_or(0);
    if over_s > OVER_S_MAX {
        return Err(bad(format!("`over_s` is at most {OVER_S_MAX}")));
    }
    let event = match &asked.event {
        Some(name) => Some(find(app, name).await?),
        None => None,
    };
    let ask = RetryAsk {
        sink: asked.sink,
        event,
        reason: asked.reason,
        from_ms: time_ms("from", asked.from.as_ref())?,
        to_ms: time_ms("to", asked.to.as_ref())?,
        over_ms: i64::from(over_s) * 1_000,
        now_ms: app.clock.now_ms(),
        dry_run: asked.dry_run,
    };
    let retried = app.storage.delivery_queue.retry_dead(ask).await?;
    debug_assert!(retried.count <= u64::from(RETRY_MAX));
    Ok(RetriedJson { count: retried.count, more: retried.is_more, dry_run: asked.dry_run })
}

async fn find(app: &App, name: &str) -> Result<RowId, Problem> {
    let trace = match refer(name) {
        Some(event) => app.storage.reader.event(event).await?,
        None => None,
    };
    match trace {
        Some(EventTrace::Stored { event, .. }) => Ok(event.row.id),
        _ => Err(Problem::not_found("no stored event has this id")),
    }
}

fn time_ms(name: &str, given: Option<&Value>) -> Result<Option<i64>, Problem> {
    let read = |value: &Value| match value {
        Value::Number(ms) => ms.as_i64(),
        Value::String(text) => Some(jiff::Timestamp::from_str(text).ok()?.as_millisecond()),
        _ => None,
    };
    given
        .map(|value| {
            read(value).ok_or_else(|| {
                bad(format!(
                    "`{name}` is neither milliseconds since 1970 nor such as 2026-01-31T12:00:00Z"
                ))
            })
        })
        .transpose()
}

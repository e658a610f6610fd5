//! `POST /api/deliveries/retry`: retries dead letters.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::access::Admin;
use super::body_time::BodyTime;
use super::cost::Change;
use super::event::parse_ref;
use super::json::{JsonBody, JsonResponse};
use super::params::{invalid, invalid_value};
use super::whole_number;
use crate::app::App;
use crate::http::problem::{Problem, quoted};
use crate::openapi::{Group, Operation, RequestBody};
use crate::store::{EventTrace, RETRY_MAX, RetryAsk, RetryCount, RowId};

/// Longest time over which the attempts may be spread, in seconds.
const OVER_S_MAX: u32 = 24 * 60 * 60;

/// Which dead letters to retry, and how. A dead letter must match every field that is sent.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "RetryRequest")]
#[schemars(extend("anyOf" = [
    {"required": ["sink"], "properties": {"sink": {"type": "string"}}},
    {"required": ["event"], "properties": {"event": {"type": "string"}}},
]))]
#[serde(deny_unknown_fields)]
pub struct RetryRequest {
    /// The name of a sink.
    sink: Option<String>,
    /// The id of an event, in any of its forms.
    event: Option<String>,
    /// The reason of the last failure.
    reason: Option<String>,
    /// Received at this time or later: milliseconds since 1970, or RFC 3339 text.
    from: Option<BodyTime>,
    /// Received before this time.
    to: Option<BodyTime>,
    /// Spreads the attempts over this number of seconds. Only for a retry.
    #[serde(default, deserialize_with = "whole_number::optional")]
    #[schemars(range(max = 86_400))]
    over_s: Option<u32>,
    /// Only counts.
    #[serde(default)]
    dry_run: bool,
}

impl RequestBody for RetryRequest {
    const CODE: &'static str = "parameter_invalid";
    const EXPECTED: &'static str =
        "a JSON object of sink, event, reason, from, to, over_s and dry_run";
}

/// How many deliveries were queued again, discarded or restored.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RetriedDeliveries")]
pub struct RetriedJson {
    /// Deliveries that were, or would be.
    count: u64,
    /// Whether more match than one call changes.
    more: bool,
    dry_run: bool,
}

/// Describes [`retry`].
pub const RETRY: Operation = Operation::new(
    Group::Operate,
    "retryDeliveries",
    "Retry dead letters",
)
.about(
    "Queues dead letters again, at most 10,000 per call. `sink` or `event` is required. A dead \
             letter must match every field that is sent.",
)
.body_example(r#"{"sink": "archive", "dry_run": true}"#)
.problems(&["not_found"]);

/// `POST /api/deliveries/retry`: queues dead letters again, at most 10,000 per call.
pub async fn retry(
    _: Admin<Change>,
    State(app): State<Arc<App>>,
    JsonBody(request): JsonBody<RetryRequest>,
) -> Result<JsonResponse<RetriedJson>, Problem> {
    let ask = request.ask(&app).await?;
    let dry_run = ask.dry_run;
    let retried = app.storage.delivery_queue.retry_dead(ask).await?;
    debug_assert!(retried.count <= u64::from(RETRY_MAX));
    JsonResponse::new(&RetriedJson::new(retried, dry_run))
}

impl RetryRequest {
    /// What it asks the store for.
    pub(super) async fn ask(self, app: &App) -> Result<RetryAsk, Problem> {
        if self.sink.is_none() && self.event.is_none() {
            return Err(invalid("the body selects no dead letters: send `sink` or `event`".into()));
        }
        let over_s = self.over_s.unwrap_or(0);
        if over_s > OVER_S_MAX {
            let expected = format!("at most {OVER_S_MAX} seconds");
            return Err(invalid_value("over_s", &over_s.to_string(), &expected));
        }
        let event = match &self.event {
            Some(id) => Some(find(app, id).await?),
            None => None,
        };
        Ok(RetryAsk {
            sink: self.sink,
            event,
            reason: self.reason,
            from_ms: self.from.map(|time| time.0),
            to_ms: self.to.map(|time| time.0),
            over_ms: i64::from(over_s) * 1_000,
            now_ms: app.clock.now_ms(),
            dry_run: self.dry_run,
        })
    }
}

impl RetriedJson {
    pub(super) fn new(retried: RetryCount, dry_run: bool) -> Self {
        Self { count: retried.count, more: retried.is_more, dry_run }
    }
}

async fn find(app: &App, id: &str) -> Result<RowId, Problem> {
    let trace = match parse_ref(id) {
        Some(event) => app.storage.reader.event(event).await?,
        None => None,
    };
    match trace {
        Some(EventTrace::Stored { event, .. }) => Ok(event.row.id),
        _ => Err(Problem::not_found(format!(
            "no stored event has the id {}: list events with GET /api/events",
            quoted(id)
        ))),
    }
}

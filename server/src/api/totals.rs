//! `GET /api/totals`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde::Serialize;

use super::params::Params;
use super::sinks::SinkJson;
use super::{check_token, json};
use crate::app::App;
use crate::http::problem::Problem;

#[derive(Serialize)]
struct TotalsJson {
    made: u64,
    received: u64,
    stored: u64,
    /// Of those stored, the ones that retention has removed since.
    removed: u64,
    duplicates: u64,
    invalid: u64,
    in_flight: u64,
    declared: u64,
    lost: u64,
    queue: QueueJson,
    sinks: BTreeMap<String, SinkJson>,
}

/// Payloads that are on disk and not processed. Their events are in none of the counts yet.
#[derive(Serialize)]
struct QueueJson {
    depth: u64,
    events: u64,
    /// For how long the oldest has waited.
    oldest_ms: u64,
    failing: u64,
    last_error: Option<String>,
}

/// `GET /api/totals`: counts of everything.
pub async fn totals(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    match read(&app, &headers, query.as_deref()).await {
        Ok(totals) => json(&totals),
        Err(problem) => problem.into_response(),
    }
}

async fn read(app: &App, headers: &HeaderMap, query: Option<&str>) -> Result<TotalsJson, Problem> {
    check_token(app, headers)?;
    Params::read(query)?.finish("none")?;
    let now_ms = app.clock.now_ms();
    // The queue first: a payload settled in between is counted twice for a moment, never missed.
    let backlog = app.storage.payload_queue.backlog().await?;
    let totals = app.storage.reader.totals(now_ms).await?;
    let sinks = app.storage.delivery_queue.sinks().await?;
    let age_ms = |since_ms: i64| u64::try_from(now_ms.saturating_sub(since_ms)).unwrap_or(0);
    Ok(TotalsJson {
        made: totals.made,
        received: totals.received,
        stored: totals.stored,
        removed: totals.removed,
        duplicates: totals.duplicates,
        invalid: totals.invalid,
        in_flight: totals.in_flight,
        declared: totals.declared,
        lost: totals.lost,
        queue: QueueJson {
            depth: backlog.payloads,
            events: backlog.events,
            oldest_ms: backlog.oldest_ms.map_or(0, age_ms),
            failing: backlog.failing,
            last_error: backlog.last_error,
        },
        sinks: sinks
            .into_iter()
            .map(|row| (row.name.clone(), SinkJson::new(row, now_ms)))
            .collect(),
    })
}

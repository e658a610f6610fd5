//! `GET /api/totals`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::access::Reader;
use super::cost::Summary;
use super::json::JsonResponse;
use super::params::Params;
use super::sinks::SinkJson;
use crate::app::App;
use crate::http::problem::Problem;
use crate::http::refusal_counts::{RefusalCounts, RefusalSums};
use crate::openapi::{Group, Operation};
use crate::store::SourceTotals;

/// The counts of all events and deliveries.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Totals")]
pub struct TotalsJson {
    /// Sequence numbers that pages are known to have assigned.
    made: u64,
    /// Events that arrived: `stored`, `duplicates` and `invalid` together.
    received: u64,
    stored: u64,
    /// Stored events that retention has deleted since.
    removed: u64,
    duplicates: u64,
    invalid: u64,
    /// Assigned but not here yet, from pages that were heard from in the last 30 days.
    in_flight: u64,
    /// Dropped by the page, which reported the number and the reason.
    declared: u64,
    /// Assigned, never arrived, and never declared.
    lost: u64,
    queue: QueueJson,
    refused: RefusedRequestsJson,
    /// The numbered events of each source.
    sources: BTreeMap<String, SourceJson>,
    sinks: BTreeMap<String, SinkJson>,
}

/// The counts of one source's ledgers: `made = received + declared + missing`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SourceTotals")]
struct SourceJson {
    producers: u64,
    made: u64,
    received: u64,
    declared: u64,
    /// In flight or lost.
    missing: u64,
}

/// Payloads on disk that are not processed yet. Their events are in none of the counts.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ProcessQueue")]
struct QueueJson {
    depth: u64,
    events: u64,
    /// How long the oldest has been waiting.
    oldest_ms: u64,
    failing: u64,
    last_error: Option<String>,
    /// Payloads that failed too often, which are not in `depth`.
    set_aside: u64,
    /// Events in them, which are not in `events`.
    set_aside_events: u64,
    /// Payloads that were set aside, and that someone discarded.
    discarded: u64,
    /// Events in them.
    discarded_events: u64,
}

/// Requests to intake that were refused. Their events are in none of the other counts.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RefusedRequests")]
struct RefusedRequestsJson {
    /// When counting began: at the start of the server.
    since: i64,
    by_code: BTreeMap<&'static str, u64>,
    by_key: BTreeMap<String, u64>,
}

impl RefusedRequestsJson {
    fn new(counts: &RefusalCounts) -> Self {
        let RefusalSums { by_code, by_key } = counts.sums();
        Self { since: counts.since_ms(), by_code, by_key }
    }
}

/// Describes [`totals`].
pub const TOTALS: Operation =
    Operation::new(Group::Query, "getTotals", "Count all events and deliveries").about(
        "The counts of all time. `received` is `stored`, `duplicates` and `invalid` together. For \
     numbered events, `made` is what was received, `declared`, `in_flight` and `lost` together.",
    );

/// `GET /api/totals`: the counts of all events and deliveries.
pub async fn totals(
    _: Reader<Summary>,
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<JsonResponse<TotalsJson>, Problem> {
    params.finish(TOTALS.query)?;
    let now_ms = app.clock.now_ms();
    // The queue is read first, so that a payload settled in between is counted twice, not missed.
    let backlog = app.storage.payload_queue.backlog().await?;
    let totals = app.storage.reader.totals(app.known_now_ms()).await?;
    let sources = app.storage.reader.sources().await?;
    let sinks = app.storage.delivery_queue.sinks().await?;
    let age_ms = |since_ms: i64| u64::try_from(now_ms.saturating_sub(since_ms)).unwrap_or(0);
    JsonResponse::new(&TotalsJson {
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
            set_aside: backlog.set_aside.payloads,
            set_aside_events: backlog.set_aside.events,
            discarded: backlog.discarded.payloads,
            discarded_events: backlog.discarded.events,
        },
        refused: RefusedRequestsJson::new(&app.refusals.counts),
        sources: sources
            .into_iter()
            .map(|it| {
                let SourceTotals { source, producers, made, received, declared, missing } = it;
                (source, SourceJson { producers, made, received, declared, missing })
            })
            .collect(),
        sinks: sinks
            .into_iter()
            .map(|row| (row.name.clone(), SinkJson::new(row, now_ms)))
            .collect(),
    })
}

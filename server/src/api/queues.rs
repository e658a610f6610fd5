//! `GET /api/queues`.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::access::Reader;
use super::cost::Summary;
use super::json::JsonResponse;
use super::params::Params;
use super::retention::RetentionJson;
use super::sinks::condition;
use crate::app::App;
use crate::http::problem::Problem;
use crate::intake::SourceShare;
use crate::metrics::throughput::ThroughputSums;
use crate::openapi::{Group, Operation};
use crate::store::SinkRow;

/// The most sources that are listed.
const SOURCES_MAX: usize = 20;

/// What is waiting at each stage and for each sink.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Queues")]
pub struct QueuesJson {
    stages: Vec<StageJson>,
    sinks: Vec<SinkQueueJson>,
    disk: DiskJson,
    retention: RetentionJson,
}

/// One stage of the server.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Stage")]
struct StageJson {
    #[schemars(extend("enum" = ["intake", "process"]))]
    name: &'static str,
    /// `up`, or the reason why not.
    #[schemars(extend("enum" = ["up", "shutting_down", "disk_low", "not_writable"]))]
    state: &'static str,
    /// Payloads that are waiting: at `intake` to be written to disk, at `process` to be processed.
    depth: u64,
    /// Events in them.
    events: u64,
    /// How long the oldest has been waiting.
    oldest_ms: u64,
    /// Waiting payloads that have failed at least once.
    failing: u64,
    last_error: Option<String>,
    /// Payloads that failed too often, which are not in `depth`.
    set_aside: u64,
    /// Average over the last minute.
    events_per_s: f64,
    /// How long a batch takes, in milliseconds.
    batch_ms: QuantilesJson,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Quantiles")]
struct QuantilesJson {
    p50: u32,
    p95: u32,
}

/// The deliveries to one sink that are waiting.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SinkQueue")]
struct SinkQueueJson {
    name: String,
    /// `running`, `resting` (its circuit is open), `stopped`, `paused`, or `gone` (no longer in the
    /// configuration).
    #[schemars(extend("enum" = ["running", "resting", "stopped", "paused", "gone"]))]
    state: &'static str,
    /// Why it is resting or stopped.
    reason: Option<String>,
    /// Events that are waiting for it.
    depth: u64,
    /// How long the oldest has been waiting.
    oldest_ms: u64,
    /// Waiting events that have failed at least once. In a very long queue, only a part is counted.
    failing: u64,
    /// Events delivered, as an average over the last minute.
    events_per_s: f64,
    /// How long a batch takes, in milliseconds.
    batch_ms: QuantilesJson,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Disk")]
struct DiskJson {
    free_bytes: u64,
    floor_bytes: u64,
    /// Below this, sources that sent more than their share are refused.
    reserve_bytes: u64,
    /// What waiting payloads will take. It counts as used.
    expected_bytes: u64,
    /// What sources took recently, the largest first.
    sources: Vec<SourceJson>,
}

/// A source's share of the disk.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SourceShare")]
struct SourceJson {
    source: String,
    /// What was sent a day ago counts half.
    bytes: u64,
    over_share: bool,
}

impl DiskJson {
    fn new(app: &App, now_ms: i64) -> Self {
        let shares = app.intake.shares.list(now_ms).into_iter().take(SOURCES_MAX);
        let source = |SourceShare { source, bytes, is_over }| SourceJson {
            source,
            bytes,
            over_share: is_over,
        };
        Self {
            free_bytes: app.disk.free_bytes(),
            floor_bytes: app.disk.floor_bytes(),
            reserve_bytes: app.disk.reserve_bytes(),
            expected_bytes: app.disk.expected_bytes(),
            sources: shares.map(source).collect(),
        }
    }
}

/// Describes [`queues`].
pub const QUEUES: Operation = Operation::new(
    Group::Operate,
    "getQueues",
    "Show what is waiting at each stage and sink",
)
.about(
    "How much is waiting, the age of the oldest, the throughput, why a sink receives no events, \
         the space on the disk, and the state of retention.",
);

/// `GET /api/queues`: what is waiting at each stage and for each sink, and the throughput.
pub async fn queues(
    _: Reader<Summary>,
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<JsonResponse<QueuesJson>, Problem> {
    params.finish(QUEUES.query)?;
    let now_ms = app.clock.now_ms();
    let waiting = app.intake.in_flight.sums();
    let intake = StageJson {
        name: "intake",
        state: intake_state(&app, now_ms),
        depth: waiting.requests,
        events: waiting.events,
        oldest_ms: age_ms(now_ms, waiting.oldest_ms),
        ..StageJson::throughput(app.intake.metrics.throughput.sums(now_ms))
    };
    let backlog = app.storage.payload_queue.backlog().await?;
    let process = StageJson {
        name: "process",
        state: if app.storage.events_database.is_up() { "up" } else { "not_writable" },
        depth: backlog.payloads,
        events: backlog.events,
        oldest_ms: age_ms(now_ms, backlog.oldest_ms),
        failing: backlog.failing,
        last_error: backlog.last_error,
        set_aside: backlog.set_aside.payloads,
        ..StageJson::throughput(app.process_metrics.throughput.sums(now_ms))
    };
    let sinks = app.storage.delivery_queue.sinks().await?;
    let sinks = sinks.into_iter().map(|row| sink_queue(&app, row, now_ms)).collect();
    JsonResponse::new(&QueuesJson {
        stages: vec![intake, process],
        sinks,
        disk: DiskJson::new(&app, now_ms),
        retention: RetentionJson::new(&app.clock_guard),
    })
}

fn sink_queue(app: &App, row: SinkRow, now_ms: i64) -> SinkQueueJson {
    let (state, reason, _) = condition(&row, now_ms);
    let metrics = app.sink_metrics.get(row.name.as_str());
    let sums = metrics.map(|it| it.throughput.sums(now_ms)).unwrap_or_default();
    SinkQueueJson {
        state,
        reason: reason.map(str::to_owned),
        depth: row.waiting,
        oldest_ms: age_ms(now_ms, row.oldest_ms),
        failing: row.failing,
        events_per_s: rounded(sums.events_per_s),
        batch_ms: QuantilesJson { p50: sums.p50_ms, p95: sums.p95_ms },
        name: row.name,
    }
}

fn age_ms(now_ms: i64, since_ms: Option<i64>) -> u64 {
    since_ms.map_or(0, |since_ms| u64::try_from(now_ms.saturating_sub(since_ms)).unwrap_or(0))
}

fn rounded(rate: f64) -> f64 {
    (rate * 10.0).round() / 10.0
}

fn intake_state(app: &App, now_ms: i64) -> &'static str {
    if app.shutdown.has_begun() {
        "shutting_down"
    } else if app.disk.retry_after_s(now_ms).is_some() {
        "disk_low"
    } else if app.storage.intake_database.is_up() {
        "up"
    } else {
        "not_writable"
    }
}

impl StageJson {
    /// A stage with only its throughput filled in.
    fn throughput(sums: ThroughputSums) -> Self {
        Self {
            name: "",
            state: "",
            depth: 0,
            events: 0,
            oldest_ms: 0,
            failing: 0,
            last_error: None,
            set_aside: 0,
            events_per_s: rounded(sums.events_per_s),
            batch_ms: QuantilesJson { p50: sums.p50_ms, p95: sums.p95_ms },
        }
    }
}

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
use super::sink_queue::SinkQueueJson;
use crate::app::App;
use crate::http::problem::Problem;
use crate::intake::SourceShare;
use crate::metrics::throughput::ThroughputSums;
use crate::openapi::{Group, Operation};
use crate::process::worker_count;
use crate::store::StreamBacklog;

/// The most sources that are listed.
const SOURCES_MAX: usize = 20;

/// What is waiting at each stage and for each sink.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Queues")]
pub struct QueuesJson {
    pub(crate) stages: Vec<StageJson>,
    pub(crate) sinks: Vec<SinkQueueJson>,
    pub(crate) disk: DiskJson,
    pub(crate) retention: RetentionJson,
}

/// One stage of the server.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Stage")]
pub(crate) struct StageJson {
    #[schemars(extend("enum" = ["intake", "process"]))]
    pub(crate) name: &'static str,
    /// `up`, or the reason why not.
    #[schemars(extend("enum" = ["up", "shutting_down", "disk_low", "not_writable"]))]
    pub(crate) state: &'static str,
    /// Payloads that are waiting: at `intake` to be written to disk, at `process` to be processed.
    pub(crate) depth: u64,
    /// Events in them.
    pub(crate) events: u64,
    /// How long the oldest has been waiting.
    pub(crate) oldest_ms: u64,
    /// Waiting payloads that have failed at least once.
    pub(crate) failing: u64,
    pub(crate) last_error: Option<String>,
    /// Payloads that failed too often, which are not in `depth`.
    pub(crate) set_aside: u64,
    /// Average over the last minute.
    pub(crate) events_per_s: f64,
    /// What a stream in front of the database holds, at `intake`. Absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stream: Option<StreamJson>,
    /// How many batches it works on at a time, at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) workers: Option<u32>,
    /// How long a batch takes, in milliseconds.
    pub(crate) batch_ms: QuantilesJson,
}

/// A stream in front of the database: payloads that were accepted and are not in the database yet.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Stream")]
pub(crate) struct StreamJson {
    /// Groups of payloads that wait.
    pub(crate) groups: u64,
    pub(crate) bytes: u64,
    /// How many it may hold. It refuses further payloads.
    pub(crate) bytes_max: u64,
    /// How long the oldest group has been waiting.
    pub(crate) oldest_ms: u64,
    /// How often, since the start, a message was found that this server cannot read. It stays in
    /// the stream.
    pub(crate) unreadable: u64,
    /// How often, since the start, a group was delivered again.
    pub(crate) redelivered: u64,
}

impl StreamJson {
    fn new(stream: &StreamBacklog, now_ms: i64) -> Self {
        Self {
            groups: stream.groups,
            bytes: stream.bytes,
            bytes_max: stream.bytes_max,
            oldest_ms: age_ms(now_ms, stream.oldest_ms),
            unreadable: stream.unreadable,
            redelivered: stream.redelivered,
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Quantiles")]
pub(crate) struct QuantilesJson {
    pub(crate) p50: u32,
    pub(crate) p95: u32,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Disk")]
pub(crate) struct DiskJson {
    pub(crate) free_bytes: u64,
    pub(crate) floor_bytes: u64,
    /// Below this, sources that sent more than their share are refused.
    pub(crate) reserve_bytes: u64,
    /// What waiting payloads will take. It counts as used.
    pub(crate) expected_bytes: u64,
    /// What sources took recently, the largest first.
    pub(crate) sources: Vec<SourceJson>,
}

/// A source's share of the disk.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SourceShare")]
pub(crate) struct SourceJson {
    pub(crate) source: String,
    /// What was sent a day ago counts half.
    pub(crate) bytes: u64,
    pub(crate) over_share: bool,
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
    JsonResponse::new(&read_queues(&app).await?)
}

/// What is waiting at each stage and for each sink, and the throughput.
pub(crate) async fn read_queues(app: &App) -> Result<QueuesJson, Problem> {
    let now_ms = app.clock.now_ms();
    let waiting = app.intake.in_flight.sums();
    let backlog = app.storage.payload_queue.backlog().await?;
    let intake = StageJson {
        name: "intake",
        state: intake_state(app, now_ms),
        depth: waiting.requests,
        events: waiting.events,
        oldest_ms: age_ms(now_ms, waiting.oldest_ms),
        stream: backlog.stream.map(|it| StreamJson::new(&it, now_ms)),
        ..StageJson::throughput(app.intake.metrics.throughput.sums(now_ms))
    };
    let process = StageJson {
        name: "process",
        state: if app.storage.events_database.is_up() { "up" } else { "not_writable" },
        depth: backlog.payloads,
        events: backlog.events,
        oldest_ms: age_ms(now_ms, backlog.oldest_ms),
        failing: backlog.failing,
        last_error: backlog.last_error,
        set_aside: backlog.set_aside.payloads,
        workers: Some(worker_count(&*app.storage.payload_queue)),
        ..StageJson::throughput(app.process_metrics.throughput.sums(now_ms))
    };
    let sinks = app.storage.delivery_queue.sinks().await?;
    let sinks = sinks.into_iter().map(|row| SinkQueueJson::new(app, row, now_ms)).collect();
    Ok(QueuesJson {
        stages: vec![intake, process],
        sinks,
        disk: DiskJson::new(app, now_ms),
        retention: RetentionJson::new(&app.clock_guard),
    })
}

pub(super) fn age_ms(now_ms: i64, since_ms: Option<i64>) -> u64 {
    since_ms.map_or(0, |since_ms| u64::try_from(now_ms.saturating_sub(since_ms)).unwrap_or(0))
}

pub(super) fn rounded(rate: f64) -> f64 {
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
            stream: None,
            workers: None,
            events_per_s: rounded(sums.events_per_s),
            batch_ms: QuantilesJson { p50: sums.p50_ms, p95: sums.p95_ms },
        }
    }
}

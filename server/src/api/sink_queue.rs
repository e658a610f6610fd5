//! The deliveries to one sink in `GET /api/queues`, and how the sink is.

use schemars::JsonSchema;
use serde::Serialize;

use super::queues::{QuantilesJson, age_ms, rounded};
use super::sinks::condition;
use crate::app::App;
use crate::metrics::service_answers::ServiceAnswerSums;
use crate::metrics::sink::SinkFailure;
use crate::sinks::{BookedSink, SinkCheck};
use crate::store::SinkRow;

/// The deliveries to one sink that are waiting, and how the sink is.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SinkQueue")]
pub(crate) struct SinkQueueJson {
    pub(crate) name: String,
    /// Such as `mixpanel`.
    pub(crate) kind: String,
    /// `running`, `resting` (its circuit is open), `stopped`, `paused`, or `gone` (no longer in the
    /// configuration).
    #[schemars(extend("enum" = ["running", "resting", "stopped", "paused", "gone"]))]
    pub(crate) state: &'static str,
    /// Why it is resting or stopped.
    pub(crate) reason: Option<String>,
    /// Until when it rests, or since when it is paused.
    pub(crate) at: Option<i64>,
    /// Events that are waiting for it.
    pub(crate) depth: u64,
    /// How long the oldest has been waiting.
    pub(crate) oldest_ms: u64,
    /// Waiting events that have failed at least once. In a very long queue, only a part is counted.
    pub(crate) failing: u64,
    /// Events that it took, of all time.
    pub(crate) sent: u64,
    /// Dead letters.
    pub(crate) dead: u64,
    /// Events that were dropped instead of sent, of all time.
    pub(crate) dropped: u64,
    /// Events that were added to its queue, as an average over the last minute. Unknown at first.
    pub(crate) queued_per_s: Option<f64>,
    /// Events delivered, as an average over the last minute.
    pub(crate) events_per_s: f64,
    /// How long a batch takes, in milliseconds.
    pub(crate) batch_ms: QuantilesJson,
    /// Batches in flight at a time, at most.
    pub(crate) lanes: Option<usize>,
    /// When it last took an event, if it did since the start of the server.
    pub(crate) last_sent: Option<i64>,
    /// The last attempt since the start that failed.
    pub(crate) last_failure: Option<FailureJson>,
    /// What its service has answered since the start. None if it has no service that answers.
    pub(crate) answers: Option<AnswersJson>,
    /// Its last check since the start.
    pub(crate) check: Option<CheckJson>,
}

/// An attempt that failed.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SinkFailure")]
pub(crate) struct FailureJson {
    pub(crate) at: i64,
    pub(crate) why: String,
}

/// Counts of answers by status.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SinkAnswers")]
pub(crate) struct AnswersJson {
    #[serde(rename = "2xx")]
    pub(crate) success: u64,
    #[serde(rename = "3xx")]
    pub(crate) redirect: u64,
    #[serde(rename = "4xx")]
    pub(crate) refused: u64,
    #[serde(rename = "5xx")]
    pub(crate) failed: u64,
    /// Requests without an answer.
    pub(crate) none: u64,
    pub(crate) last: Option<AnswerJson>,
}

/// The last answer.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SinkAnswer")]
pub(crate) struct AnswerJson {
    pub(crate) at: i64,
    pub(crate) status: Option<u16>,
    /// The beginning of its body, or why there was none, without secrets.
    pub(crate) text: String,
}

/// A check of a sink.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SinkCheck")]
pub struct CheckJson {
    pub(crate) at: i64,
    #[schemars(extend("enum" = ["works", "unconfirmed", "fails"]))]
    pub(crate) result: &'static str,
    /// What was found, and what to do.
    pub(crate) detail: String,
}

impl CheckJson {
    pub(super) fn new(check: &SinkCheck) -> Self {
        let (result, detail) = (check.result.name(), check.result.detail().to_owned());
        Self { at: check.at_ms, result, detail }
    }
}

impl AnswersJson {
    fn new(sums: ServiceAnswerSums) -> Self {
        let ServiceAnswerSums { none, success, redirect, refused, failed, last } = sums;
        let last = last.map(|it| AnswerJson { at: it.at_ms, status: it.status, text: it.text });
        Self { success, redirect, refused, failed, none, last }
    }
}

impl SinkQueueJson {
    pub(super) fn new(app: &App, row: SinkRow, now_ms: i64) -> Self {
        let (state, reason, at) = condition(&row, now_ms);
        let reason = reason.map(str::to_owned);
        let metrics = app.sink_metrics.get(row.name.as_str());
        let sums = metrics.map(|it| it.throughput.sums(now_ms)).unwrap_or_default();
        let booked = app.sinks.find(&row.name);
        let failure = |SinkFailure { at_ms, why }| FailureJson { at: at_ms, why };
        Self {
            state,
            reason,
            at,
            depth: row.waiting,
            oldest_ms: age_ms(now_ms, row.oldest_ms),
            failing: row.failing,
            sent: row.sent,
            dead: row.dead,
            dropped: row.dropped,
            queued_per_s: metrics
                .and_then(|it| it.queued.observe(row.deliveries(), now_ms))
                .map(rounded),
            events_per_s: rounded(sums.events_per_s),
            batch_ms: QuantilesJson { p50: sums.p50_ms, p95: sums.p95_ms },
            lanes: booked.map(|it| it.sink().limits().lanes),
            last_sent: metrics.and_then(|it| it.last_sent_ms()),
            last_failure: metrics.and_then(|it| it.last_failure()).map(failure),
            answers: booked
                .and_then(|it| it.sink().answers())
                .map(|it| AnswersJson::new(it.sums())),
            check: booked.and_then(BookedSink::last_check).as_ref().map(CheckJson::new),
            kind: row.kind,
            name: row.name,
        }
    }
}

//! Sinks: destinations that events are sent to. Each is a folder with the same files: `config`,
//! `encode`, `send`.
//!
//! A sink gets only the events that are routed to it, and reports a result for each. When to retry
//! and when to give up is decided by [`crate::deliver`].

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::metrics::service_answers::ServiceAnswers;
use crate::store::{EventRow, Reason};

mod check;
pub mod common_config;
pub mod config;
pub mod datadog;
mod event_json;
pub mod file;
pub(crate) mod hidden_parts;
pub mod http;
pub mod mixpanel;
mod pieces;
mod service;
mod sink_book;
pub mod webhook;

pub use check::{CheckResult, Checking};
pub use config::SinkConfig;
pub use sink_book::{BookedSink, SinkBook, SinkCheck};

/// The result of one attempt for one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptResult {
    /// The sink has it.
    Sent,
    /// It may or may not have arrived. Another attempt makes sense.
    Retry(Reason),
    /// The same, and it was the only event of its request, which failed in a way that the event may
    /// have caused.
    FailedAlone(Reason),
    /// The sink will never accept it.
    Reject(Reason),
    /// It is not meant for this sink, or no longer.
    Drop(Reason),
}

/// The state of the sink after one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkHealth {
    /// It responds.
    Up,
    /// It does not respond, or asks for a pause of at least this many milliseconds.
    Busy(Reason, Option<i64>),
    /// It accepts nothing until its configuration changes, for example because of wrong
    /// credentials.
    Stopped(Reason),
}

/// The results of one attempt to send a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendReport {
    /// One for each event, in their order.
    pub results: Vec<AttemptResult>,
    /// The state of the sink.
    pub health: SinkHealth,
}

impl AttemptResult {
    /// The result of each event of a request with `events` events that failed for this reason.
    pub fn failed(events: usize, reason: Reason) -> Self {
        if events == 1 && http::may_be_content(&reason) {
            Self::FailedAlone(reason)
        } else {
            Self::Retry(reason)
        }
    }
}

impl SendReport {
    /// A report in which all events have the same result.
    pub fn all(events: usize, result: &AttemptResult, health: SinkHealth) -> Self {
        Self { results: vec![result.clone(); events], health }
    }
}

/// How much a sink accepts at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Events in one batch, at most.
    pub events_max: u32,
    /// Bytes of events in one batch, at most, as they are stored.
    pub bytes_max: u64,
    /// Batches in flight at a time.
    pub lanes: usize,
    /// Whether an event must never be retried if its attempt may have succeeded.
    pub is_at_most_once: bool,
}

/// A batch being sent.
pub type Sending<'a> = Pin<Box<dyn Future<Output = SendReport> + Send + 'a>>;

/// A destination that events are sent to.
pub trait Sink: Send + Sync + 'static {
    /// How much it accepts at once.
    fn limits(&self) -> BatchLimits;

    /// Sends `events`. Errors are in the report, which has one result for each event.
    ///
    /// If the future is dropped, any of them may have arrived.
    fn send(&self, events: Arc<Vec<EventRow>>, now_ms: i64) -> Sending<'_>;

    /// Makes one harmless request with the sink's credentials, to find out whether it would accept
    /// events. It delivers none.
    fn check(&self, now_ms: i64) -> Checking<'_>;

    /// What its service has answered. None if it has no service that answers.
    fn answers(&self) -> Option<&ServiceAnswers> {
        None
    }
}

/// A sink cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("set up sink `{name}`: {why}")]
pub struct SinkError {
    /// Its name in the configuration.
    pub name: String,
    /// What is wrong with it.
    pub why: String,
}

/// Makes the sink that `config` asks for.
///
/// # Errors
/// [`SinkError`], when the configuration is invalid.
pub fn open(name: &str, config: &SinkConfig) -> Result<Arc<dyn Sink>, SinkError> {
    let failed = |why: String| SinkError { name: name.to_owned(), why };
    Ok(match config {
        SinkConfig::Mixpanel(config) => Arc::new(mixpanel::Mixpanel::new(config).map_err(failed)?),
        SinkConfig::Datadog(config) => Arc::new(datadog::Datadog::new(config).map_err(failed)?),
        SinkConfig::Webhook(config) => Arc::new(webhook::Webhook::new(config).map_err(failed)?),
        SinkConfig::File(config) => Arc::new(file::File::new(config).map_err(failed)?),
    })
}

//! Sinks: where events are passed on to. Each is a folder with the same files: `config`, `encode`, `send`.
//!
//! A sink gets only events that were routed to it, and says of each how it went; when to try again, and when to give
//! up, is the business of [`crate::deliver`].

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::store::{EventRow, Reason};

pub mod config;
pub mod datadog;
mod event_json;
pub mod file;
pub mod http;
pub mod mixpanel;
mod pieces;
pub mod secret;
pub mod webhook;

pub use config::SinkConfig;

/// How one event fared in one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptResult {
    /// The sink has it.
    Sent,
    /// It may have arrived or not. Another attempt is worth while.
    Retry(Reason),
    /// The sink can never take it.
    Reject(Reason),
    /// It is nothing for this sink, or not any more.
    Drop(Reason),
}

/// How the sink as a whole fared in one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkHealth {
    /// It answers.
    Up,
    /// It does not, or asks for a pause of at least so many milliseconds.
    Busy(Reason, Option<i64>),
    /// It will not take anything before a person changes something: a wrong password, for example.
    Stopped(Reason),
}

/// What came of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendReport {
    /// One for each event, in their order.
    pub results: Vec<AttemptResult>,
    /// How the sink as a whole fared.
    pub health: SinkHealth,
}

impl SendReport {
    /// All events fared alike.
    pub fn all(events: usize, result: &AttemptResult, health: SinkHealth) -> Self {
        Self { results: vec![result.clone(); events], health }
    }
}

/// How much a sink takes at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Events in one batch, at most.
    pub events_max: u32,
    /// Bytes of events in one batch, at most, as they are stored.
    pub bytes_max: u64,
    /// Batches under way at a time.
    pub lanes: usize,
    /// Whether an event whose attempt may have succeeded must never be tried again.
    pub is_at_most_once: bool,
}

/// The answer of a sink.
pub type Sending<'a> = Pin<Box<dyn Future<Output = SendReport> + Send + 'a>>;

/// Somewhere events are passed on to.
pub trait Sink: Send + Sync + 'static {
    /// How much it takes at once.
    fn limits(&self) -> BatchLimits;

    /// Sends `events`. Whatever goes wrong is in the report, which has one result for each event.
    ///
    /// Dropping the future leaves it open which of them arrived.
    fn send(&self, events: Arc<Vec<EventRow>>, now_ms: i64) -> Sending<'_>;
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
/// [`SinkError`], when the configuration asks for what cannot be.
pub fn open(name: &str, config: &SinkConfig) -> Result<Arc<dyn Sink>, SinkError> {
    let failed = |why: String| SinkError { name: name.to_owned(), why };
    Ok(match config {
        SinkConfig::Mixpanel(config) => Arc::new(mixpanel::Mixpanel::new(config).map_err(failed)?),
        SinkConfig::Datadog(config) => Arc::new(datadog::Datadog::new(config).map_err(failed)?),
        SinkConfig::Webhook(config) => Arc::new(webhook::Webhook::new(config).map_err(failed)?),
        SinkConfig::File(config) => Arc::new(file::File::new(config).map_err(failed)?),
    })
}

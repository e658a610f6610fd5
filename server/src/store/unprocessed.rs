//! Where a payload is, and the payloads that are not processed yet.

use super::KeptPayload;

/// Where a payload is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PayloadState {
    /// In the queue.
    Waiting {
        /// How often it was leased.
        attempts: u32,
        /// When the next attempt is due, in milliseconds since 1970. Not before the first.
        due_ms: Option<i64>,
        /// Whether a worker processes it at the moment.
        is_leased: bool,
        /// Why the last attempt failed.
        error: Option<String>,
    },
    /// Out of the queue, until an operator retries it.
    SetAside {
        /// How often it was leased.
        attempts: u32,
        /// Why the last attempt failed.
        error: String,
        /// When it was set aside, in milliseconds since 1970.
        set_aside_ms: i64,
        /// When an operator discarded it, in milliseconds since 1970.
        discarded_ms: Option<i64>,
    },
    /// Processed.
    Settled,
}

/// A payload that is not processed yet.
#[derive(Debug, Clone)]
pub struct UnprocessedPayload {
    /// The payload.
    pub payload: KeptPayload,
    /// Where it is.
    pub state: PayloadState,
}

/// Some of the payloads that are not processed yet.
#[derive(Debug, Clone, Default)]
pub struct Unprocessed {
    /// Those that failed before, those that are set aside, and the newest of the others.
    pub payloads: Vec<UnprocessedPayload>,
    /// Whether there are more.
    pub has_more: bool,
}

//! Payloads that failed too often, kept outside the queue until an operator retries them.

use super::{PayloadMetadata, Ticket};

/// A leased payload that has used up its attempts.
#[derive(Debug, Clone)]
pub struct ExhaustedPayload {
    /// The payload to set aside.
    pub ticket: Ticket,
    /// Why the last attempt failed, for people.
    pub error: String,
}

/// A payload that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAsidePayload {
    /// How it arrived.
    pub metadata: PayloadMetadata,
    /// How often it was leased before it was set aside.
    pub attempts: u32,
    /// Why the last attempt failed, for people.
    pub error: String,
    /// When it was set aside, in milliseconds since 1970.
    pub set_aside_ms: i64,
    /// When an operator discarded it, in milliseconds since 1970.
    pub discarded_ms: Option<i64>,
}

/// The payloads that are set aside, added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SetAsideSums {
    /// Payloads.
    pub payloads: u64,
    /// Events in them. No outcome counts them yet.
    pub events: u64,
    /// When the oldest of them was received, or of those that were discarded and can be restored.
    /// Nothing that its events need may be pruned.
    pub oldest_ms: Option<i64>,
}

/// The payloads that operators discarded, added up. They count as discarded also after retention
/// has deleted them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DiscardedSums {
    /// Payloads.
    pub payloads: u64,
    /// Events in them. No outcome counts them.
    pub events: u64,
}

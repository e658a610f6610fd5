//! The process stage: leased payloads become rows, outcomes and ledgers, each payload exactly once.
//!
//! Lease, plan, apply, settle. A crash between apply and settle is harmless: the payload is leased
//! again, and applying it again changes nothing. A payload that fails is retried with exponential
//! backoff. One that keeps failing for its own fault is set aside for an operator. None is dropped.

mod doubts;
pub mod enrich;
mod failure;
mod happened;
mod parse;
mod planner;
mod refused;
mod replay;
mod row_id;
mod worker;

use crate::store::StoreError;
use crate::system::entropy::EntropyError;

pub use failure::ATTEMPTS_MAX;
pub use parse::{ParseError, plan};
pub use planner::{Planner, events_of};
pub use replay::{PAYLOADS_MAX as REPLAY_PAYLOADS_MAX, Replayer};
pub use row_id::row_id;
pub use worker::{ProcessedBatch, Worker, worker_count};

/// A step of processing failed.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// No lease token could be made.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// A database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

//! One database behind some of the traits.

use super::Answer;
use crate::metrics::commits::CommitSums;

/// A database: whether it takes writes, and its end.
pub trait Database: Send + Sync + 'static {
    /// Whether it takes writes now.
    fn is_up(&self) -> bool;

    /// What it has committed, and what waits for that. A database without a writer of its own
    /// counts nothing.
    fn commits(&self) -> CommitSums {
        CommitSums::default()
    }

    /// Writes what is queued, checkpoints the WAL and stops.
    fn close(&self) -> Answer<'_, ()>;
}

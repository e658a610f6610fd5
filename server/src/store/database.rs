//! One database behind some of the traits.

use super::Answer;
use crate::metrics::commits::CommitSums;

/// A database: whether it takes writes, and its end.
pub trait Database: Send + Sync + 'static {
    /// Whether it takes writes now.
    fn is_up(&self) -> bool;

    /// What is wrong, in words for whoever asks whether the server is ready, if that is known and
    /// it takes no writes.
    fn fault(&self) -> Option<String> {
        None
    }

    /// Whether it takes payloads also while the database behind it is down.
    fn is_in_front(&self) -> bool {
        false
    }

    /// What it has committed, and what waits for that. A database without a writer of its own
    /// counts nothing.
    fn commits(&self) -> CommitSums {
        CommitSums::default()
    }

    /// The number of each database, where there are several, and whether it takes writes now.
    fn shards(&self) -> Vec<(u16, bool)> {
        Vec::new()
    }

    /// Writes what is queued, checkpoints the WAL and stops.
    fn close(&self) -> Answer<'_, ()>;
}

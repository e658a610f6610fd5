//! One database behind some of the traits.

use super::Answer;

/// A database: whether it takes writes, and its end.
pub trait Database: Send + Sync + 'static {
    /// Whether it takes writes now.
    fn is_up(&self) -> bool;

    /// Writes what is queued, checkpoints the WAL and stops.
    fn close(&self) -> Answer<'_, ()>;
}

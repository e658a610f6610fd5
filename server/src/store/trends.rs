//! The trait of what is kept about the server's own figures.

use super::{Answer, Sample, TrendQuery, TrendRow};

/// Keeps the server's own figures by minute, hour and day.
pub trait Trends: Send + Sync + 'static {
    /// Adds a sample to its minute, hour and day, in one transaction. It is durable when this
    /// returns. A sample that was recorded already changes nothing.
    ///
    /// A period that is new deletes periods that were kept for long enough, at most
    /// [`PRUNED_MAX`](super::PRUNED_MAX) at each end of what is kept.
    fn record(&self, sample: Sample) -> Answer<'_, ()>;

    /// Periods with at least one sample, newest first. One without a sample is missing.
    fn periods(&self, query: TrendQuery) -> Answer<'_, Vec<TrendRow>>;

    /// When the first week with events begins, in milliseconds since 1970.
    fn first_event_ms(&self) -> Answer<'_, Option<i64>>;
}

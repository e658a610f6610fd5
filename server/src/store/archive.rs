//! Raw payloads as they were received, kept after they were processed.

use super::{Answer, KeptPayload, PayloadId, PayloadMetadata, PayloadSpan, SpanCount};

/// Reads and prunes the raw payloads that a [`super::PayloadQueue`] took.
pub trait Archive: Send + Sync + 'static {
    /// What is known about how a payload arrived.
    fn metadata(&self, id: PayloadId) -> Answer<'_, Option<PayloadMetadata>>;

    /// Counts the payloads of a span, up to a limit.
    fn count(&self, span: PayloadSpan) -> Answer<'_, SpanCount>;

    /// The payloads of a span after one of them, in the order of their ids: at most `payloads_max`
    /// and about `unpacked_bytes_max` decompressed bytes, and at least one if there is any.
    fn payloads(
        &self,
        span: PayloadSpan,
        after: Option<PayloadId>,
        payloads_max: u32,
        unpacked_bytes_max: u64,
    ) -> Answer<'_, Vec<KeptPayload>>;

    /// Deletes settled payloads that were received before `before_ms`, the oldest first, a limited
    /// number of them. Returns how many. There may be more.
    fn prune(&self, before_ms: i64) -> Answer<'_, u64>;
}

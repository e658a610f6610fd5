//! Replays: processing payloads again.

use bytes::Bytes;
use uuid::Uuid;

use super::{Answer, PayloadId, PayloadMetadata};

/// The most payloads of a span that are counted.
pub(crate) const COUNTED_MAX: u64 = 1_000_000;
/// The most replays that are listed.
pub(crate) const LISTED_MAX: u32 = 100;

/// Payloads received within a span of time. Their ids begin with the time of receipt, so this is
/// also a span of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadSpan {
    /// The first id in it.
    pub first: PayloadId,
    /// The last id in it.
    pub last: PayloadId,
}

impl PayloadSpan {
    /// The payloads received at `from_ms` or later and before `to_ms`, in milliseconds since 1970.
    pub fn received(from_ms: i64, to_ms: i64) -> Self {
        let first_at = |ms: i64| u128::try_from(ms.clamp(0, (1 << 48) - 1)).unwrap_or(0) << 80;
        let last = first_at(to_ms).saturating_sub(1);
        Self {
            first: PayloadId(Uuid::from_u128(first_at(from_ms))),
            last: PayloadId(Uuid::from_u128(last)),
        }
    }

    /// One payload.
    pub fn one(id: PayloadId) -> Self {
        Self { first: id, last: id }
    }
}

/// The number of payloads and events in a span.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpanCount {
    /// Payloads.
    pub payloads: u64,
    /// Events in them.
    pub events: u64,
    /// Whether there are more, because counting has a limit.
    pub has_more: bool,
}

/// A payload from the archive.
#[derive(Debug, Clone)]
pub struct KeptPayload {
    /// How it arrived.
    pub metadata: PayloadMetadata,
    /// The bytes, verbatim.
    pub body: Bytes,
}

/// The id of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReplayId(pub i64);

/// A replay and its progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// Its id.
    pub id: ReplayId,
    /// The payloads to replay.
    pub span: PayloadSpan,
    /// The last payload that it has processed.
    pub after: Option<PayloadId>,
    /// What it has done so far.
    pub done: Replayed,
    /// When it was requested, in milliseconds since 1970.
    pub begun_ms: i64,
    /// When it finished, in milliseconds since 1970, if it has.
    pub ended_ms: Option<i64>,
}

/// What a replay did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Payloads that it read.
    pub payloads: u64,
    /// Events whose row was there and now has today's enrichment.
    pub rewritten: u64,
    /// Events whose row was gone and was restored.
    pub restored: u64,
    /// Events that were refused and can be stored now.
    pub accepted: u64,
    /// Payloads left alone: not processed for the first time yet, unreadable, or so old that their
    /// outcomes are no longer stored.
    pub skipped: u64,
}

impl std::ops::AddAssign for Replayed {
    fn add_assign(&mut self, more: Self) {
        self.payloads += more.payloads;
        self.rewritten += more.rewritten;
        self.restored += more.restored;
        self.accepted += more.accepted;
        self.skipped += more.skipped;
    }
}

/// Keeps which replays were requested and how far each has come.
pub trait Replays: Send + Sync + 'static {
    /// Requests a replay. The request is durable when this returns `Ok`. The replay runs later.
    fn begin(&self, span: PayloadSpan, now_ms: i64) -> Answer<'_, ReplayId>;

    /// Replays, the newest first, a limited number of them.
    fn list(&self) -> Answer<'_, Vec<Replay>>;

    /// The oldest replay that is not finished.
    fn next(&self) -> Answer<'_, Option<Replay>>;

    /// Records that `replay` has come to `after` and did `done` on the way, and when it finished,
    /// if it has. Changes nothing and returns `false` if another caller moved it.
    fn advance(
        &self,
        replay: Replay,
        after: Option<PayloadId>,
        done: Replayed,
        ended_ms: Option<i64>,
    ) -> Answer<'_, bool>;
}

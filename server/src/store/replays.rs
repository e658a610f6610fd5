//! Replays: payloads that were processed are processed again.

use bytes::Bytes;
use uuid::Uuid;

use super::{Answer, PayloadId, PayloadMetadata};

/// Payloads received within a span of time. Their ids begin with the time of receipt, so it is a span of ids, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadSpan {
    /// The first id that is in it.
    pub first: PayloadId,
    /// The last id that is in it.
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

/// How much a span holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpanCount {
    /// Payloads.
    pub payloads: u64,
    /// Events in them.
    pub events: u64,
    /// Whether there are more than were counted: counting has a limit.
    pub has_more: bool,
}

/// A payload as it is kept.
#[derive(Debug, Clone)]
pub struct KeptPayload {
    /// How it arrived.
    pub metadata: PayloadMetadata,
    /// The bytes, verbatim.
    pub body: Bytes,
}

/// Names a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReplayId(pub i64);

/// A replay, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// Names it.
    pub id: ReplayId,
    /// What it is to replay.
    pub span: PayloadSpan,
    /// The last payload that it is done with.
    pub after: Option<PayloadId>,
    /// What it did so far.
    pub done: Replayed,
    /// When it was asked for, in milliseconds since 1970.
    pub begun_ms: i64,
    /// When it was finished, if it is.
    pub ended_ms: Option<i64>,
}

/// What replaying did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Payloads that were looked at.
    pub payloads: u64,
    /// Events whose row was there and now has what enrichment adds today.
    pub rewritten: u64,
    /// Events whose row was gone and is there again.
    pub restored: u64,
    /// Events that were refused and can be stored now.
    pub accepted: u64,
    /// Payloads left alone: not processed for the first time yet, unreadable, or so old that what became of them is
    /// no longer kept.
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
    /// Asks for a replay. It is durable when this returns `Ok`, and is done some time after.
    fn begin(&self, span: PayloadSpan, now_ms: i64) -> Answer<'_, ReplayId>;

    /// Replays, the newest first, a limited number of them.
    fn list(&self) -> Answer<'_, Vec<Replay>>;

    /// The oldest replay that is not finished.
    fn next(&self) -> Answer<'_, Option<Replay>>;

    /// Writes down that `replay` got to `after` and did `done` on the way, and, if it is finished, when. Changes nothing and
    /// gives `false` if someone else moved it meanwhile.
    fn advance(
        &self,
        replay: Replay,
        after: Option<PayloadId>,
        done: Replayed,
        ended_ms: Option<i64>,
    ) -> Answer<'_, bool>;
}

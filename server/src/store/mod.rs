//! What the stages meet in: three small traits, and the data that crosses them.
//!
//! [`Intake`] keeps raw payloads and the table of those that are still to be processed. [`Store`] keeps
//! what came of them, and [`Deliveries`], kept beside it, what is owed to sinks. Every backend passes the same suite
//! (`tests/suite/store`). The first never shares a transaction with the others, so a backend may keep them on different
//! machines: see "Path of an event" in [`crate`].
//!
//! Methods return boxed futures, so that a backend is chosen when the server starts.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

mod deliveries;
mod error;
mod event;
pub mod key;
mod lease;
pub mod ledger;
pub mod ledger_text;
mod outcome;
mod payload;
mod plan;
mod producer;
mod profile;
mod query;
mod replay;
mod retention;
pub mod routing;
mod share;
pub mod sqlite;
mod totals;
pub mod week;

pub use deliveries::{
    Deliveries, DeliveryAsk, DeliveryEnding, DeliveryState, DeliveryStep, DeliveryTicket,
    LeasedDelivery, RETRY_MAX, Reason, RetryAsk, RetryCount, SettledDelivery, Settlement,
    SinkCondition, SinkRow,
};
pub use error::StoreError;
pub use event::{
    EventFilter, EventPage, EventQuery, EventRef, EventRow, EventTrace, Position, RefusedEvent,
    Repeat, StoredEvent,
};
pub use key::{Key, KeyKind, KeyRules};
pub use lease::{Lease, LeaseToken};
pub use outcome::Outcome;
pub use payload::{
    Backlog, Encoding, FailedPayload, LeaseAsk, LeasedPayload, NewPayload, PayloadId,
    PayloadMetadata, Ticket,
};
pub use plan::{Applied, EventColumns, EventIdentity, Fate, Plan, PlannedEvent, RowId};
pub use producer::{
    Completeness, IN_FLIGHT_MS, ProducerCursor, ProducerPage, ProducerQuery, ProducerRow,
};
pub use profile::{Profile, ProfileNote, profile_key};
pub use query::{
    Aggregate, AggregateQuery, Grouping, LivePosition, LiveTail, RefusedPage, RefusedQuery,
    SqlError, SqlQuery, SqlTable,
};
pub use replay::{KeptPayload, PayloadSpan, Replay, ReplayId, Replayed, SpanCount};
pub use retention::{Keep, Pruned};
pub use routing::{NamePattern, Route};
pub use share::{SHARES, Share};
pub use totals::Totals;
pub use week::Week;

/// The answer of a backend.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Keeps raw payloads, durably, and the work that they still are.
pub trait Intake: Send + Sync + 'static {
    /// Stages a payload. **It is on disk, synced, when this returns `Ok`** (I1).
    ///
    /// Dropping the future does not take the payload back.
    ///
    /// # Errors
    /// [`StoreError::Full`] and [`StoreError::Down`] are for the caller's client to wait out.
    fn stage(&self, payload: NewPayload) -> Answer<'_, ()>;

    /// Leases payloads that are due, the longest waiting first, within the limits that are asked for.
    fn lease(&self, ask: LeaseAsk) -> Answer<'_, Vec<LeasedPayload>>;

    /// Ends work on leased payloads. It is durable when this returns `Ok`.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], having changed nothing, unless `lease` holds every one of `tickets` (I4).
    fn settle(
        &self,
        lease: crate::store::Lease,
        tickets: Vec<Ticket>,
        now_ms: i64,
    ) -> Answer<'_, ()>;

    /// Gives leased payloads back after a failure, each to be due again later. Never drops one (I3).
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], having changed nothing, unless `lease` holds every one of them (I4).
    fn release(
        &self,
        lease: crate::store::Lease,
        failed: Vec<FailedPayload>,
        now_ms: i64,
    ) -> Answer<'_, ()>;

    /// What is known about how a payload arrived.
    fn metadata(&self, id: PayloadId) -> Answer<'_, Option<PayloadMetadata>>;

    /// How much waits to be processed.
    fn backlog(&self) -> Answer<'_, Backlog>;

    /// Counts the payloads of a span, up to a limit.
    fn count(&self, span: PayloadSpan) -> Answer<'_, SpanCount>;

    /// Payloads of a span after one of them, in the order of their ids, at most `payloads_max` and about
    /// `unpacked_bytes_max`; at least one if there is any.
    fn payloads(
        &self,
        span: PayloadSpan,
        after: Option<PayloadId>,
        payloads_max: u32,
        unpacked_bytes_max: u64,
    ) -> Answer<'_, Vec<KeptPayload>>;

    /// Asks for a replay. It is durable when this returns `Ok`, and is done some time after.
    fn begin_replay(&self, span: PayloadSpan, now_ms: i64) -> Answer<'_, ReplayId>;

    /// Replays, the newest first, a limited number of them.
    fn replays(&self) -> Answer<'_, Vec<Replay>>;

    /// The oldest replay that is not finished.
    fn next_replay(&self) -> Answer<'_, Option<Replay>>;

    /// Writes down that `replay` got to `after` and did `done` on the way, and, if it is finished, when. Changes nothing and
    /// gives `false` if someone else moved it meanwhile.
    fn advance_replay(
        &self,
        replay: Replay,
        after: Option<PayloadId>,
        done: Replayed,
        ended_ms: Option<i64>,
    ) -> Answer<'_, bool>;

    /// Deletes payloads that are settled and were received before `before_ms`, the oldest first, a limited number of
    /// them. Gives how many; fewer than before may be left.
    fn prune(&self, before_ms: i64) -> Answer<'_, u64>;

    /// Returns when payloads of `share` were staged since the last call, or may have been. One worker waits for each share.
    fn staged(&self, share: Share) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// Whether it takes payloads now.
    fn is_up(&self) -> bool;

    /// Finishes what is queued, writes everything to its final place and stops.
    fn close(&self) -> Answer<'_, ()>;
}

/// Keeps events, how each arrival ended, and what producers said.
pub trait Store: Send + Sync + 'static {
    /// Applies payloads, each exactly once however often it is given: rows, outcomes, ledgers, counters and
    /// the mark that it was applied are one transaction. It is durable when this returns `Ok`.
    fn apply(&self, plans: Vec<Arc<Plan>>, now_ms: i64) -> Answer<'_, Vec<Applied>>;

    /// Applies payloads again that were applied before: rows that are gone come back, what enrichment added is brought up to
    /// date, what was refused and can be stored now is stored, and is owed to sinks like any other. No event gets a second row, however often this is done and
    /// wherever it breaks off. It is durable when this returns `Ok`.
    fn reapply(&self, plans: Vec<Arc<Plan>>, now_ms: i64) -> Answer<'_, Replayed>;

    /// Every key.
    fn keys(&self) -> Answer<'_, Vec<Key>>;

    /// Adds keys; one whose hash is there already stays as it is.
    fn add_keys(&self, keys: Vec<Key>) -> Answer<'_, ()>;

    /// Writes the rules of a key that is there, and whether it is disabled. Gives whether it is there.
    fn change_key(&self, key: Key) -> Answer<'_, bool>;

    /// The counts of everything applied so far.
    fn totals(&self, now_ms: i64) -> Answer<'_, Totals>;

    /// A page of events, newest first.
    fn events(&self, query: EventQuery) -> Answer<'_, EventPage>;

    /// All that is known about one event.
    fn event(&self, event: EventRef) -> Answer<'_, Option<EventTrace>>;

    /// Lets go of what is not to be kept: whole weeks of events, and a limited number of other rows. Producers' ledgers
    /// stay. What went is durable when this returns `Ok`.
    fn retain(&self, keep: Keep) -> Answer<'_, Pruned>;
    /// A page of arrivals that are not in `events`, newest first.
    fn refused(&self, query: RefusedQuery) -> Answer<'_, RefusedPage>;

    /// Counts events by a key. Looks at a limited number of rows, the newest first, and says where it ended.
    fn aggregate(&self, query: AggregateQuery) -> Answer<'_, Aggregate>;

    /// Runs a statement that only reads. Dropping the future stops it.
    fn sql(&self, query: SqlQuery) -> Answer<'_, Result<SqlTable, SqlError>>;

    /// Where the order in which events are stored ends now.
    fn live_end(&self) -> Answer<'_, LivePosition>;

    /// The events stored after `after` that match, at most `limit` of them, in the order in which they were stored.
    fn live(&self, filter: EventFilter, after: LivePosition, limit: u32) -> Answer<'_, LiveTail>;

    /// Counts up whenever this process has stored something.
    fn changes(&self) -> tokio::sync::watch::Receiver<u64>;

    /// A page of producers, the one heard from last first.
    fn producers(&self, query: ProducerQuery) -> Answer<'_, ProducerPage>;

    /// Whether it takes writes now.
    fn is_up(&self) -> bool;

    /// Finishes what is queued, writes everything to its final place and stops.
    fn close(&self) -> Answer<'_, ()>;
}

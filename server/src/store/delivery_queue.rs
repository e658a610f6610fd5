//! Deliveries: each is one event owed to one sink, created in the transaction that stores the
//! event.

use std::sync::Arc;

use tokio::sync::watch;

use super::{
    Answer, BackfillAsk, BackfillCount, DeadLetter, DeadLetterQuery, DeliveryAsk, DeliveryFailures,
    DiscardAsk, EventRow, Lease, RowId,
};

/// The longest detail of a reason, in bytes.
const DETAIL_BYTES_MAX: usize = 500;
/// The most dead letters that one call retries.
pub const RETRY_MAX: u32 = 10_000;

/// The most steps of deliveries that are read for one event.
pub const STEPS_MAX: u32 = 1_000;
/// The most deliveries of a sink that failed which are counted for its list.
pub const FAILING_MAX: u32 = 10_000;

/// Steps of a delivery after which a failed attempt takes the place of the failed attempt before it
/// in the log, so that an outage of days does not fill the log. Every other step is still added.
pub const LOG_STEPS_MAX: u32 = 50;

/// Why a dead letter is queued again, in the log of its delivery.
pub const RETRIED: (&str, &str) = ("asked", "someone asked that it be tried again");

/// The state of a delivery after one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// It waits for its first attempt.
    Queued,
    /// An attempt failed; there will be another.
    Retry,
    /// The sink confirmed it.
    Sent,
    /// Given up. It is kept as a dead letter, which a person can retry.
    Dead,
    /// Not sent: the sink does not take it, or it came too late. It is never retried.
    Dropped,
    /// It was a dead letter, and someone discarded it. It can be restored.
    Discarded,
}

impl DeliveryState {
    /// The name in the API and in databases. It never changes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Retry => "retry",
            Self::Sent => "sent",
            Self::Dead => "dead",
            Self::Dropped => "dropped",
            Self::Discarded => "discarded",
        }
    }

    /// The state with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Queued, Self::Retry, Self::Sent, Self::Dead, Self::Dropped, Self::Discarded]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// Why something was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The code in the API and in databases. It never changes.
    pub code: &'static str,
    /// What happened, as a sentence. Cut to 500 bytes, and shared by the whole batch.
    pub detail: Arc<str>,
}

impl Reason {
    /// A reason with this code. `detail` is cut to 500 bytes.
    pub fn new(code: &'static str, detail: &str) -> Self {
        let mut end = detail.len().min(DETAIL_BYTES_MAX);
        while !detail.is_char_boundary(end) {
            end -= 1;
        }
        Self { code, detail: detail[..end].into() }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

/// The right to settle one leased delivery. Only the backend that made it reads all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryTicket {
    pub(crate) event: RowId,
    pub(crate) queued_ms: i64,
    pub(crate) attempts: u32,
    pub(crate) steps: u32,
    pub(crate) bytes: u64,
    pub(crate) failures: DeliveryFailures,
    /// The number of the database, where there are several.
    pub(crate) shard: u16,
}

impl DeliveryTicket {
    /// A ticket for a delivery of `event` that was queued at `queued_ms`, in attempt `attempts`,
    /// with `steps` lines in its log and about `bytes` bytes to send.
    pub fn new(event: RowId, queued_ms: i64, attempts: u32, steps: u32, bytes: u64) -> Self {
        let failures = DeliveryFailures::default();
        Self { event, queued_ms, attempts, steps, bytes, failures, shard: 0 }
    }

    /// The same ticket with these failures. A delivery that is settled to be retried keeps those of
    /// its ticket.
    #[must_use]
    pub fn with_failures(self, failures: DeliveryFailures) -> Self {
        Self { failures, ..self }
    }

    /// How the delivery has failed so far.
    pub fn failures(&self) -> DeliveryFailures {
        self.failures
    }

    /// The event to deliver.
    pub fn event(&self) -> RowId {
        self.event
    }

    /// When the delivery was queued, in milliseconds since 1970.
    pub fn queued_ms(&self) -> i64 {
        self.queued_ms
    }

    /// Attempts so far, counting the one that this lease begins.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// How many steps the delivery's log has.
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// About how many bytes the event takes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// A leased delivery.
#[derive(Debug, Clone)]
pub struct LeasedDelivery {
    /// The ticket to settle it with.
    pub ticket: DeliveryTicket,
    /// The event, unless retention has deleted it.
    pub row: Option<EventRow>,
}

/// How one leased delivery ended.
#[derive(Debug, Clone)]
pub struct SettledDelivery {
    /// The ticket from the lease.
    pub ticket: DeliveryTicket,
    /// How it ended.
    pub ending: DeliveryEnding,
}

/// How an attempt at a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryEnding {
    /// The sink confirmed it.
    Sent,
    /// Another attempt is due at this time.
    RetryAt(i64, Reason),
    /// Given up: it becomes a dead letter.
    Dead(Reason),
    /// Not sent, and never retried.
    Dropped(Reason),
}

impl DeliveryEnding {
    /// The state that the delivery is in then.
    pub const fn state(&self) -> DeliveryState {
        match self {
            Self::Sent => DeliveryState::Sent,
            Self::RetryAt(..) => DeliveryState::Retry,
            Self::Dead(_) => DeliveryState::Dead,
            Self::Dropped(_) => DeliveryState::Dropped,
        }
    }

    /// When the next attempt is due, if there is one. Never 0, which stands for a delivery without
    /// an attempt.
    pub fn due_ms(&self) -> Option<i64> {
        match self {
            Self::RetryAt(due_ms, _) => Some((*due_ms).max(1)),
            Self::Sent | Self::Dead(_) | Self::Dropped(_) => None,
        }
    }

    /// Why it was not sent.
    pub const fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Sent => None,
            Self::RetryAt(_, reason) | Self::Dead(reason) | Self::Dropped(reason) => Some(reason),
        }
    }
}

/// Whether a sink takes events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkCondition {
    /// It takes events.
    Up,
    /// Its circuit is open until this time, in milliseconds since 1970.
    Resting(i64, Reason),
    /// It needs a configuration change. It stays stopped until it is resumed or the server
    /// restarts.
    Stopped(Reason),
}

/// The result of one batch of leased deliveries.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The sink.
    pub sink: Arc<str>,
    /// The lease that they were leased with.
    pub lease: Lease,
    /// The deliveries.
    pub deliveries: Vec<SettledDelivery>,
    /// The sink's new condition, if it changed.
    pub condition: Option<SinkCondition>,
    /// The current time, in milliseconds since 1970.
    pub now_ms: i64,
}

/// The longest that a sink rests, in milliseconds. A longer rest means that the clock was set back.
pub const REST_MS_MAX: i64 = 15 * 60 * 1_000;

/// A sink with its state and counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkRow {
    /// Its name in the configuration.
    pub name: String,
    /// Its kind, such as `mixpanel`.
    pub kind: String,
    /// Whether the configuration still has it.
    pub is_configured: bool,
    /// When it was paused, in milliseconds since 1970.
    pub paused_ms: Option<i64>,
    /// Why it is stopped.
    pub stopped: Option<String>,
    /// Until when its circuit is open, and why.
    pub rests: Option<(i64, String)>,
    /// Deliveries that are queued or in an attempt.
    pub waiting: u64,
    /// When the oldest of those was queued, in milliseconds since 1970.
    pub oldest_ms: Option<i64>,
    /// Those of them that failed at least once.
    pub failing: u64,
    /// Deliveries that the sink confirmed.
    pub sent: u64,
    /// Deliveries given up.
    pub dead: u64,
    /// Deliveries dropped without sending.
    pub dropped: u64,
    /// Dead letters that were discarded, also those that retention has deleted since.
    pub discarded: u64,
}

impl SinkRow {
    /// All deliveries that it ever had.
    pub fn deliveries(&self) -> u64 {
        self.waiting + self.sent + self.dead + self.dropped
    }
}

/// One step of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryStep {
    /// The sink.
    pub sink: String,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// The state after this step.
    pub state: DeliveryState,
    /// The attempt. 0 before the first.
    pub attempt: u32,
    /// When the next attempt is due.
    pub due_ms: Option<i64>,
    /// The reason's code, as in the API.
    pub reason: Option<String>,
    /// What happened, as a sentence.
    pub detail: Option<String>,
}

/// Which dead letters to retry, and how.
#[derive(Debug, Clone, Default)]
pub struct RetryAsk {
    /// Only of this sink.
    pub sink: Option<String>,
    /// Only this event.
    pub event: Option<RowId>,
    /// Only those given up for this reason.
    pub reason: Option<String>,
    /// Only events received at this time or later, in milliseconds since 1970.
    pub from_ms: Option<i64>,
    /// Only events received before this time.
    pub to_ms: Option<i64>,
    /// Spread the attempts evenly over this many milliseconds.
    pub over_ms: i64,
    /// The current time, in milliseconds since 1970.
    pub now_ms: i64,
    /// Count only, change nothing.
    pub dry_run: bool,
}

impl RetryAsk {
    /// When the attempt at a dead letter is due: the one at `index`, from 0, of `count`.
    pub fn due_ms(&self, index: u64, count: u64) -> i64 {
        let wait_ms = i128::from(self.over_ms) * i128::from(index) / i128::from(count.max(1));
        let wait_ms = i64::try_from(wait_ms).unwrap_or(self.over_ms);
        self.now_ms.saturating_add(wait_ms)
    }
}

/// The result of a [`RetryAsk`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetryCount {
    /// Dead letters that are retried, or that a dry run would retry.
    pub count: u64,
    /// Whether more than [`RETRY_MAX`] match. Call again for the rest.
    pub is_more: bool,
}

/// The queue of deliveries, in the same database as [`super::Events`].
pub trait DeliveryQueue: Send + Sync + 'static {
    /// Leases deliveries that are due, the longest waiting first, within the limits of `ask`.
    /// Leases none if the sink is paused or stopped. Where several servers share the queue, it
    /// leases none while the sink rests either: whichever of them it told to wait, all do.
    fn lease(&self, ask: DeliveryAsk) -> Answer<'_, (Lease, Vec<LeasedDelivery>)>;

    /// Records how leased deliveries ended. It is durable when this returns `Ok`.
    ///
    /// # Errors
    /// [`super::StoreError::LeaseLost`], having changed nothing, unless the lease holds every one
    /// of them (I4).
    fn settle(&self, settlement: Settlement) -> Answer<'_, ()>;

    /// Pauses a sink, or resumes one that is paused or stopped. Attempts that are under way finish.
    /// Resuming forgets since when deliveries have failed: the pause is no failure of theirs.
    /// Returns whether the sink exists.
    fn pause_sink(&self, sink: String, pause: bool, now_ms: i64) -> Answer<'_, bool>;

    /// Queues dead letters again, at most [`RETRY_MAX`] of them.
    fn retry_dead(&self, ask: RetryAsk) -> Answer<'_, RetryCount>;

    /// Discards dead letters, or restores discarded ones, at most [`RETRY_MAX`] of them.
    fn discard_dead(&self, ask: DiscardAsk) -> Answer<'_, RetryCount>;

    /// A page of a sink's dead letters, in the order of their events.
    fn dead_letters(&self, query: DeadLetterQuery) -> Answer<'_, Vec<DeadLetter>>;

    /// Queues past events for a sink, by its route and the rules for new events. An event of which
    /// the sink has a delivery is left alone. They are due at once, and new events keep most of
    /// each lease. Returns `None` if the configuration has no such sink.
    fn backfill(&self, ask: BackfillAsk) -> Answer<'_, Option<BackfillCount>>;

    /// Every sink, by name.
    fn sinks(&self) -> Answer<'_, Vec<SinkRow>>;

    /// Every step of every delivery of an event, at most 1,000.
    fn steps(&self, event: RowId) -> Answer<'_, Vec<DeliveryStep>>;

    /// Changes when deliveries may have been queued.
    fn queued(&self) -> watch::Receiver<u64>;
}

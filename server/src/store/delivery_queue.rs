//! Deliveries: each is one event owed to one sink. They are made in the transaction that stores the event.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Answer, EventRow, Lease, LeaseToken, RowId};

/// Longest detail that is kept of what a sink said, in bytes.
const DETAIL_BYTES_MAX: usize = 500;
/// Most dead letters that one call has tried again.
pub const RETRY_MAX: u32 = 10_000;

/// What a delivery came to in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// It waits for its first attempt.
    Queued,
    /// An attempt failed; there will be another.
    Retry,
    /// The sink has it.
    Sent,
    /// It was given up, and is kept so that someone may have it tried again.
    Dead,
    /// It is not for this sink, or came too late for it. It is never tried again.
    Dropped,
}

impl DeliveryState {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Retry => "retry",
            Self::Sent => "sent",
            Self::Dead => "dead",
            Self::Dropped => "dropped",
        }
    }

    /// The state with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Queued, Self::Retry, Self::Sent, Self::Dead, Self::Dropped]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// Why something was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The stable code.
    pub code: &'static str,
    /// What happened, for people. Cut to 500 bytes. Shared by the whole batch it is about.
    pub detail: Arc<str>,
}

impl Reason {
    /// This code, and this about it.
    pub fn new(code: &'static str, detail: &str) -> Self {
        let mut end = detail.len().min(DETAIL_BYTES_MAX);
        while !detail.is_char_boundary(end) {
            end -= 1;
        }
        Self { code, detail: detail[..end].into() }
    }
}

/// What a worker wants to lease.
#[derive(Debug, Clone)]
pub struct DeliveryAsk {
    /// Of this sink.
    pub sink: Arc<str>,
    /// The token of the new lease.
    pub token: LeaseToken,
    /// The time now.
    pub now_ms: i64,
    /// How long the lease is to last.
    pub lease_ms: i64,
    /// At most this many.
    pub events_max: u32,
    /// At most this many bytes of events; one is always given.
    pub bytes_max: u64,
}

/// The right to settle one leased delivery. Only the backend that made it reads all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryTicket {
    pub(crate) event: RowId,
    pub(crate) queued_ms: i64,
    pub(crate) attempts: u32,
    pub(crate) steps: u32,
    pub(crate) bytes: u64,
}

impl DeliveryTicket {
    /// A ticket for a delivery of `event` that was queued at `queued_ms`, in attempt `attempts`,
    /// with `steps` lines in its log and about `bytes` bytes to send.
    pub fn new(event: RowId, queued_ms: i64, attempts: u32, steps: u32, bytes: u64) -> Self {
        Self { event, queued_ms, attempts, steps, bytes }
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

/// A delivery to make.
#[derive(Debug, Clone)]
pub struct LeasedDelivery {
    /// What to settle.
    pub ticket: DeliveryTicket,
    /// The event, unless it was deleted meanwhile.
    pub row: Option<EventRow>,
}

/// How one leased delivery ended.
#[derive(Debug, Clone)]
pub struct SettledDelivery {
    /// Which.
    pub ticket: DeliveryTicket,
    /// How.
    pub ending: DeliveryEnding,
}

/// How an attempt at a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryEnding {
    /// The sink has it.
    Sent,
    /// Another attempt is due at this time.
    RetryAt(i64, Reason),
    /// Given up.
    Dead(Reason),
    /// Not for this sink.
    Dropped(Reason),
}

/// What a sink can do at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkCondition {
    /// It takes events.
    Up,
    /// It is left alone until this time.
    Resting(i64, Reason),
    /// It takes nothing until a person changed something and resumes it, or starts the server again.
    Stopped(Reason),
}

/// The end of one batch of leased deliveries.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The sink.
    pub sink: Arc<str>,
    /// The lease that they were leased with.
    pub lease: Lease,
    /// Each of them.
    pub deliveries: Vec<SettledDelivery>,
    /// What the sink can do now, if that changed.
    pub condition: Option<SinkCondition>,
    /// The time now.
    pub now_ms: i64,
}

/// A sink as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkRow {
    /// Its name in the configuration.
    pub name: String,
    /// What kind it is.
    pub kind: String,
    /// Whether the configuration still has it.
    pub is_configured: bool,
    /// Since when a person has it paused.
    pub paused_ms: Option<i64>,
    /// Why it takes nothing until a person does something about it.
    pub stopped: Option<String>,
    /// Until when it is left alone, and why.
    pub rests: Option<(i64, String)>,
    /// Deliveries that wait for an attempt, or are in one.
    pub waiting: u64,
    /// Since when the oldest of those waits, in milliseconds since 1970.
    pub oldest_ms: Option<i64>,
    /// Those of them that failed at least once.
    pub failing: u64,
    /// Deliveries that it has.
    pub sent: u64,
    /// Deliveries given up.
    pub dead: u64,
    /// Deliveries that were not for it.
    pub dropped: u64,
}

/// One step of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryStep {
    /// The sink.
    pub sink: String,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// What it came to.
    pub state: DeliveryState,
    /// In which attempt; 0 before the first.
    pub attempt: u32,
    /// When the next attempt is due.
    pub due_ms: Option<i64>,
    /// The stable reason.
    pub reason: Option<String>,
    /// What happened, for people.
    pub detail: Option<String>,
}

/// Which dead letters to try again, and how.
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
    /// The attempts are spread evenly over this time.
    pub over_ms: i64,
    /// The time now.
    pub now_ms: i64,
    /// Count, and change nothing.
    pub dry_run: bool,
}

/// What came of [`RetryAsk`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetryCount {
    /// Dead letters that are tried again, or would be.
    pub count: u64,
    /// Whether there are more than [`RETRY_MAX`], so that another call finds the rest.
    pub is_more: bool,
}

/// Keeps what is owed to sinks, beside the events of a [`super::Events`].
pub trait DeliveryQueue: Send + Sync + 'static {
    /// Leases deliveries that are due, the longest waiting first, within the limits that are asked for. Gives
    /// none of a sink that is paused or stopped.
    fn lease(&self, ask: DeliveryAsk) -> Answer<'_, (Lease, Vec<LeasedDelivery>)>;

    /// Ends work on leased deliveries. It is durable when this returns `Ok`.
    ///
    /// # Errors
    /// [`super::StoreError::LeaseLost`], having changed nothing, unless the lease holds every one of them (I4).
    fn settle(&self, settlement: Settlement) -> Answer<'_, ()>;

    /// Pauses a sink, or resumes one that is paused or stopped. Attempts that have begun go on. Gives whether there is
    /// such a sink.
    fn pause_sink(&self, sink: String, pause: bool, now_ms: i64) -> Answer<'_, bool>;

    /// Queues dead letters again, at most [`RETRY_MAX`] of them.
    fn retry_dead(&self, ask: RetryAsk) -> Answer<'_, RetryCount>;

    /// Every sink, by name.
    fn sinks(&self) -> Answer<'_, Vec<SinkRow>>;

    /// Every step of every delivery of an event, at most a thousand.
    fn steps(&self, event: RowId) -> Answer<'_, Vec<DeliveryStep>>;

    /// Changes whenever deliveries were queued, or may have been.
    fn queued(&self) -> watch::Receiver<u64>;
}

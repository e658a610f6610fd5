//! Payloads: raw batches as received.

use bytes::Bytes;
use lamplight_wire::Producer;
use uuid::Uuid;

use super::{DiscardedSums, KeyKind, Lease, LeaseToken, SetAsideSums, WorkerSlot};

/// The id of a payload: a `UUIDv7` made when it was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PayloadId(pub Uuid);

impl std::fmt::Display for PayloadId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// How a body was compressed on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Not compressed.
    Identity,
    /// gzip (RFC 1952).
    Gzip,
    /// Brotli (RFC 7932).
    Brotli,
    /// Zstandard (RFC 8878).
    Zstd,
}

impl Encoding {
    /// The name, as in the HTTP header.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// The encoding with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Identity, Self::Gzip, Self::Brotli, Self::Zstd]
            .into_iter()
            .find(|it| it.name() == name)
    }
}

/// What is known about how a payload arrived. Nothing here is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadMetadata {
    /// The payload's id.
    pub id: PayloadId,
    /// When it was received, in milliseconds since 1970.
    pub received_ms: i64,
    /// The key it came with.
    pub key_id: String,
    /// The source that the key belongs to.
    pub source: String,
    /// How the body is compressed.
    pub encoding: Encoding,
    /// How many events it holds.
    pub events: u32,
    /// The size of the body after decompression.
    pub unpacked_bytes: u32,
    /// The `User-Agent` header, cut to a limit.
    pub user_agent: Option<String>,
    /// The `Origin` header, cut to a limit.
    pub origin: Option<String>,
    /// The client's network: its address cut to /24 or /48.
    pub client: Option<String>,
}

impl PayloadMetadata {
    /// Whether it came with a secret key. A key's id begins with its kind.
    pub fn is_secret(&self) -> bool {
        self.key_id.starts_with(KeyKind::Secret.prefix())
    }
}

/// A payload to stage: the body exactly as it came.
#[derive(Debug, Clone)]
pub struct NewPayload {
    /// How it arrived.
    pub metadata: PayloadMetadata,
    /// The bytes, verbatim.
    pub body: Bytes,
    /// The first producer that it names. Where there are several databases, it says which of them
    /// keeps the payload. Only the speed of processing depends on it.
    pub home: Option<Producer>,
}

/// A backend's own name for one payload in its queue. Only the backend that made it reads it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(Box<[u8]>);

impl Ticket {
    /// A ticket that holds `name`.
    pub fn new(name: &[u8]) -> Self {
        Self(name.into())
    }

    /// What [`Ticket::new`] was given.
    pub fn name(&self) -> &[u8] {
        &self.0
    }
}

/// What a worker wants to lease.
#[derive(Debug, Clone, Copy)]
pub struct LeaseAsk {
    /// The token of the new lease.
    pub token: LeaseToken,
    /// Which worker asks. Each payload is leased to one worker only, while the number of workers
    /// stays the same.
    pub worker: WorkerSlot,
    /// The current time, in milliseconds since 1970.
    pub now_ms: i64,
    /// How long the lease lasts.
    pub lease_ms: i64,
    /// The largest number of payloads.
    pub payloads_max: u32,
    /// The largest number of decompressed bytes. One payload is always leased, whatever its size.
    pub unpacked_bytes_max: u64,
}

/// A leased payload.
#[derive(Debug, Clone)]
pub struct LeasedPayload {
    /// The lease that holds it.
    pub lease: Lease,
    /// The ticket to settle it with.
    pub ticket: Ticket,
    /// How many attempts there were before.
    pub attempts: u32,
    /// How many of those attempts failed because of the payload itself.
    pub own_failures: u32,
    /// How it arrived.
    pub metadata: PayloadMetadata,
    /// The bytes, verbatim.
    pub body: Bytes,
}

/// A payload whose processing failed.
#[derive(Debug, Clone)]
pub struct FailedPayload {
    /// The ticket from the lease.
    pub ticket: Ticket,
    /// When to try again, in milliseconds since 1970.
    pub due_ms: i64,
    /// What failed, as a sentence.
    pub error: String,
    /// Whether the payload itself is the cause, rather than a database that takes no writes. Only
    /// such failures count towards setting it aside.
    pub is_own: bool,
}

/// How much work is queued.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Payloads that are neither settled nor set aside.
    pub payloads: u64,
    /// Events in them.
    pub events: u64,
    /// When the oldest of them was received, or the oldest that is in a stream in front of them.
    pub oldest_ms: Option<i64>,
    /// Payloads of them that failed at least once and wait for another attempt.
    pub failing: u64,
    /// The error of the last of those.
    pub last_error: Option<String>,
    /// Payloads that failed too often and wait for an operator.
    pub set_aside: SetAsideSums,
    /// Payloads that operators discarded.
    pub discarded: DiscardedSums,
    /// What is in a stream in front of the queue. `None` without one.
    pub stream: Option<StreamBacklog>,
}

/// What a stream in front of the queue holds: groups of payloads that were accepted and are not in
/// the queue yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StreamBacklog {
    /// Groups that wait for this queue.
    pub groups: u64,
    /// Bytes of the whole stream, whichever queue they wait for.
    pub bytes: u64,
    /// How many it may hold. It refuses further payloads.
    pub bytes_max: u64,
    /// When the oldest group of the whole stream was accepted.
    pub oldest_ms: Option<i64>,
    /// How often a group was found, since the start of this server, that it could not read.
    pub unreadable: u64,
    /// How often a group was delivered again, since the start of this server.
    pub redelivered: u64,
}

impl StreamBacklog {
    /// What two queues behind one stream have in it.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        Self {
            groups: self.groups + other.groups,
            bytes: self.bytes.max(other.bytes),
            bytes_max: self.bytes_max.max(other.bytes_max),
            oldest_ms: [self.oldest_ms, other.oldest_ms].into_iter().flatten().min(),
            unreadable: self.unreadable + other.unreadable,
            redelivered: self.redelivered + other.redelivered,
        }
    }
}

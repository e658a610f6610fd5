//! Payloads: raw batches as received.

use bytes::Bytes;
use uuid::Uuid;

use super::WorkerSlot;
use super::{Lease, LeaseToken};

/// Names a payload: a `UUIDv7` made when it was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PayloadId(pub Uuid);

impl std::fmt::Display for PayloadId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// How a body was packed on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Not at all.
    Identity,
    /// gzip (RFC 1952).
    Gzip,
    /// Brotli (RFC 7932).
    Brotli,
    /// Zstandard (RFC 8878).
    Zstd,
}

impl Encoding {
    /// The stable name, as in the HTTP header.
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
    /// Names the payload.
    pub id: PayloadId,
    /// When it was received, in milliseconds since 1970.
    pub received_ms: i64,
    /// The key it came with.
    pub key_id: String,
    /// The source that the key belongs to.
    pub source: String,
    /// How the body is packed.
    pub encoding: Encoding,
    /// How many events it holds.
    pub events: u32,
    /// How large the body is once unpacked.
    pub unpacked_bytes: u32,
    /// The `User-Agent` header, cut to a limit.
    pub user_agent: Option<String>,
    /// The `Origin` header, cut to a limit.
    pub origin: Option<String>,
    /// The client's network: its address cut to /24 or /48.
    pub client: Option<String>,
}

/// A payload to stage: the body exactly as it came.
#[derive(Debug, Clone)]
pub struct NewPayload {
    /// How it arrived.
    pub metadata: PayloadMetadata,
    /// The bytes, verbatim.
    pub body: Bytes,
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
    /// The time now.
    pub now_ms: i64,
    /// How long the lease is to last.
    pub lease_ms: i64,
    /// At most this many payloads.
    pub payloads_max: u32,
    /// At most this many unpacked bytes; one payload is always given.
    pub unpacked_bytes_max: u64,
}

/// A payload to work on.
#[derive(Debug, Clone)]
pub struct LeasedPayload {
    /// The right to finish it.
    pub lease: Lease,
    /// What to settle.
    pub ticket: Ticket,
    /// How often it was tried before.
    pub attempts: u32,
    /// How it arrived.
    pub metadata: PayloadMetadata,
    /// The bytes, verbatim.
    pub body: Bytes,
}

/// A payload whose processing failed.
#[derive(Debug, Clone)]
pub struct FailedPayload {
    /// What to give back.
    pub ticket: Ticket,
    /// When to try again, in milliseconds since 1970.
    pub due_ms: i64,
    /// What failed, for people.
    pub error: String,
}

/// How much waits to be processed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Payloads that are not settled.
    pub payloads: u64,
    /// Events in them.
    pub events: u64,
    /// When the oldest of them was received.
    pub oldest_ms: Option<i64>,
    /// Payloads of them that failed at least once and wait for another attempt.
    pub failing: u64,
    /// What the last of those failed with.
    pub last_error: Option<String>,
}

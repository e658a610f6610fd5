//! What both clients have: it numbers, stores and sends the page's own events.
//!
//! The clients call the core, never the other way round. Its methods return what a client has to
//! act on.

mod consent;
mod delivery;
mod flush;
mod heartbeat;
mod lifecycle;
mod request;
mod stats;
mod track;

use lamplight_wire::Producer;

use crate::identity::person::Person;
use crate::identity::session::Session;
use crate::keys::StorageKeys;
use crate::notes::Note;
use crate::options::Options;
use crate::ports::Ports;
use crate::queue::{PageQueue, QueueLimits};
use crate::send::backoff::Backoff;
use crate::send::batch::DroppedNumbers;
use stats::Counts;

pub(super) use request::Request;
pub use stats::COUNTERS;
pub use track::{NewEvent, TrackOutcome, Tracked};

/// What both clients have.
///
/// `Q` is the queue, and `C` what a client must know about a request in flight, besides the queue's
/// events.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each flag is independent of the others")]
pub struct Core<P, Q, C> {
    pub(super) ports: P,
    pub(super) options: Options,
    pub(super) keys: StorageKeys,
    pub(super) producer: Producer,
    /// The last number that was assigned.
    pub(super) seq: u64,
    pub(super) person: Person,
    pub(super) session: Session,
    /// The `context` object of later events, or empty.
    pub(super) context_json: String,
    pub(super) queue: Q,
    /// Dropped numbers that no 2xx has acknowledged yet.
    pub(super) dropped: DroppedNumbers,
    pub(super) counts: Counts,

    pub(super) backoff: Backoff,
    pub(super) requests: Vec<Request<C>>,
    pub(super) last_request: u32,
    pub(super) last_sent_ms: Option<u64>,
    /// Most events in the next batch: fewer than the option while a broken event is searched for.
    pub(super) events_max: usize,
    /// How many events were accepted before the flush that the page's code requested.
    pub(super) flush_from: Option<u64>,

    /// How many heartbeats were written.
    pub(super) heartbeat_count: u64,
    pub(super) heartbeat_due_ms: Option<u64>,
    pub(super) has_heartbeat: bool,

    /// Consent was withdrawn.
    pub(super) is_withdrawn: bool,
    /// The page was left or frozen, or the client closed: no timer runs.
    pub(super) is_suspended: bool,
    pub(super) is_closed: bool,
    pub(super) notes: Vec<Note>,
}

impl<P: Ports, Q: PageQueue, C> Core<P, Q, C> {
    /// Creates the page's producer and holds its Web Lock. Writes nothing to storage yet.
    pub(super) fn new(mut ports: P, options: Options) -> Self {
        let random = (0..3).fold(0u128, |bits, _| (bits << 32) | u128::from(ports.random_bits()));
        let producer = Producer::begun_at(ports.wall_ms(), random);
        if options.liveness {
            ports.hold_lock(producer);
        }
        Self::with_producer(ports, options, producer)
    }

    /// Starts with a producer whose Web Lock is held already.
    pub(super) fn with_producer(ports: P, options: Options, producer: Producer) -> Self {
        let limits = QueueLimits {
            storage_bytes_max: options.storage_bytes_max,
            memory_bytes_max: options.memory_bytes_max,
            settle_ms: options.settle_ms,
        };
        let keys = StorageKeys::new(&options.namespace);
        Self {
            is_withdrawn: ports.size(&keys.consent_withdrawn()) > 0,
            keys,
            producer,
            seq: 0,
            person: Person::default(),
            session: Session::default(),
            context_json: String::new(),
            queue: Q::new(producer, limits),
            dropped: DroppedNumbers::new(),
            counts: Counts::default(),
            backoff: Backoff::default(),
            requests: Vec::new(),
            last_request: 0,
            last_sent_ms: None,
            events_max: options.events_max,
            flush_from: None,
            heartbeat_count: 0,
            heartbeat_due_ms: None,
            has_heartbeat: false,
            is_suspended: false,
            is_closed: false,
            notes: Vec::new(),
            ports,
            options,
        }
    }

    /// Verifies what was written to storage, and stores what only memory has.
    pub(super) fn maintain_queue(&mut self, now_ms: u64) {
        self.queue.maintain(&mut self.ports, &self.keys, now_ms);
    }

    /// Writes the events again if the host has cleared storage, as many do when a user logs out.
    pub(super) fn restore_storage(&mut self) {
        let now_ms = self.ports.monotonic_ms();
        self.queue.check_storage();
        self.maintain_queue(now_ms);
    }

    pub(super) fn set_context(&mut self, context_json: &str) {
        self.context_json.clear();
        self.context_json.push_str(context_json);
    }

    pub(super) fn identify(&mut self, id: Option<&str>) {
        if let Some(id) = id {
            self.person.identify(&mut self.ports, &self.keys, id);
        } else {
            self.session.end(&mut self.ports, &self.keys);
            if self.is_withdrawn {
                self.person.forget(&mut self.ports, &self.keys);
            } else {
                self.person.reset(&mut self.ports, &self.keys);
            }
        }
    }
}

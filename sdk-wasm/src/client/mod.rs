//! The client: one page's queue, sender and adopter, without I/O of its own.
//!
//! Every effect goes through the [`Ports`]. Results come back through [`Client::answered`],
//! [`Client::set_live_producers`], [`Client::overflow_done`] and [`Client::page_event`].
//! [`Client::next_wake_ms`] says when to call [`Client::timer_fired`]. The browser and the
//! simulation drive exactly this code.

mod adoption;
mod delivery;
mod handover;
mod lifecycle;
mod overflow;
mod request;
mod stats;
mod track;
mod withdrawal;

use lamplight_wire::Producer;

use crate::due::earliest;
use crate::identity::person::Person;
use crate::identity::session::Session;
use crate::keys::StorageKeys;
use crate::notes::Note;
use crate::options::Options;
use crate::ports::Ports;
use crate::queue::{Queue, QueueLimits};
use crate::send::backoff::{Backoff, STEP_MS_MAX};
use crate::send::batch::DroppedNumbers;
use crate::send::flush::{FlushDecision, FlushInput, decide_flush};
use crate::tabs::heartbeat::{HEARTBEAT_MS, Heartbeat};
use crate::tabs::lag::TimerLag;
use crate::tabs::lease::Lease;
use crate::tabs::lock::Lock;
use crate::tabs::orphans::{AdoptionDelays, ForeignProducers, OrphanedProducer};
use adoption::DroppedOrphans;
use handover::LOAD_AFTER_MS;
use overflow::OverflowWorker;
use request::Request;
use stats::Counts;
use withdrawal::Withdrawal;

pub use track::{NewEvent, TrackOutcome, Tracked};

/// How long after the start other tabs' keys are first scanned, in milliseconds.
const FIRST_SCAN_MS: u64 = 200;

/// One page's client.
///
/// A page starts with a first client, which is not `FULL`: it creates and sends the page's own
/// events. Adoption and everything that moves events out of storage is not compiled into it. It
/// hands over to a full client, see [`Client::take_over`].
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each flag is independent of the others")]
pub struct Client<P: Ports, const FULL: bool = true> {
    ports: P,
    options: Options,
    keys: StorageKeys,
    producer: Producer,
    /// The last number that was assigned.
    seq: u64,
    person: Person,
    session: Session,
    /// The `context` object of later events, or empty.
    context_json: String,
    queue: Queue<FULL>,
    /// Dropped numbers that no 2xx has acknowledged yet.
    dropped: DroppedNumbers,
    counts: Counts,

    backoff: Backoff,
    requests: Vec<Request>,
    last_request: u32,
    last_sent_ms: Option<u64>,
    /// Most events in the next batch: fewer than the option while a broken event is searched for.
    events_max: usize,
    /// How many events were accepted before the flush that the page's code requested.
    flush_from: Option<u64>,

    /// How many heartbeats were written.
    heartbeat_count: u64,
    heartbeat_due_ms: Option<u64>,
    has_heartbeat: bool,

    foreign: ForeignProducers,
    orphans: Vec<OrphanedProducer>,
    dropped_orphans: Vec<DroppedOrphans>,
    scan_due_ms: u64,
    overflow: OverflowWorker,
    lock: Lock,
    lease: Lease,
    lag: TimerLag,

    /// When the first client requests the full one.
    full_client_due_ms: u64,
    withdrawal: Withdrawal,
    /// The page was left or frozen, or the client closed: no timer runs.
    is_suspended: bool,
    is_closed: bool,
    notes: Vec<Note>,
}

impl<P: Ports, const FULL: bool> Client<P, FULL> {
    /// Starts a client: creates its producer and holds its Web Lock. Writes nothing to storage yet.
    pub fn new(mut ports: P, options: Options) -> Self {
        let bits = (0..4).fold(0u128, |bits, _| (bits << 32) | u128::from(ports.random_bits()));
        let producer = Producer::from_bits(bits);
        if options.liveness {
            ports.hold_lock(producer);
        }
        Self::start(ports, options, producer)
    }

    fn start(mut ports: P, options: Options, producer: Producer) -> Self {
        let limits = QueueLimits {
            storage_bytes_max: options.storage_bytes_max,
            memory_bytes_max: options.memory_bytes_max,
            settle_ms: options.settle_ms,
        };
        let delays = AdoptionDelays {
            adopt_after_ms: options.adopt_after_ms,
            heartbeat_stale_ms: options.heartbeat_stale_ms,
        };
        let keys = StorageKeys::new(&options.namespace);
        ports.set_event_prefix(&keys.event_prefix(producer));
        let now_ms = ports.monotonic_ms();
        Self {
            withdrawal: Withdrawal::new(ports.get(&keys.consent_withdrawn()).is_some()),
            keys,
            producer,
            seq: 0,
            person: Person::default(),
            session: Session::default(),
            context_json: String::new(),
            queue: Queue::new(producer, limits),
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
            foreign: ForeignProducers::new(delays),
            orphans: Vec::new(),
            dropped_orphans: Vec::new(),
            scan_due_ms: now_ms + FIRST_SCAN_MS,
            overflow: OverflowWorker::new(now_ms),
            lock: Lock::new(producer),
            lease: Lease::new(producer, options.lease_stale_ms),
            lag: TimerLag::default(),
            full_client_due_ms: now_ms + LOAD_AFTER_MS,
            is_suspended: false,
            is_closed: false,
            notes: Vec::new(),
            ports,
            options,
        }
    }

    /// This page's producer.
    pub const fn producer(&self) -> Producer {
        self.producer
    }

    /// The ports, for callers that have to reach their own.
    pub const fn ports(&mut self) -> &mut P {
        &mut self.ports
    }

    /// Sends all waiting events now. A [`Note::Flushed`] reports when that is done, or why it
    /// cannot be done.
    pub fn flush(&mut self) {
        self.flush_from.get_or_insert(self.counts.sent);
        self.end_flush();
    }

    /// When to call [`Client::timer_fired`], by the monotonic clock.
    pub fn next_wake_ms(&mut self) -> Option<u64> {
        let due_ms = if self.is_suspended {
            None
        } else {
            Some(self.due_ms()).filter(|due_ms| *due_ms < u64::MAX)
        };
        self.lag.timer_armed(due_ms);
        due_ms
    }

    fn due_ms(&self) -> u64 {
        let now_ms = self.ports.monotonic_ms();
        let flush = match decide_flush(&self.flush_input(now_ms)) {
            FlushDecision::Nothing => None,
            FlushDecision::WaitUntil(at_ms) => Some(at_ms),
            FlushDecision::Send(_) => Some(now_ms),
        };
        let mut first_ms =
            if FULL { self.shared_work_due_ms(now_ms) } else { self.full_client_due_ms };
        for request in &self.requests {
            first_ms = first_ms.min(request.deadline_ms);
        }
        earliest(first_ms, &[flush, self.queue.due_ms(), self.heartbeat_due_ms])
    }

    /// When there is shared work to do, or work in the overflow.
    fn shared_work_due_ms(&self, now_ms: u64) -> u64 {
        let scan = (!self.is_withdrawn()).then_some(self.scan_due_ms);
        let lock = [self.lock.due_ms(), self.lease_due_ms(now_ms), self.adoption_due_ms(now_ms)];
        let first_ms = earliest(self.overflow_due_ms(now_ms), &lock);
        earliest(first_ms, &[scan, self.withdrawal_due_ms(now_ms)])
    }

    /// Does everything that is due.
    pub fn timer_fired(&mut self) {
        let now_ms = self.ports.monotonic_ms();
        self.lag.timer_fired(now_ms);
        if self.is_suspended {
            return;
        }
        self.time_out(now_ms);
        if self.queue.needs_rescan(now_ms) {
            self.scan_storage(now_ms);
        }
        self.queue.maintain(&mut self.ports, &self.keys, now_ms);
        if FULL {
            let is_failing = self.backoff.is_failing();
            if is_failing {
                self.queue.compact(&mut self.ports, &self.keys, now_ms);
            }
            self.queue.make_room(now_ms, is_failing);
        }
        self.renew_heartbeat(now_ms);
        if FULL {
            self.scan(now_ms);
            self.step_lock(now_ms);
            self.maintain_lease(now_ms);
        } else {
            self.apply_consent_withdrawal();
            self.load_full_client(now_ms);
        }
        if let FlushDecision::Send(reason) = decide_flush(&self.flush_input(now_ms)) {
            self.send_own(reason);
        }
        if FULL {
            self.send_adopted(now_ms);
            self.send_withdrawal_declarations(now_ms);
            self.run_overflow_task(now_ms);
        }
        self.end_flush();
    }

    fn flush_input(&self, now_ms: u64) -> FlushInput {
        FlushInput {
            now_ms,
            events: self.queue.waiting(),
            bytes: self.queue.waiting_bytes(),
            has_declarations: FULL && !self.dropped.is_empty(),
            in_flight: !self.requests.is_empty(),
            backoff_until_ms: self.backoff.until_ms().map(|until_ms| {
                // The lease holder retries for all. A tab that fails as well retries only after one
                // more longest step.
                let yields = FULL && self.lease.is_held_elsewhere(now_ms);
                if yields { until_ms + STEP_MS_MAX } else { until_ms }
            }),
            last_sent_ms: self.last_sent_ms,
            manual: self.flush_from.is_some(),
            interval_ms: self.options.interval_ms,
            events_max: self.events_max,
            bytes_max: self.options.batch_bytes_max,
        }
    }

    /// Writes a new heartbeat while events wait.
    fn renew_heartbeat(&mut self, now_ms: u64) {
        if self.heartbeat_due_ms.is_none_or(|due_ms| due_ms > now_ms) {
            return;
        }
        self.heartbeat_due_ms = (!self.queue.is_empty()).then_some(now_ms + HEARTBEAT_MS);
        if !self.queue.is_empty() || !self.dropped.is_empty() {
            self.write_heartbeat(false);
        }
    }

    fn write_heartbeat(&mut self, has_left: bool) {
        self.heartbeat_count += 1;
        let heartbeat =
            Heartbeat { has_left, next: self.seq + 1, has_overflow: self.queue.has_overflow() };
        // If storage refuses the heartbeat, other tabs only notice later that this page is gone.
        self.has_heartbeat |= self
            .ports
            .set(&self.keys.heartbeat(self.producer), &heartbeat.write(self.heartbeat_count))
            .is_ok();
    }

    /// Removes the heartbeat once there is nothing left that it describes.
    fn remove_heartbeat(&mut self) {
        if self.has_heartbeat && self.queue.is_empty() && self.dropped.is_empty() {
            self.ports.remove(&self.keys.heartbeat(self.producer));
            self.has_heartbeat = false;
            self.heartbeat_due_ms = None;
        }
    }

    /// The notes for the page's code since the last call.
    pub fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }
}

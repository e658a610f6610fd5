//! The full client: it also sends for other tabs, moves events out of storage, and handles what the
//! server rejects.

mod adoption;
mod answer;
mod contents;
mod foreign_block;
mod overflow;
mod question;
mod shared_work;
#[cfg(feature = "full")]
mod stats;
mod withdrawal;

use super::Client;
use super::core::{Core, NewEvent, TrackOutcome, Tracked};
use crate::due::earliest;
use crate::options::Options;
use crate::ports::{PageEvent, Ports, Response};
use crate::queue::{BlockQueue, PageQueue};
use crate::send::backoff::STEP_MS_MAX;
use crate::send::batch;
use crate::send::flush::{FlushDecision, FlushReason, decide_flush};
use crate::tabs::lag::TimerLag;
use crate::tabs::lease::Lease;
use crate::tabs::lock::Lock;
use crate::tabs::orphans::{AdoptionDelays, ForeignProducers, OrphanedProducer};
use adoption::DroppedOrphans;
use contents::RequestContents;
use overflow::OverflowWorker;
use withdrawal::WithdrawnNumbers;

/// How long after the start other tabs' keys are first scanned, in milliseconds.
const FIRST_SCAN_MS: u64 = 200;

/// The client with everything.
#[derive(Debug)]
pub struct FullClient<P> {
    pub(super) core: Core<P, BlockQueue, RequestContents>,
    foreign: ForeignProducers,
    orphans: Vec<OrphanedProducer>,
    dropped_orphans: Vec<DroppedOrphans>,
    pub(super) scan_due_ms: u64,
    overflow: OverflowWorker,
    lock: Lock,
    lease: Lease,
    lag: TimerLag,
    /// Numbers of other producers that were dropped here after a withdrawal, and that no 2xx has
    /// acknowledged yet.
    undeclared: Vec<WithdrawnNumbers>,
}

impl<P: Ports> FullClient<P> {
    /// Starts a client: creates its producer and holds its Web Lock. Writes nothing to storage yet.
    pub fn new(ports: P, options: Options) -> Self {
        Self::with_core(Core::new(ports, options))
    }

    pub(super) fn with_core(core: Core<P, BlockQueue, RequestContents>) -> Self {
        let now_ms = core.ports.monotonic_ms();
        Self {
            foreign: ForeignProducers::new(adoption_delays(&core.options)),
            orphans: Vec::new(),
            dropped_orphans: Vec::new(),
            scan_due_ms: now_ms + FIRST_SCAN_MS,
            overflow: OverflowWorker::new(now_ms),
            lock: Lock::new(core.producer),
            lease: Lease::new(core.producer, core.options.lease_stale_ms),
            lag: TimerLag::default(),
            undeclared: Vec::new(),
            core,
        }
    }

    /// Whether this tab holds the lease.
    pub const fn holds_lease(&self) -> bool {
        self.lease.is_mine()
    }

    fn decide_flush(&self, now_ms: u64) -> FlushDecision {
        let mut input = self.core.flush_input(now_ms);
        input.has_declarations = !self.core.dropped.is_empty();
        // The lease holder retries for all. A tab that fails as well retries only after one more
        // longest step.
        if self.lease.is_held_elsewhere(now_ms) {
            input.backoff_until_ms = input.backoff_until_ms.map(|until_ms| until_ms + STEP_MS_MAX);
        }
        decide_flush(&input)
    }

    /// Sends a batch of this page's events, and declares dropped numbers.
    fn send_batch(&mut self, reason: FlushReason, bytes_max: usize, only_unstored: bool) -> bool {
        let declared = batch::declarable(&self.core.dropped);
        let note = batch::producer_note(self.core.seq + 1, &declared);
        let contents = RequestContents::Own(declared);
        self.core.send_batch(reason, bytes_max, only_unstored, note, contents)
    }

    fn send_own(&mut self, reason: FlushReason) {
        self.apply_consent_withdrawal();
        self.send_batch(reason, self.core.options.batch_bytes_max, false);
    }

    /// This may be the page's last task, so waiting events are sent in requests that outlive it.
    /// Their keys stay until a response is read. During backoff, only events without a key are
    /// worth a try.
    fn send_before_unload(&mut self, now_ms: u64) {
        if self.core.is_suspended {
            return;
        }
        self.core.queue.requeue_spilling();
        self.apply_consent_withdrawal();
        self.core.restore_storage();
        let only_unstored = self.core.backoff.is_waiting(now_ms);
        while let Some(bytes_max) = self.core.keepalive_bytes_max()
            && self.send_batch(FlushReason::Hidden, bytes_max, only_unstored)
        {}
    }

    fn suspend(&mut self, now_ms: u64) {
        self.core.suspend();
        self.release_shared_work(now_ms);
    }

    /// When there is shared work to do, or work in the overflow.
    fn shared_work_due_ms(&self, now_ms: u64) -> u64 {
        let scan = (!self.core.is_withdrawn).then_some(self.scan_due_ms);
        let lock = [self.lock.due_ms(), self.lease_due_ms(now_ms), self.adoption_due_ms(now_ms)];
        let first_ms = earliest(self.overflow_due_ms(now_ms), &lock);
        earliest(first_ms, &[scan, self.withdrawal_due_ms(now_ms)])
    }
}

/// How long the adoption rules wait with these options.
const fn adoption_delays(options: &Options) -> AdoptionDelays {
    AdoptionDelays {
        adopt_after_ms: options.adopt_after_ms,
        heartbeat_stale_ms: options.heartbeat_stale_ms,
    }
}

impl<P: Ports> Client for FullClient<P> {
    type Ports = P;
    type Queue = BlockQueue;
    type Contents = RequestContents;

    fn core(&self) -> &Core<P, BlockQueue, RequestContents> {
        &self.core
    }

    fn core_mut(&mut self) -> &mut Core<P, BlockQueue, RequestContents> {
        &mut self.core
    }

    fn track(&mut self, event: &NewEvent<'_>) -> Tracked {
        let now_ms = self.core.ports.monotonic_ms();
        if self.core.queue.needs_scan() {
            self.scan_storage(now_ms);
        }
        let tracked = self.core.track(event);
        if tracked.outcome == TrackOutcome::StorageBlocked {
            self.note_storage_blocked(now_ms);
        }
        tracked
    }

    fn consent(&mut self) {
        if self.core.consent() {
            self.scan_due_ms = self.core.ports.monotonic_ms();
        }
    }

    fn withdraw(&mut self, forgets: bool) {
        self.core.withdraw(forgets);
        self.discard_foreign();
        // Send at once, because many pages reload right afterwards.
        let now_ms = self.core.ports.monotonic_ms();
        if !self.core.backoff.is_waiting(now_ms) {
            self.send_own(FlushReason::Manual);
            self.send_withdrawal_declarations(now_ms);
        }
        self.core.end_flush();
    }

    fn answered(&mut self, id: u32, response: &Response) {
        if let Some(request) = self.core.take_request(id) {
            self.take_response(request, response);
            self.core.end_flush();
        }
    }

    fn page_event(&mut self, event: PageEvent) {
        let now_ms = self.core.ports.monotonic_ms();
        match event {
            PageEvent::Visible => {}
            PageEvent::Hidden => self.send_before_unload(now_ms),
            PageEvent::Frozen => {
                self.send_before_unload(now_ms);
                self.suspend(now_ms);
            }
            PageEvent::Left => {
                self.core.requeue_unsendable();
                self.send_before_unload(now_ms);
                self.core.write_last_heartbeat();
                self.suspend(now_ms);
            }
            PageEvent::Back => {
                if self.core.resume() {
                    self.scan_due_ms = now_ms;
                }
            }
            PageEvent::Online => self.core.backoff.retry_now(now_ms),
        }
    }

    fn next_wake_ms(&mut self) -> Option<u64> {
        let due_ms = if self.core.is_suspended {
            None
        } else {
            let now_ms = self.core.ports.monotonic_ms();
            let first_ms = self.shared_work_due_ms(now_ms);
            let due_ms = self.core.due_ms(now_ms, self.decide_flush(now_ms), first_ms);
            Some(due_ms).filter(|due_ms| *due_ms < u64::MAX)
        };
        self.lag.timer_armed(due_ms);
        due_ms
    }

    fn timer_fired(&mut self) {
        let now_ms = self.core.ports.monotonic_ms();
        self.lag.timer_fired(now_ms);
        if self.core.is_suspended {
            return;
        }
        self.time_out(now_ms);
        if self.core.queue.needs_rescan(now_ms) {
            self.scan_storage(now_ms);
        }
        self.core.maintain_queue(now_ms);
        let is_failing = self.core.backoff.is_failing();
        if is_failing {
            self.core.queue.compact(&mut self.core.ports, &self.core.keys, now_ms);
        }
        self.core.queue.make_room(now_ms, is_failing);
        self.core.renew_heartbeat(now_ms);
        self.scan(now_ms);
        self.step_lock(now_ms);
        self.maintain_lease(now_ms);
        if let FlushDecision::Send(reason) = self.decide_flush(now_ms) {
            self.send_own(reason);
        }
        self.send_adopted(now_ms);
        self.send_withdrawal_declarations(now_ms);
        self.run_overflow_task(now_ms);
        self.core.end_flush();
    }
}

//! The client that a page starts with. It creates and sends the page's own events, and leaves
//! everything else to the full client, which it loads.

use lamplight_wire::batch::ProducerNote;

use super::Client;
use super::core::{Core, NewEvent, TrackOutcome, Tracked};
use crate::options::Options;
use crate::ports::{PageEvent, Ports, Response};
use crate::queue::{PageQueue, Queue};
use crate::send::backoff::{RetryDelay, STEP_MS_MAX};
use crate::send::flush::{FlushDecision, FlushReason, decide_flush};
use crate::send::response::{ResponseAction, classify};

/// How long after its start a page loads the full client, in milliseconds. By then the page itself
/// has usually loaded.
const LOAD_AFTER_MS: u64 = 3_000;
/// The same after trouble that only a full client can handle.
const LOAD_SOON_MS: u64 = 100;
/// How long to wait before the full client is requested again, in milliseconds.
const LOAD_RETRY_MS: u64 = 60_000;

/// The client that a page starts with.
#[derive(Debug)]
pub struct FirstClient<P> {
    pub(super) core: Core<P, Queue, ()>,
    /// When the full client is requested.
    full_client_due_ms: u64,
}

impl<P: Ports> FirstClient<P> {
    /// Starts a client: creates its producer and holds its Web Lock. Writes nothing to storage yet.
    pub fn new(ports: P, options: Options) -> Self {
        let core = Core::new(ports, options);
        let full_client_due_ms = core.ports.monotonic_ms() + LOAD_AFTER_MS;
        Self { core, full_client_due_ms }
    }

    /// [`Client::counters`] as text, each after a space.
    pub fn stats(&self) -> String {
        self.core.counters_text()
    }

    /// Loads the full client soon, because there is work for it.
    fn load_soon(&mut self) {
        let now_ms = self.core.ports.monotonic_ms();
        if self.full_client_due_ms <= now_ms + LOAD_AFTER_MS {
            self.full_client_due_ms = self.full_client_due_ms.min(now_ms + LOAD_SOON_MS);
        }
    }

    /// Requests the full client when that is due.
    fn load_full_client(&mut self, now_ms: u64) {
        if self.full_client_due_ms <= now_ms {
            self.full_client_due_ms = now_ms + LOAD_RETRY_MS;
            self.core.ports.load_full_client();
        }
    }

    /// Counts how much of the storage share other pages take.
    fn scan_storage(&mut self, now_ms: u64) {
        let core = &mut self.core;
        let own = core.keys.event_prefix(core.producer);
        let prefixes = core.keys.event_prefixes();
        let foreign = prefixes.iter().map(|prefix| core.ports.size_excluding(prefix, &own));
        let foreign_bytes = foreign.sum();
        core.queue.set_foreign_bytes(now_ms, foreign_bytes);
    }

    /// Applies a withdrawal that another tab recorded.
    fn apply_consent_withdrawal(&mut self) {
        if self.core.apply_consent_withdrawal() {
            self.load_soon();
        }
    }

    /// Sends a batch. Dropped numbers are left to the full client to declare.
    fn send_batch(&mut self, reason: FlushReason, bytes_max: usize, only_unstored: bool) -> bool {
        let note = ProducerNote { next: self.core.seq + 1, dropped: Vec::new() };
        self.core.send_batch(reason, bytes_max, only_unstored, note, ())
    }

    /// This may be the page's last task, so waiting events are sent in requests that outlive it.
    /// Their keys stay until a response is read. During backoff, only events without a key are
    /// worth a try.
    fn send_before_unload(&mut self) {
        if self.core.is_suspended {
            return;
        }
        self.apply_consent_withdrawal();
        self.core.restore_storage();
        let only_unstored = self.core.backoff.is_waiting(self.core.ports.monotonic_ms());
        while let Some(bytes_max) = self.core.keepalive_bytes_max()
            && self.send_batch(FlushReason::Hidden, bytes_max, only_unstored)
        {}
    }

    fn retry_later(&mut self, request: u32, delay: RetryDelay, status: u16) {
        self.core.queue.requeue(request);
        self.core.wait_after_failure(delay, STEP_MS_MAX, status);
        self.load_soon();
    }
}

impl<P: Ports> Client for FirstClient<P> {
    type Ports = P;
    type Queue = Queue;
    type Contents = ();

    fn core(&self) -> &Core<P, Queue, ()> {
        &self.core
    }

    fn core_mut(&mut self) -> &mut Core<P, Queue, ()> {
        &mut self.core
    }

    fn track(&mut self, event: &NewEvent<'_>) -> Tracked {
        if self.core.queue.needs_scan() {
            self.scan_storage(self.core.ports.monotonic_ms());
        }
        let tracked = self.core.track(event);
        match tracked.outcome {
            TrackOutcome::Stored | TrackOutcome::TooLarge | TrackOutcome::Closed => {}
            _ => self.load_soon(),
        }
        tracked
    }

    fn consent(&mut self) {
        self.core.consent();
    }

    fn withdraw(&mut self, forgets: bool) {
        self.core.withdraw(forgets);
        self.load_soon();
        self.core.end_flush();
    }

    fn answered(&mut self, id: u32, response: &Response) {
        if self.core.take_request(id).is_none() {
            return;
        }
        // With 0, no single event is dropped and no batch halved. That is left to the full client,
        // which any failure loads.
        match classify(response, 0) {
            ResponseAction::Accept => {
                self.core.backoff.succeeded();
                self.core.accepted(id);
            }
            ResponseAction::Retry(delay) => self.retry_later(id, delay, response.status),
            _ => self.retry_later(id, RetryDelay::Jittered, response.status),
        }
        self.core.end_flush();
    }

    fn page_event(&mut self, event: PageEvent) {
        match event {
            PageEvent::Visible => {}
            PageEvent::Hidden => self.send_before_unload(),
            PageEvent::Frozen => {
                self.send_before_unload();
                self.core.suspend();
            }
            PageEvent::Left => {
                self.core.requeue_unsendable();
                self.send_before_unload();
                self.core.write_last_heartbeat();
                self.core.suspend();
            }
            PageEvent::Back => {
                self.core.resume();
            }
            PageEvent::Online => self.core.backoff.retry_now(self.core.ports.monotonic_ms()),
        }
    }

    fn next_wake_ms(&mut self) -> Option<u64> {
        if self.core.is_suspended {
            return None;
        }
        let now_ms = self.core.ports.monotonic_ms();
        let flush = decide_flush(&self.core.flush_input(now_ms));
        Some(self.core.due_ms(now_ms, flush, self.full_client_due_ms))
    }

    fn timer_fired(&mut self) {
        if self.core.is_suspended {
            return;
        }
        let now_ms = self.core.ports.monotonic_ms();
        while let Some(request) = self.core.take_overdue_request(now_ms) {
            self.retry_later(request.id, RetryDelay::Jittered, 0);
        }
        if self.core.queue.needs_rescan(now_ms) {
            self.scan_storage(now_ms);
        }
        self.core.maintain_queue(now_ms);
        self.core.renew_heartbeat(now_ms);
        self.apply_consent_withdrawal();
        self.load_full_client(now_ms);
        if let FlushDecision::Send(reason) = decide_flush(&self.core.flush_input(now_ms)) {
            self.send_batch(reason, self.core.options.batch_bytes_max, false);
        }
        self.core.end_flush();
    }
}

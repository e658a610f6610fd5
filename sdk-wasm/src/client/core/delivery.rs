//! Sending this page's events, and what both clients do after a response.

use lamplight_wire::Producer;
use lamplight_wire::batch::ProducerNote;
use lamplight_wire::limits::KEEPALIVE_BYTES_MAX;

use super::Core;
use super::request::Request;
use crate::notes::Note;
use crate::ports::{Keepalive, Ports};
use crate::queue::PageQueue;
use crate::send::backoff::RetryDelay;
use crate::send::batch;
use crate::send::flush::FlushReason;

impl<P: Ports, Q: PageQueue, C> Core<P, Q, C> {
    /// Ends the request `id`, if it was not cancelled.
    pub(in crate::client) fn take_request(&mut self, id: u32) -> Option<Request<C>> {
        let at = self.requests.iter().position(|request| request.id == id)?;
        Some(self.requests.swap_remove(at))
    }

    /// Cancels a request whose response is overdue, if there is one. It counts as failed.
    pub(in crate::client) fn take_overdue_request(&mut self, now_ms: u64) -> Option<Request<C>> {
        let at = self.requests.iter().position(|request| request.deadline_ms <= now_ms)?;
        let request = self.requests.swap_remove(at);
        self.ports.abort(request.id);
        Some(request)
    }

    /// How many bytes of events the next request that should outlive the page may carry; `None`
    /// when the browser's budget is used up.
    pub(in crate::client) fn keepalive_bytes_max(&self) -> Option<usize> {
        let taken: usize = self.requests.iter().map(|it| self.outliving_bytes(it)).sum();
        // The envelope around the events needs space too.
        let room_bytes = KEEPALIVE_BYTES_MAX.checked_sub(taken + 1024)?;
        Some(room_bytes.min(self.options.batch_bytes_max))
    }

    /// How many bytes of a request outlive the page.
    pub(in crate::client) fn outliving_bytes(&self, request: &Request<C>) -> usize {
        request.last_bytes.max(self.ports.outliving_bytes(request.id))
    }

    /// Sends a batch with at most `bytes_max` bytes of this page's events, and with `note` about
    /// its producer. Returns whether anything was sent.
    pub(in crate::client) fn send_batch(
        &mut self,
        reason: FlushReason,
        bytes_max: usize,
        only_unstored: bool,
        note: ProducerNote,
        contents: C,
    ) -> bool {
        let id = self.last_request.wrapping_add(1);
        let mut texts = String::new();
        let events =
            self.queue.take_batch(id, self.events_max, bytes_max, only_unstored, &mut texts);
        let keepalive = reason == FlushReason::Hidden;
        // While the page closes, declarations are sent with events only; they are not worth a
        // request of their own.
        if events == 0 && (note.dropped.is_empty() || keepalive) {
            return false;
        }
        if keepalive && texts.len() > bytes_max {
            self.queue.requeue(id);
            return false;
        }
        self.send_request(reason, events, &texts, &[(self.producer, note)], contents);
        true
    }

    /// Starts a request with a batch.
    pub(in crate::client) fn send_request(
        &mut self,
        reason: FlushReason,
        events: usize,
        texts: &str,
        notes: &[(Producer, ProducerNote)],
        contents: C,
    ) {
        let body = batch::batch_body(self.ports.wall_ms(), notes, texts);
        self.send_body(reason, events, body, contents);
    }

    /// Starts a request with this body, which has `events` events.
    pub(in crate::client) fn send_body(
        &mut self,
        reason: FlushReason,
        events: usize,
        body: String,
        contents: C,
    ) {
        let now_ms = self.ports.monotonic_ms();
        let id = self.last_request.wrapping_add(1);
        // Other code of the page shares the browser's budget, and a request over it fails at once.
        // So only small requests use it, and never right after a failure.
        let keepalive = match reason {
            FlushReason::Hidden => Keepalive::Yes,
            FlushReason::Adopted => Keepalive::No,
            _ if self.backoff.is_failing() => Keepalive::No,
            _ => Keepalive::IfSmall,
        };
        self.last_request = id;
        self.last_sent_ms = Some(now_ms);
        self.counts.requests += 1;
        self.counts.last_flush = Some(reason);
        self.requests.push(Request {
            id,
            events,
            last_bytes: if keepalive == Keepalive::Yes { body.len() } else { 0 },
            deadline_ms: now_ms + self.options.response_ms_max,
            contents,
        });
        self.ports.send(id, body, keepalive);
    }

    /// Removes the events of the request `id`, which the server accepted.
    pub(in crate::client) fn accepted(&mut self, id: u32) {
        let seqs = self.queue.remove_accepted(&mut self.ports, &self.keys, id);
        self.counts.sent += seqs.count();
        if !seqs.is_empty() {
            self.notes.push(Note::Delivered { producer: self.producer, seqs });
        }
        self.remove_heartbeat();
    }

    /// Waits after a failure, at most `longest_ms` unless more is required.
    pub(in crate::client) fn wait_after_failure(
        &mut self,
        delay: RetryDelay,
        longest_ms: u64,
        status: u16,
    ) {
        let (now_ms, random) = (self.ports.monotonic_ms(), self.ports.random_bits());
        let wait_ms = self.backoff.failed(now_ms, delay, longest_ms, random);
        self.counts.last_error = Some(status);
        self.notes.push(Note::Failed { status, wait_ms });
    }
}

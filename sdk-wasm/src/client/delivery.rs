//! Sending this page's events, and handling the response.

use lamplight_wire::Producer;
use lamplight_wire::batch::ProducerNote;
use lamplight_wire::limits::KEEPALIVE_BYTES_MAX;
use lamplight_wire::reason::DropReason;

use super::Client;
use super::request::{Request, RequestContents};
use crate::notes::Note;
use crate::ports::{Ports, Response};
use crate::send::backoff::{PROBE_MS_MAX, RetryDelay, STEP_MS_MAX};
use crate::send::batch::{self, DroppedNumbers};
use crate::send::flush::FlushReason;
use crate::send::response::{ResponseAction, classify};

/// Most bytes of a request that may outlive the page although the page is not known to close. It
/// avoids sending the last events before a navigation twice.
const SMALL_KEEPALIVE_BYTES_MAX: usize = 16 * 1024;

impl<P: Ports, const FULL: bool> Client<P, FULL> {
    /// Takes the response to a request. A response to a cancelled request is ignored.
    pub fn answered(&mut self, id: u32, response: &Response) {
        let Some(at) = self.requests.iter().position(|request| request.id == id) else { return };
        let request = self.requests.swap_remove(at);
        // With 0, no single event is dropped and no batch halved. That is left to the full client,
        // which any failure loads.
        let events = if FULL { request.events } else { 0 };
        match classify(response, events) {
            ResponseAction::Accept => self.accepted(request),
            ResponseAction::Halve if FULL => {
                self.events_max = (request.events / 2).max(1);
                self.requeue(&request);
                // Send the smaller batch at once: the server works, only the batch was refused.
                self.last_sent_ms = None;
            }
            ResponseAction::Drop(reason) if FULL => self.drop_only_event(request, reason),
            ResponseAction::Retry(delay) => self.retry_later(&request, delay, response.status),
            _ => self.retry_later(&request, RetryDelay::Jittered, response.status),
        }
        self.end_flush();
    }

    /// Treats requests whose response is overdue as failed.
    pub(super) fn time_out(&mut self, now_ms: u64) {
        let is_overdue = |request: &Request| request.deadline_ms <= now_ms;
        while let Some(at) = self.requests.iter().position(is_overdue) {
            let request = self.requests.swap_remove(at);
            self.ports.abort(request.id);
            self.retry_later(&request, RetryDelay::Jittered, 0);
        }
    }

    /// Sends a batch of this page's events.
    pub(super) fn send_own(&mut self, reason: FlushReason) {
        let bytes_max = self.options.batch_bytes_max;
        self.send_batch(reason, bytes_max, false);
    }

    /// Sends events in requests that may outlive the page, as many as the browser's budget allows.
    pub(super) fn send_keepalive(&mut self, only_unstored: bool) {
        loop {
            let taken: usize = self.requests.iter().map(|request| request.keepalive_bytes).sum();
            // The envelope around the events needs space too.
            let Some(room_bytes) = KEEPALIVE_BYTES_MAX.checked_sub(taken + 1024) else { return };
            let bytes_max = room_bytes.min(self.options.batch_bytes_max);
            if !self.send_batch(FlushReason::Hidden, bytes_max, only_unstored) {
                return;
            }
        }
    }

    /// Sends a batch with at most `bytes_max` bytes of events. Returns whether anything was sent.
    fn send_batch(&mut self, reason: FlushReason, bytes_max: usize, only_unstored: bool) -> bool {
        self.apply_consent_withdrawal();
        let id = self.last_request.wrapping_add(1);
        let mut texts = String::new();
        let events =
            self.queue.take_batch(id, self.events_max, bytes_max, only_unstored, &mut texts);
        let declared = if FULL { batch::declarable(&self.dropped) } else { DroppedNumbers::new() };
        let keepalive = reason == FlushReason::Hidden;
        // While the page closes, declarations are sent with events only; they are not worth a
        // request of their own.
        if events == 0 && (declared.is_empty() || keepalive) {
            return false;
        }
        if keepalive && texts.len() > bytes_max {
            self.queue.requeue(id);
            return false;
        }
        let next = self.seq + 1;
        let note = if FULL {
            batch::producer_note(next, &declared)
        } else {
            ProducerNote { next, dropped: Vec::new() }
        };
        let notes = [(self.producer, note)];
        self.send_request(id, reason, events, &texts, &notes, RequestContents::Own(declared));
        true
    }

    /// Starts a request.
    pub(super) fn send_request(
        &mut self,
        id: u32,
        reason: FlushReason,
        events: usize,
        texts: &str,
        notes: &[(Producer, ProducerNote)],
        contents: RequestContents,
    ) {
        let now_ms = self.ports.monotonic_ms();
        let body = batch::batch_body(self.ports.wall_ms(), notes, texts);
        // Other code of the page shares the browser's budget, and a request over it fails at once.
        // So only small requests use it, and never right after a failure.
        let is_small = body.len() <= SMALL_KEEPALIVE_BYTES_MAX && !self.backoff.is_failing();
        let keepalive =
            reason == FlushReason::Hidden || (reason != FlushReason::Adopted && is_small);
        self.last_request = id;
        self.last_sent_ms = Some(now_ms);
        self.counts.requests += 1;
        self.counts.last_flush = Some(reason);
        self.requests.push(Request {
            id,
            events,
            keepalive_bytes: if keepalive { body.len() } else { 0 },
            deadline_ms: now_ms + self.options.response_ms_max,
            contents,
        });
        self.ports.send(id, body, keepalive);
    }

    fn accepted(&mut self, request: Request) {
        self.backoff.succeeded();
        self.events_max = (self.events_max * 2).min(self.options.events_max);
        match request.contents {
            RequestContents::Adopted(adopted) => {
                if FULL {
                    self.accepted_adopted(adopted);
                }
            }
            RequestContents::Own(declared) => {
                let seqs = self.queue.remove_accepted(&mut self.ports, &self.keys, request.id);
                if FULL {
                    batch::remove_declared(&mut self.dropped, &declared);
                    for (_, seqs) in &declared {
                        self.queue.remove_declared(&mut self.ports, &self.keys, seqs);
                    }
                }
                self.counts.sent += seqs.count();
                if !seqs.is_empty() {
                    self.notes.push(Note::Delivered { producer: self.producer, seqs });
                }
                self.remove_heartbeat();
            }
        }
    }

    fn drop_only_event(&mut self, request: Request, reason: DropReason) {
        self.last_sent_ms = None;
        match request.contents {
            RequestContents::Own(_) => {
                if let Some(seq) = self.queue.drop_only_event(request.id) {
                    self.drop_event(reason, seq);
                }
            }
            RequestContents::Adopted(adopted) => {
                if FULL {
                    self.drop_adopted(adopted, reason);
                }
            }
        }
    }

    fn retry_later(&mut self, request: &Request, delay: RetryDelay, status: u16) {
        self.requeue(request);
        let (now_ms, random) = (self.ports.monotonic_ms(), self.ports.random_bits());
        let longest_ms = if FULL && self.lease.is_mine() { PROBE_MS_MAX } else { STEP_MS_MAX };
        let wait_ms = self.backoff.failed(now_ms, delay, longest_ms, random);
        self.load_soon(now_ms);
        self.counts.last_error = Some(status);
        self.notes.push(Note::Failed { status, wait_ms });
    }

    pub(super) fn requeue(&mut self, request: &Request) {
        // Adopted events never left the list of orphaned producers.
        if matches!(request.contents, RequestContents::Own(_)) {
            self.queue.requeue(request.id);
        }
    }

    /// Ends a flush that the page's code requested, once it is done or has to wait.
    pub(super) fn end_flush(&mut self) {
        let Some(from) = self.flush_from else { return };
        let is_waiting = self.backoff.is_waiting(self.ports.monotonic_ms());
        let is_done = self.queue.waiting() == 0 && self.requests.is_empty();
        if is_done || is_waiting || self.is_suspended {
            self.flush_from = None;
            self.notes.push(Note::Flushed {
                sent: self.counts.sent - from,
                queued: self.queue.len() as u64,
                status: self.counts.last_error.filter(|_| is_waiting),
            });
        }
    }
}

//! Sending this page's own events, and what comes of a request.

use lamplight_wire::batch::ProducerNote;
use lamplight_wire::limits::KEEPALIVE_BYTES_MAX;
use lamplight_wire::reason::DropReason;
use lamplight_wire::{Producer, Ranges};

use super::Client;
use super::adoption::Adopted;
use crate::notes::Note;
use crate::ports::{Answer, Ports};
use crate::send::backoff::{Hold, PROBE_MS_MAX, STEP_MS_MAX};
use crate::send::batch::{self, Dropped};
use crate::send::flush::Reason;
use crate::send::response::{Verdict, classify};

/// Most bytes of a request that outlives the page though the page is not known to go: the last events before a
/// navigation are then not sent twice.
const OUTLIVING_BYTES_MAX: usize = 16 * 1024;

/// A request in flight.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) id: u32,
    /// How many events it carries.
    pub(super) events: usize,
    /// Its body's bytes, if it is to outlive the page.
    pub(super) keepalive_bytes: usize,
    /// When its answer is no longer waited for.
    pub(super) deadline_ms: u64,
    pub(super) cargo: Cargo,
}

/// What a request carries.
#[derive(Debug)]
pub(super) enum Cargo {
    /// Events of this page; the queue knows which. And the numbers it declares as given up.
    Own(Dropped),
    /// Events of others.
    Adopted(Vec<Adopted>),
}

impl<P: Ports, const WHOLE: bool> Client<P, WHOLE> {
    /// Tells what came of a request. An answer to a request that was given up is ignored.
    pub fn answered(&mut self, id: u32, answer: &Answer) {
        let Some(at) = self.requests.iter().position(|request| request.id == id) else { return };
        let request = self.requests.swap_remove(at);
        // Without a number no single event is judged: what is wrong with a batch the whole client sees, which is asked for by
        // any failure.
        let events = if WHOLE { request.events } else { 0 };
        match classify(answer, events) {
            Verdict::Accepted => self.accepted(request),
            Verdict::Halve if WHOLE => {
                self.events_max = (request.events / 2).max(1);
                self.put_back(&request);
                // Smaller at once: the server is well, only the batch is not.
                self.last_sent_ms = None;
            }
            Verdict::Park(reason) if WHOLE => self.park(request, reason),
            Verdict::Keep(hold) => self.keep(&request, hold, answer.status),
            _ => self.keep(&request, Hold::Jitter, answer.status),
        }
        self.end_flush();
    }

    /// Treats requests whose answer is overdue as unanswered.
    pub(super) fn time_out(&mut self, now_ms: u64) {
        let is_overdue = |request: &Request| request.deadline_ms <= now_ms;
        while let Some(at) = self.requests.iter().position(is_overdue) {
            let request = self.requests.swap_remove(at);
            self.ports.abort(request.id);
            self.keep(&request, Hold::Jitter, 0);
        }
    }

    /// Sends a batch of own events.
    pub(super) fn send_own(&mut self, reason: Reason) {
        let bytes_max = self.options.batch_bytes_max;
        self.send(reason, bytes_max, false);
    }

    /// Sends what may outlive the page, in as many requests as the browser's budget allows.
    pub(super) fn send_last(&mut self, only_unstored: bool) {
        loop {
            let taken: usize = self.requests.iter().map(|request| request.keepalive_bytes).sum();
            // The envelope around the events needs some room as well.
            let Some(room) = KEEPALIVE_BYTES_MAX.checked_sub(taken + 1024) else { return };
            let bytes_max = room.min(self.options.batch_bytes_max);
            if !self.send(Reason::Hidden, bytes_max, only_unstored) {
                return;
            }
        }
    }

    /// Sends a batch of at most `bytes_max` bytes of events. Says whether anything was sent.
    fn send(&mut self, reason: Reason, bytes_max: usize, only_unstored: bool) -> bool {
        self.heed_withdrawal();
        let id = self.last_request.wrapping_add(1);
        let mut texts = String::new();
        let events = self.queue.pick(id, self.events_max, bytes_max, only_unstored, &mut texts);
        let declared = if WHOLE { batch::declarable(&self.dropped) } else { Dropped::new() };
        let keepalive = reason == Reason::Hidden;
        // While the page goes, declarations ride along; they are not worth a request of their own.
        if events == 0 && (declared.is_empty() || keepalive) {
            return false;
        }
        if keepalive && texts.len() > bytes_max {
            self.queue.put_back(id);
            return false;
        }
        let next = self.seq + 1;
        let note = if WHOLE {
            batch::note(next, &declared)
        } else {
            ProducerNote { next, dropped: Vec::new() }
        };
        let notes = [(self.producer, note)];
        self.post(id, reason, events, &texts, &notes, Cargo::Own(declared));
        true
    }

    /// Puts a request on the wire.
    pub(super) fn post(
        &mut self,
        id: u32,
        reason: Reason,
        events: usize,
        texts: &str,
        notes: &[(Producer, ProducerNote)],
        cargo: Cargo,
    ) {
        let now_ms = self.ports.monotonic_ms();
        let body = batch::body(self.ports.wall_ms(), notes, texts);
        // Other code of the page shares the browser's budget, and a request over it fails at once: so only small
        // ones, and never right after a failure.
        let is_small = body.len() <= OUTLIVING_BYTES_MAX && !self.backoff.is_failing();
        let keepalive = reason == Reason::Hidden || (reason != Reason::Adopted && is_small);
        self.last_request = id;
        self.last_sent_ms = Some(now_ms);
        self.counts.requests += 1;
        self.counts.last_flush = Some(reason);
        self.requests.push(Request {
            id,
            events,
            keepalive_bytes: if keepalive { body.len() } else { 0 },
            deadline_ms: now_ms + self.options.answer_ms_max,
            cargo,
        });
        self.ports.send(id, body, keepalive);
    }

    fn accepted(&mut self, request: Request) {
        self.backoff.succeeded();
        self.events_max = (self.events_max * 2).min(self.options.events_max);
        match request.cargo {
            Cargo::Adopted(adopted) => {
                if WHOLE {
                    self.accepted_adopted(adopted);
                }
            }
            Cargo::Own(declared) => {
                let seqs = self.queue.accepted(&mut self.ports, &self.keys, request.id);
                if WHOLE {
                    batch::settle(&mut self.dropped, &declared);
                    for (_, given_up) in &declared {
                        self.queue.declared(&mut self.ports, &self.keys, given_up);
                    }
                }
                self.counts.sent += seqs.count();
                if !seqs.is_empty() {
                    self.notes.push(Note::Delivered { producer: self.producer, seqs });
                }
                self.drop_mark();
            }
        }
    }

    fn park(&mut self, request: Request, reason: DropReason) {
        self.last_sent_ms = None;
        match request.cargo {
            Cargo::Own(_) => {
                if let Some(seq) = self.queue.park(request.id) {
                    self.give_up(reason, seq);
                }
            }
            Cargo::Adopted(adopted) => {
                if WHOLE {
                    self.park_adopted(adopted, reason);
                }
            }
        }
    }

    fn keep(&mut self, request: &Request, hold: Hold, status: u16) {
        self.put_back(request);
        let (now_ms, random) = (self.ports.monotonic_ms(), self.ports.bits());
        let longest_ms = if WHOLE && self.lease.is_mine() { PROBE_MS_MAX } else { STEP_MS_MAX };
        let wait_ms = self.backoff.failed(now_ms, hold, longest_ms, random);
        self.hurry_growth(now_ms);
        self.counts.last_error = Some(status);
        self.notes.push(Note::Failed { status, wait_ms });
    }

    pub(super) fn put_back(&mut self, request: &Request) {
        // Adopted events never left the list of orphans.
        if matches!(request.cargo, Cargo::Own(_)) {
            self.queue.put_back(request.id);
        }
    }

    /// Ends a flush that the page asked for, once it is done or must wait.
    pub(super) fn end_flush(&mut self) {
        let Some(from) = self.flush_from else { return };
        let is_waiting = self.backoff.is_waiting(self.ports.monotonic_ms());
        let is_done = self.queue.waiting() == 0 && self.requests.is_empty();
        if is_done || is_waiting || self.is_asleep {
            self.flush_from = None;
            self.notes.push(Note::Flushed {
                sent: self.counts.sent - from,
                queued: self.queue.len() as u64,
                status: self.counts.last_error.filter(|_| is_waiting),
            });
        }
    }
}

/// Numbers, from a list of single ones.
pub(super) fn ranges(seqs: &[u64]) -> Ranges {
    seqs.iter().map(|seq| (*seq, *seq)).collect()
}

//! When the page's own events are sent, and when the client wakes up for it.

use super::Core;
use crate::due::earliest;
use crate::notes::Note;
use crate::ports::Ports;
use crate::queue::PageQueue;
use crate::send::flush::{FlushDecision, FlushInput};

impl<P: Ports, Q: PageQueue, C> Core<P, Q, C> {
    pub(in crate::client) fn flush(&mut self) {
        self.flush_from.get_or_insert(self.counts.sent);
        self.end_flush();
    }

    /// What decides whether to send now, as far as the page's own events go.
    pub(in crate::client) fn flush_input(&self, now_ms: u64) -> FlushInput {
        FlushInput {
            now_ms,
            events: self.queue.waiting(),
            bytes: self.queue.waiting_bytes(),
            has_declarations: false,
            in_flight: !self.requests.is_empty(),
            backoff_until_ms: self.backoff.until_ms(),
            last_sent_ms: self.last_sent_ms,
            manual: self.flush_from.is_some(),
            interval_ms: self.options.interval_ms,
            events_max: self.events_max,
            bytes_max: self.options.batch_bytes_max,
        }
    }

    /// When the next task is due: at `first_ms` or earlier.
    pub(in crate::client) fn due_ms(
        &self,
        now_ms: u64,
        flush: FlushDecision,
        mut first_ms: u64,
    ) -> u64 {
        let flush = match flush {
            FlushDecision::Nothing => None,
            FlushDecision::WaitUntil(at_ms) => Some(at_ms),
            FlushDecision::Send(_) => Some(now_ms),
        };
        for request in &self.requests {
            first_ms = first_ms.min(request.deadline_ms);
        }
        earliest(first_ms, &[flush, self.queue.due_ms(), self.heartbeat_due_ms])
    }

    /// Ends a flush that the page's code requested, once it is done or has to wait.
    pub(in crate::client) fn end_flush(&mut self) {
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

//! What the client does when the page is hidden, frozen, left, restored or closed.

use super::Client;
use super::request::RequestContents;
use crate::ports::{PageEvent, Ports};
use crate::queue::SPILLING;

impl<P: Ports, const FULL: bool> Client<P, FULL> {
    /// Handles a page event.
    pub fn page_event(&mut self, event: PageEvent) {
        let now_ms = self.ports.monotonic_ms();
        match event {
            PageEvent::Hidden => self.send_before_unload(now_ms),
            PageEvent::Visible => {}
            PageEvent::Frozen => {
                self.send_before_unload(now_ms);
                self.suspend(now_ms);
            }
            PageEvent::Left => {
                self.requeue_unsendable();
                self.send_before_unload(now_ms);
                self.write_last_heartbeat();
                self.suspend(now_ms);
            }
            PageEvent::Back => self.resume_page(now_ms),
            PageEvent::Online => self.backoff.retry_now(now_ms),
        }
    }

    /// Sends what it can, and stops. Later events get no number.
    pub fn close(&mut self) {
        if !self.is_closed {
            self.page_event(PageEvent::Left);
            self.is_closed = true;
        }
    }

    /// This may be the page's last task, so waiting events are sent in requests that outlive it.
    /// Their keys stay until a response is read. During backoff, only events without a key are
    /// worth a try.
    fn send_before_unload(&mut self, now_ms: u64) {
        if !self.is_suspended {
            // The block that is being written may never be committed.
            self.queue.requeue(SPILLING);
            let only_unstored = self.backoff.is_waiting(now_ms);
            self.send_keepalive(only_unstored);
        }
    }

    /// A request without `keepalive` ends with the page: its events are sent once more, so that
    /// they need no adopter.
    fn requeue_unsendable(&mut self) {
        while let Some(at) = self.requests.iter().position(|request| request.keepalive_bytes == 0) {
            let request = self.requests.swap_remove(at);
            self.ports.abort(request.id);
            self.requeue(&request);
            if let RequestContents::Adopted(_) = request.contents {
                self.last_sent_ms = None;
            }
        }
    }

    fn write_last_heartbeat(&mut self) {
        if self.has_heartbeat || !self.queue.is_empty() || !self.dropped.is_empty() {
            self.write_heartbeat(true);
        }
    }

    /// Releases what would keep other tabs from working, or the page out of the back/forward cache.
    fn suspend(&mut self, now_ms: u64) {
        self.is_suspended = true;
        self.ports.release_lock();
        if FULL {
            let wall_ms = self.ports.wall_ms();
            self.lease.release(&mut self.ports, &self.keys, now_ms, wall_ms);
            self.release_lock_now(now_ms);
        }
        self.end_flush();
    }

    /// There may be no later task, so check and removal happen in this one. At worst this removes a
    /// claim that has just replaced ours, and that tab starts again.
    fn release_lock_now(&mut self, now_ms: u64) {
        self.lock.release(now_ms);
        while self.lock.due_ms().is_some() {
            self.step_lock(now_ms);
        }
    }

    fn resume_page(&mut self, now_ms: u64) {
        if !self.is_suspended || self.is_closed {
            return;
        }
        self.is_suspended = false;
        if self.options.liveness {
            self.ports.hold_lock(self.producer);
        }
        if self.has_heartbeat {
            self.write_heartbeat(false);
            self.remove_heartbeat();
        }
        self.scan_due_ms = now_ms;
        self.last_sent_ms = None;
    }
}

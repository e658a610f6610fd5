//! What the client does when the page is hidden, frozen, left, brought back, or closed.

use super::Client;
use super::delivery::Cargo;
use crate::ports::{Page, Ports};
use crate::queue::SPILLING;

impl<P: Ports, const WHOLE: bool> Client<P, WHOLE> {
    /// Tells what happens to the page.
    pub fn page(&mut self, event: Page) {
        let now_ms = self.ports.monotonic_ms();
        match event {
            Page::Hidden => self.say_goodbye(now_ms),
            Page::Visible => {}
            Page::Frozen => {
                self.say_goodbye(now_ms);
                self.sleep(now_ms);
            }
            Page::Left => {
                self.take_back();
                self.say_goodbye(now_ms);
                self.write_last_mark();
                self.sleep(now_ms);
            }
            Page::Back => self.wake_up(now_ms),
            Page::Online => self.backoff.hurry(now_ms),
        }
    }

    /// Sends what it can, and stops. Later events get no number.
    pub fn close(&mut self) {
        if !self.is_closed {
            self.page(Page::Left);
            self.is_closed = true;
        }
    }

    /// The page may never be heard of again: what waits is sent so that it outlives the page. The keys stay until an
    /// answer is read. In a wait after failures only what no key holds is worth a try.
    fn say_goodbye(&mut self, now_ms: u64) {
        if !self.is_asleep {
            // What is being written into a block may not get there.
            self.queue.put_back(SPILLING);
            let only_unstored = self.backoff.is_waiting(now_ms);
            self.send_last(only_unstored);
        }
    }

    /// A request that does not outlive the page dies with it: its events go once more, so that they do not wait for
    /// an adopter.
    fn take_back(&mut self) {
        while let Some(at) = self.requests.iter().position(|request| request.keepalive_bytes == 0) {
            let request = self.requests.swap_remove(at);
            self.ports.abort(request.id);
            self.put_back(&request);
            if let Cargo::Adopted(_) = request.cargo {
                self.last_sent_ms = None;
            }
        }
    }

    fn write_last_mark(&mut self) {
        if self.is_marked || !self.queue.is_empty() || !self.dropped.is_empty() {
            self.write_mark(true);
        }
    }

    /// Gives everything back that would keep others from working, or the page out of the back/forward cache.
    fn sleep(&mut self, now_ms: u64) {
        self.is_asleep = true;
        self.ports.release();
        if WHOLE {
            let wall_ms = self.ports.wall_ms();
            self.lease.release(&mut self.ports, &self.keys, now_ms, wall_ms);
            self.let_go_of_lock(now_ms);
        }
        self.end_flush();
    }

    /// There may be no later task: the check and the removal happen in this one. At worst a claim that
    /// replaced ours this moment is removed, and its maker starts again.
    fn let_go_of_lock(&mut self, now_ms: u64) {
        self.lock.release(now_ms);
        while self.lock.due_ms().is_some() {
            self.step_lock(now_ms);
        }
    }

    fn wake_up(&mut self, now_ms: u64) {
        if !self.is_asleep || self.is_closed {
            return;
        }
        self.is_asleep = false;
        if self.options.liveness {
            self.ports.hold(self.producer);
        }
        if self.is_marked {
            self.write_mark(false);
            self.drop_mark();
        }
        self.scan_due_ms = now_ms;
        self.last_sent_ms = None;
    }
}

//! What happens when the page is frozen, left or restored.

use super::Core;
use crate::ports::Ports;
use crate::queue::PageQueue;

impl<P: Ports, Q: PageQueue, C> Core<P, Q, C> {
    /// A request that does not outlive the page ends with it: its events are sent once more, so
    /// that they need no adopter.
    pub(in crate::client) fn requeue_unsendable(&mut self) {
        while let Some(at) = self.requests.iter().position(|it| self.outliving_bytes(it) == 0) {
            let request = self.requests.swap_remove(at);
            self.ports.abort(request.id);
            self.queue.requeue(request.id);
        }
    }

    /// Releases what would keep the page out of the back/forward cache.
    pub(in crate::client) fn suspend(&mut self) {
        self.is_suspended = true;
        self.ports.release_lock();
        self.end_flush();
    }

    /// Continues after [`Core::suspend`]. Returns whether there was anything to continue.
    pub(in crate::client) fn resume(&mut self) -> bool {
        let resumes = self.is_suspended && !self.is_closed;
        if resumes {
            self.is_suspended = false;
            if self.options.liveness {
                self.ports.hold_lock(self.producer);
            }
            if self.has_heartbeat {
                self.write_heartbeat(false);
                self.remove_heartbeat();
            }
            self.last_sent_ms = None;
        }
        resumes
    }
}

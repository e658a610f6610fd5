//! This page's heartbeat.

use super::Core;
use crate::ports::Ports;
use crate::queue::PageQueue;
use crate::tabs::heartbeat::{HEARTBEAT_MS, Heartbeat};

impl<P: Ports, Q: PageQueue, C> Core<P, Q, C> {
    /// Writes a new heartbeat while events wait.
    pub(in crate::client) fn renew_heartbeat(&mut self, now_ms: u64) {
        if self.heartbeat_due_ms.is_none_or(|due_ms| due_ms > now_ms) {
            return;
        }
        self.heartbeat_due_ms = (!self.queue.is_empty()).then_some(now_ms + HEARTBEAT_MS);
        if !self.queue.is_empty() || !self.dropped.is_empty() {
            self.write_heartbeat(false);
        }
    }

    pub(in crate::client) fn write_heartbeat(&mut self, has_left: bool) {
        self.heartbeat_count += 1;
        let heartbeat =
            Heartbeat { has_left, next: self.seq + 1, has_overflow: self.queue.has_overflow() };
        // If storage refuses the heartbeat, other tabs only notice later that this page is gone.
        self.has_heartbeat |= self
            .ports
            .set(&self.keys.heartbeat(self.producer), &heartbeat.write(self.heartbeat_count))
            .is_ok();
    }

    pub(in crate::client) fn write_last_heartbeat(&mut self) {
        if self.has_heartbeat || !self.queue.is_empty() || !self.dropped.is_empty() {
            self.write_heartbeat(true);
        }
    }

    /// Removes the heartbeat once there is nothing left that it describes.
    pub(in crate::client) fn remove_heartbeat(&mut self) {
        if self.has_heartbeat && self.queue.is_empty() && self.dropped.is_empty() {
            self.ports.remove(&self.keys.heartbeat(self.producer));
            self.has_heartbeat = false;
            self.heartbeat_due_ms = None;
        }
    }
}

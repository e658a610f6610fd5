//! Asking the server which events of orphaned producers have arrived.
//!
//! A page that is left sends its last events and never learns the answer, so they stay in storage.
//! The next page asks about them once, and sends only the rest. Without an answer, it sends all.

use lamplight_wire::batch::ProducerNote;
use lamplight_wire::limits::PRODUCERS_MAX;

use super::FullClient;
use super::contents::{AdoptedEvents, RequestContents};
use crate::ports::Ports;
use crate::send::arrived::arrived_numbers;
use crate::send::batch::{self, DroppedNumbers};
use crate::send::flush::FlushReason;

impl<P: Ports> FullClient<P> {
    /// Asks about orphaned producers that were not asked about yet. Returns whether there were any.
    ///
    /// The question declares how far they have numbered, as their last batch would.
    pub(super) fn ask_arrived(&mut self) -> bool {
        let mut notes = Vec::new();
        for orphans in &mut self.orphans {
            if orphans.may_have_arrived && notes.len() < PRODUCERS_MAX {
                orphans.may_have_arrived = false;
                self.foreign.set_asked(orphans.producer);
                let note = ProducerNote { next: orphans.next, dropped: Vec::new() };
                notes.push((orphans.producer, note));
            }
        }
        if notes.is_empty() {
            return false;
        }
        let body = batch::question_body(self.core.ports.wall_ms(), &notes);
        self.core.send_body(FlushReason::Adopted, 0, body, RequestContents::Question);
        true
    }

    /// Removes the events that have arrived.
    pub(super) fn remove_arrived(&mut self, answer: &str) {
        let mut arrived = Vec::new();
        for orphans in &self.orphans {
            let missing = orphans.seqs.minus(&arrived_numbers(answer, orphans.producer));
            let seqs = orphans.seqs.minus(&missing);
            if !seqs.is_empty() {
                let declared = DroppedNumbers::new();
                arrived.push(AdoptedEvents { producer: orphans.producer, seqs, declared });
            }
        }
        self.accepted_adopted(arrived);
    }
}

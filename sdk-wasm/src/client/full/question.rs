//! Asking the server which events of orphaned producers have arrived.
//!
//! A page that is left sends its last events and never learns the answer, so they stay in storage.
//! The next page asks about them once, and sends only the rest. Without an answer, it sends all.

use lamplight_wire::Producer;
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
        let (mut notes, mut producers) = (Vec::new(), Vec::new());
        let orphans = self.orphans.iter().filter(|orphans| orphans.may_have_arrived);
        for orphans in orphans.take(PRODUCERS_MAX) {
            notes.push((
                orphans.producer,
                batch::producer_note(orphans.next, &DroppedNumbers::new()),
            ));
            producers.push(orphans.producer);
        }
        if producers.is_empty() {
            return false;
        }
        let body = batch::question_body(self.core.ports.wall_ms(), &notes);
        self.core.send_body(FlushReason::Adopted, 0, body, RequestContents::Question(producers));
        true
    }

    /// Removes the events that have arrived.
    pub(super) fn remove_arrived(&mut self, producers: &[Producer], answer: &str) {
        let mut arrived = Vec::new();
        for orphans in self.orphans.iter().filter(|it| producers.contains(&it.producer)) {
            let missing = orphans.seqs.minus(&arrived_numbers(answer, orphans.producer));
            let seqs = orphans.seqs.minus(&missing);
            if !seqs.is_empty() {
                let declared = DroppedNumbers::new();
                arrived.push(AdoptedEvents { producer: orphans.producer, seqs, declared });
            }
        }
        self.foreign.end_question(producers);
        self.accepted_adopted(arrived);
    }

    /// Ends a question without an answer: the events are sent.
    pub(super) fn end_question(&mut self, producers: &[Producer]) {
        self.foreign.end_question(producers);
        self.orphans = self.foreign.orphaned(self.core.ports.monotonic_ms());
    }
}

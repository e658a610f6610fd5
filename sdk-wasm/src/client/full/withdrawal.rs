//! Withdrawn consent: other producers' events are deleted too, and their numbers declared.

use lamplight_wire::Producer;
use lamplight_wire::reason::DropReason;

use super::contents::{AdoptedEvents, RequestContents, ranges};
use super::{FullClient, adoption_delays};
use crate::keys::StorageKey;
use crate::ports::Ports;
use crate::queue::PageQueue;
use crate::queue::block::{self, BlockName};
use crate::send::batch::{self, DroppedNumbers};
use crate::send::flush::FlushReason;
use crate::tabs::orphans::ForeignProducers;

/// Most producers in one request.
const PRODUCERS_MAX: usize = 20;

/// Numbers of another producer that were dropped here.
#[derive(Debug)]
pub(super) struct WithdrawnNumbers {
    producer: Producer,
    /// One more than the largest number that is known to have been used.
    next: u64,
    dropped: DroppedNumbers,
}

impl<P: Ports> FullClient<P> {
    /// Applies a withdrawal that another tab recorded.
    pub(super) fn apply_consent_withdrawal(&mut self) {
        if self.core.apply_consent_withdrawal() {
            self.discard_foreign();
        }
    }

    /// Removes what all other producers have in storage. Their live tabs delete what is in memory.
    pub(in crate::client) fn discard_foreign(&mut self) {
        for name in self.core.ports.keys(&self.core.keys.prefix()) {
            let Some(key) = self.core.keys.parse(&name) else { continue };
            let (StorageKey::Event(producer, _)
            | StorageKey::Heartbeat(producer)
            | StorageKey::Block(BlockName { producer, .. })) = key;
            if producer == self.core.producer {
                continue;
            }
            match key {
                StorageKey::Event(_, seq) => self.record_withdrawn(producer, seq),
                StorageKey::Block(_) => {
                    let text = self.core.ports.get(&name).unwrap_or_default();
                    for (seq, _) in block::lines(&text) {
                        self.record_withdrawn(producer, seq);
                    }
                }
                // The numbers that it used are known from its events, or were declared before.
                StorageKey::Heartbeat(_) => {}
            }
            self.core.ports.remove(&name);
        }
        self.foreign = ForeignProducers::new(adoption_delays(&self.core.options));
        self.orphans.clear();
        self.dropped_orphans.clear();
        self.release_unneeded_block();
        self.overflow.must_list_withdrawn = true;
        self.core.queue.set_foreign_bytes(self.core.ports.monotonic_ms(), 0);
    }

    /// Records a number of another producer that was dropped here.
    pub(super) fn record_withdrawn(&mut self, producer: Producer, seq: u64) {
        let known = self.undeclared.iter().position(|withdrawn| withdrawn.producer == producer);
        let at = known.unwrap_or_else(|| {
            self.undeclared.push(WithdrawnNumbers {
                producer,
                next: 0,
                dropped: DroppedNumbers::new(),
            });
            self.undeclared.len() - 1
        });
        let withdrawn = &mut self.undeclared[at];
        withdrawn.next = withdrawn.next.max(seq + 1);
        batch::add_dropped(&mut withdrawn.dropped, DropReason::OptedOut, &ranges(&[seq]));
    }

    /// When to declare other producers' numbers.
    pub(super) fn withdrawal_due_ms(&self, now_ms: u64) -> Option<u64> {
        let is_due = !self.undeclared.is_empty() && self.core.requests.is_empty();
        is_due.then(|| self.core.backoff.until_ms().unwrap_or(now_ms).max(now_ms))
    }

    /// Declares other producers' numbers if no request is in flight.
    pub(super) fn send_withdrawal_declarations(&mut self, now_ms: u64) {
        if self.withdrawal_due_ms(now_ms) != Some(now_ms) {
            return;
        }
        let (mut notes, mut adopted) = (Vec::new(), Vec::new());
        for WithdrawnNumbers { producer, next, dropped } in
            self.undeclared.iter().take(PRODUCERS_MAX)
        {
            let declared = batch::declarable(dropped);
            notes.push((*producer, batch::producer_note(*next, &declared)));
            adopted.push(AdoptedEvents { producer: *producer, seqs: ranges(&[]), declared });
        }
        let contents = RequestContents::Adopted(adopted);
        self.core.send_request(FlushReason::Manual, 0, "", &notes, contents);
    }

    /// The server accepted the declaration of these numbers.
    pub(super) fn declaration_accepted(&mut self, producer: Producer, declared: &DroppedNumbers) {
        for withdrawn in self.undeclared.iter_mut().filter(|known| known.producer == producer) {
            batch::remove_declared(&mut withdrawn.dropped, declared);
        }
        self.undeclared.retain(|withdrawn| !withdrawn.dropped.is_empty());
    }
}

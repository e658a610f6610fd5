//! Withdrawn consent: every event is deleted, and only the deleted numbers are sent.
//!
//! The deleted events were tracked with consent, so the server is told about them as about any
//! dropped events; undeclared numbers would look like losses. The withdrawal is a key in storage,
//! which other tabs check before they send again and later pages when they start.

use lamplight_wire::Producer;
use lamplight_wire::reason::DropReason;

use super::Client;
use super::request::{AdoptedEvents, RequestContents, ranges};
use crate::identity::person::Person;
use crate::identity::session::Session;
use crate::keys::StorageKey;
use crate::notes::Note;
use crate::ports::Ports;
use crate::queue::block::{self, BlockName};
use crate::send::batch::{self, DroppedNumbers};
use crate::send::flush::FlushReason;
use crate::tabs::orphans::{AdoptionDelays, ForeignProducers};

/// Most producers in one request.
const PRODUCERS_MAX: usize = 20;

/// Whether consent was withdrawn, and which numbers are still to declare.
#[derive(Debug)]
pub(super) struct Withdrawal {
    is_on: bool,
    /// Numbers of other producers that were dropped here and that no 2xx has acknowledged yet.
    undeclared: Vec<WithdrawnNumbers>,
}

impl Withdrawal {
    pub(super) const fn new(is_on: bool) -> Self {
        Self { is_on, undeclared: Vec::new() }
    }
}

/// Numbers of another producer that were dropped here.
#[derive(Debug)]
struct WithdrawnNumbers {
    producer: Producer,
    /// One more than the largest number that is known to have been used.
    next: u64,
    dropped: DroppedNumbers,
}

impl<P: Ports, const FULL: bool> Client<P, FULL> {
    /// Whether consent was withdrawn in this browser and not given again since.
    pub const fn is_withdrawn(&self) -> bool {
        self.withdrawal.is_on
    }

    /// Records consent, for this page and for later ones.
    pub fn consent(&mut self) {
        self.ports.remove(&self.keys.consent_withdrawn());
        if self.withdrawal.is_on {
            self.withdrawal.is_on = false;
            self.scan_due_ms = self.ports.monotonic_ms();
        }
    }

    /// Withdraws consent: deletes every waiting event in this browser, those of other tabs too, and
    /// declares them as `opted_out`. With `forgets`, also deletes person and session.
    ///
    /// When this returns, storage holds none of it. Blocks in the overflow are erased in later
    /// tasks, of this page or of the next one that withdraws. A first client deletes its own events
    /// and loads the full client at once, which deletes the rest.
    pub fn withdraw(&mut self, forgets: bool) {
        let _ = self.ports.set(&self.keys.consent_withdrawn(), "1");
        self.discard_everything();
        if forgets {
            self.person.forget(&mut self.ports, &self.keys);
            self.session.end(&mut self.ports, &self.keys);
        }
        // Send at once, because many pages reload right afterwards.
        let now_ms = self.ports.monotonic_ms();
        if FULL && !self.backoff.is_waiting(now_ms) {
            self.send_own(FlushReason::Manual);
            self.send_withdrawal_declarations(now_ms);
        }
        self.end_flush();
    }

    /// Applies a withdrawal that another tab recorded.
    pub(super) fn apply_consent_withdrawal(&mut self) {
        if !self.withdrawal.is_on && self.ports.get(&self.keys.consent_withdrawn()).is_some() {
            self.discard_everything();
        }
    }

    pub(super) fn discard_everything(&mut self) {
        self.withdrawal.is_on = true;
        while let Some(request) = self.requests.pop() {
            self.ports.abort(request.id);
        }
        let seqs = self.queue.withdraw(&mut self.ports, &self.keys);
        for (from, to) in seqs.as_slice() {
            let mut seq = *from;
            while seq <= *to {
                self.drop_event(DropReason::OptedOut, seq);
                seq += 1;
            }
        }
        // A person who is identified later is read from storage again.
        self.person = Person::default();
        self.session = Session::default();
        if FULL {
            self.discard_foreign();
        } else {
            self.load_soon(self.ports.monotonic_ms());
        }
        self.last_sent_ms = None;
        self.notes.push(Note::Withdrawn);
    }

    /// Removes what all other producers have in storage. Their live tabs delete what is in memory.
    fn discard_foreign(&mut self) {
        for name in self.ports.keys(&self.keys.prefix()) {
            let Some(key) = self.keys.parse(&name) else { continue };
            let (StorageKey::Event(producer, _)
            | StorageKey::Heartbeat(producer)
            | StorageKey::Block(BlockName { producer, .. })) = key;
            if producer == self.producer {
                continue;
            }
            match key {
                StorageKey::Event(_, seq) => self.record_withdrawn(producer, seq),
                StorageKey::Block(_) => {
                    let text = self.ports.get(&name).unwrap_or_default();
                    for (seq, _) in block::lines(&text) {
                        self.record_withdrawn(producer, seq);
                    }
                }
                // The numbers that it used are known from its events, or were declared before.
                StorageKey::Heartbeat(_) => {}
            }
            self.ports.remove(&name);
        }
        let delays = AdoptionDelays {
            adopt_after_ms: self.options.adopt_after_ms,
            heartbeat_stale_ms: self.options.heartbeat_stale_ms,
        };
        self.foreign = ForeignProducers::new(delays);
        self.orphans.clear();
        self.dropped_orphans.clear();
        self.release_unneeded_block();
        self.overflow.must_list_withdrawn = true;
        self.queue.set_foreign_bytes(self.ports.monotonic_ms(), 0);
    }

    /// Records a number of another producer that was dropped here.
    pub(super) fn record_withdrawn(&mut self, producer: Producer, seq: u64) {
        let known =
            self.withdrawal.undeclared.iter().position(|withdrawn| withdrawn.producer == producer);
        let at = known.unwrap_or_else(|| {
            self.withdrawal.undeclared.push(WithdrawnNumbers {
                producer,
                next: 0,
                dropped: DroppedNumbers::new(),
            });
            self.withdrawal.undeclared.len() - 1
        });
        let withdrawn = &mut self.withdrawal.undeclared[at];
        withdrawn.next = withdrawn.next.max(seq + 1);
        batch::add_dropped(&mut withdrawn.dropped, DropReason::OptedOut, &ranges(&[seq]));
    }

    /// When to declare other producers' numbers.
    pub(super) fn withdrawal_due_ms(&self, now_ms: u64) -> Option<u64> {
        let is_due = !self.withdrawal.undeclared.is_empty() && self.requests.is_empty();
        is_due.then(|| self.backoff.until_ms().unwrap_or(now_ms).max(now_ms))
    }

    /// Declares other producers' numbers if no request is in flight.
    pub(super) fn send_withdrawal_declarations(&mut self, now_ms: u64) {
        if self.withdrawal_due_ms(now_ms) != Some(now_ms) {
            return;
        }
        let (mut notes, mut adopted) = (Vec::new(), Vec::new());
        for WithdrawnNumbers { producer, next, dropped } in
            self.withdrawal.undeclared.iter().take(PRODUCERS_MAX)
        {
            let declared = batch::declarable(dropped);
            notes.push((*producer, batch::producer_note(*next, &declared)));
            adopted.push(AdoptedEvents { producer: *producer, seqs: ranges(&[]), declared });
        }
        let id = self.last_request.wrapping_add(1);
        self.send_request(
            id,
            FlushReason::Manual,
            0,
            "",
            &notes,
            RequestContents::Adopted(adopted),
        );
    }

    /// The server accepted the declaration of these numbers.
    pub(super) fn declaration_accepted(&mut self, producer: Producer, declared: &DroppedNumbers) {
        for withdrawn in
            self.withdrawal.undeclared.iter_mut().filter(|known| known.producer == producer)
        {
            batch::remove_declared(&mut withdrawn.dropped, declared);
        }
        self.withdrawal.undeclared.retain(|withdrawn| !withdrawn.dropped.is_empty());
    }
}

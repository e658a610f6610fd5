//! Consent that is withdrawn: nothing is kept any more, and nothing sent but which numbers that concerns.
//!
//! What is deleted here was made with consent, so the server is declared_and_sent of it as of anything given up: numbers that nobody
//! declares would look like losses. The withdrawal itself stands in storage, where other tabs see it before they send
//! again, and later pages when they start.

use lamplight_wire::Producer;
use lamplight_wire::reason::DropReason;

use super::Client;
use super::adoption::Adopted;
use super::delivery::{RequestContents, ranges};
use crate::identity::person::Person;
use crate::identity::session::Session;
use crate::keys::Key;
use crate::notes::Note;
use crate::ports::Ports;
use crate::queue::block::{self, BlockName};
use crate::send::batch::{self, Dropped};
use crate::send::flush::Reason;
use crate::tabs::orphans::{AdoptionDelays, ForeignProducers};

/// Most producers that one request speaks of.
const PRODUCERS_MAX: usize = 20;

/// Whether consent was withdrawn, and what that leaves to tell.
#[derive(Debug)]
pub(super) struct Withdrawal {
    is_on: bool,
    /// Gone and other tabs' numbers that were given up here, as far as no 2xx has acknowledged that.
    undeclared: Vec<Withdrawn>,
}

impl Withdrawal {
    pub(super) const fn new(is_on: bool) -> Self {
        Self { is_on, undeclared: Vec::new() }
    }
}

/// Numbers of another producer that were given up here.
#[derive(Debug)]
struct Withdrawn {
    producer: Producer,
    /// One more than the largest number known to be made.
    next: u64,
    dropped: Dropped,
}

impl<P: Ports, const FULL: bool> Client<P, FULL> {
    /// Whether consent was withdrawn in this browser, and not given again since.
    pub const fn is_withdrawn(&self) -> bool {
        self.withdrawal.is_on
    }

    /// Consent is given, here and for pages that start later.
    pub fn consent(&mut self) {
        self.ports.remove(&self.keys.consent_withdrawn());
        if self.withdrawal.is_on {
            self.withdrawal.is_on = false;
            self.scan_due_ms = self.ports.monotonic_ms();
        }
    }

    /// Consent is withdrawn: every event of this browser that still waits is deleted, those of other tabs too, and declared
    /// as `opted_out`. With `forgets`, person and session are deleted as well. When this returns, nothing of it stands in
    /// storage; blocks in the overflow are erased in later tasks, of this page or the next one that withdraws. A client that
    /// is not whole deletes what is its own, and leaves the rest to the whole one, which it asks for at once.
    pub fn withdraw(&mut self, forgets: bool) {
        let _ = self.ports.set(&self.keys.consent_withdrawn(), "1");
        self.discard_everything();
        if forgets {
            self.person.forget(&mut self.ports, &self.keys);
            self.session.end(&mut self.ports, &self.keys);
        }
        // At once, because many a page reloads right after.
        let now_ms = self.ports.monotonic_ms();
        if FULL && !self.backoff.is_waiting(now_ms) {
            self.send_own(Reason::Manual);
            self.send_withdrawal_declarations(now_ms);
        }
        self.end_flush();
    }

    /// Does what another tab has is_set_by_server of all.
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
        // Whoever comes to be named later is read from storage anew.
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

    /// Removes what other producers, gone or not, have in storage. A tab that lives does the same with what it has in
    /// memory.
    fn discard_foreign(&mut self) {
        for name in self.ports.keys(&self.keys.prefix()) {
            let Some(key) = self.keys.parse(&name) else { continue };
            let (Key::Event(producer, _)
            | Key::Heartbeat(producer)
            | Key::Block(BlockName { producer, .. })) = key;
            if producer == self.producer {
                continue;
            }
            match key {
                Key::Event(_, seq) => self.record_withdrawn(producer, seq),
                Key::Block(_) => {
                    let text = self.ports.get(&name).unwrap_or_default();
                    for (seq, _) in block::lines(&text) {
                        self.record_withdrawn(producer, seq);
                    }
                }
                // How far its numbers went is known from what it left, or was declared_and_sent before.
                Key::Heartbeat(_) => {}
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

    /// Notes a number of another producer's that was given up here.
    pub(super) fn record_withdrawn(&mut self, producer: Producer, seq: u64) {
        let known =
            self.withdrawal.undeclared.iter().position(|withdrawn| withdrawn.producer == producer);
        let at = known.unwrap_or_else(|| {
            self.withdrawal.undeclared.push(Withdrawn {
                producer,
                next: 0,
                dropped: Dropped::new(),
            });
            self.withdrawal.undeclared.len() - 1
        });
        let withdrawn = &mut self.withdrawal.undeclared[at];
        withdrawn.next = withdrawn.next.max(seq + 1);
        batch::add_dropped(&mut withdrawn.dropped, DropReason::OptedOut, &ranges(&[seq]));
    }

    /// When the server is to be declared_and_sent of others' numbers.
    pub(super) fn withdrawal_due_ms(&self, now_ms: u64) -> Option<u64> {
        let is_due = !self.withdrawal.undeclared.is_empty() && self.requests.is_empty();
        is_due.then(|| self.backoff.until_ms().unwrap_or(now_ms).max(now_ms))
    }

    /// Tells the server of others' numbers, if nothing is in flight.
    pub(super) fn send_withdrawal_declarations(&mut self, now_ms: u64) {
        if self.withdrawal_due_ms(now_ms) != Some(now_ms) {
            return;
        }
        let (mut notes, mut cargo) = (Vec::new(), Vec::new());
        for Withdrawn { producer, next, dropped } in
            self.withdrawal.undeclared.iter().take(PRODUCERS_MAX)
        {
            let declared = batch::declarable(dropped);
            notes.push((*producer, batch::producer_note(*next, &declared)));
            cargo.push(Adopted { producer: *producer, seqs: ranges(&[]), declared });
        }
        let id = self.last_request.wrapping_add(1);
        self.send_request(id, Reason::Manual, 0, "", &notes, RequestContents::Adopted(cargo));
    }

    /// A 2xx acknowledged that these numbers of another producer's were given up.
    pub(super) fn declaration_accepted(&mut self, producer: Producer, declared: &Dropped) {
        for withdrawn in
            self.withdrawal.undeclared.iter_mut().filter(|known| known.producer == producer)
        {
            batch::remove_declared(&mut withdrawn.dropped, declared);
        }
        self.withdrawal.undeclared.retain(|withdrawn| !withdrawn.dropped.is_empty());
    }
}

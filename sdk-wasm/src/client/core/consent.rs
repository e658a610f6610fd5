//! Withdrawn consent, as far as this page's own events go.
//!
//! The deleted events were tracked with consent, so the server is told about them as about any
//! dropped events; undeclared numbers would look like losses. The withdrawal is a key in storage,
//! which other tabs check before they send again and later pages when they start.

use lamplight_wire::reason::DropReason;

use super::Core;
use crate::identity::person::Person;
use crate::identity::session::Session;
use crate::notes::Note;
use crate::ports::Ports;
use crate::queue::PageQueue;

impl<P: Ports, Q: PageQueue, C> Core<P, Q, C> {
    /// Records consent. Returns whether it was withdrawn before.
    pub(in crate::client) fn consent(&mut self) -> bool {
        let key = self.keys.consent_withdrawn();
        // The empty text says that storage was not cleared since the withdrawal.
        if self.ports.size(&key) > 0 && self.ports.set(&key, "").is_err() {
            self.ports.remove(&key);
        }
        std::mem::take(&mut self.is_withdrawn)
    }

    /// Records the withdrawal and deletes the page's events.
    pub(in crate::client) fn withdraw(&mut self, forgets: bool) {
        let _ = self.ports.set(&self.keys.consent_withdrawn(), "1");
        self.discard_events();
        if forgets {
            self.person.forget(&mut self.ports, &self.keys);
            self.session.end(&mut self.ports, &self.keys);
        }
    }

    /// Applies a withdrawal that another tab recorded. Returns whether there was a new one.
    pub(in crate::client) fn apply_consent_withdrawal(&mut self) -> bool {
        let is_new = !self.is_withdrawn && self.ports.size(&self.keys.consent_withdrawn()) > 0;
        if is_new {
            self.discard_events();
        }
        is_new
    }

    /// Deletes the page's events and cancels its requests.
    pub(in crate::client) fn discard_events(&mut self) {
        self.is_withdrawn = true;
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
        self.last_sent_ms = None;
        self.notes.push(Note::Withdrawn);
    }
}
